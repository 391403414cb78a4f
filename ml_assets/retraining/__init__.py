"""When a model is trained again."""
