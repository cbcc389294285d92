"""What models decided, against what they decided before and against the truth; pure functions."""
