"""One module per task, with all that depends on the task; formulas of metrics, and scores with intervals."""
