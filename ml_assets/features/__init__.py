"""From raw rows to model inputs: cleaning, column roles, preprocessing."""
