"""What a fitted model is worth: predictions, evaluation beside the baseline, importance, pictures."""
