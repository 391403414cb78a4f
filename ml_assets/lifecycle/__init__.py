"""What happens to one model, without Dagster: steps that read and write its state round the plain functions."""
