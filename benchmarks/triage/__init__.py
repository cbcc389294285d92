"""Synthetic necks after treatment of the nasopharynx, and what the triage models make of them. No patient anywhere."""
