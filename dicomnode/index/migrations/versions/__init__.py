"""Schema migrations in order."""
