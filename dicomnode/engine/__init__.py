"""DBOS's home: durable workflows behind a narrow port."""
