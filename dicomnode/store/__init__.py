"""Objects on disk: durable once put."""
