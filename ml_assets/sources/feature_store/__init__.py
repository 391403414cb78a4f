"""A feature store as a source of columns: each row gets what was known of its entities at its own time (Feast)."""
