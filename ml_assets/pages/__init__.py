"""Pages for people: how every model is, why, and what they can do; read from ledger and records."""
