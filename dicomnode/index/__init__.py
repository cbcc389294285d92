"""SQLAlchemy's home: the schema and the questions asked of it."""
