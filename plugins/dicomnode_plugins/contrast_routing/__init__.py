"""Contrast-free routing: whether gadolinium may be omitted, answered while the patient is still on the table."""
