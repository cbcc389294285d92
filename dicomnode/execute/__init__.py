"""Run a plugin on a case, isolated."""
