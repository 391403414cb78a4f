"""What the decisions are worth, measured."""
