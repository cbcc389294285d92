"""Is it still working? What is decided, against what was decided before and against the truth; pure functions."""
