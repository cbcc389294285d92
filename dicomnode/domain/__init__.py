"""Frozen values of the node's own world. Standard library only; no promise of stability outside this project."""
