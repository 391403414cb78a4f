"""What was trained, what is in charge, and why: MLflow's registry and the ledger of decisions."""
