"""Results reach their destinations: what goes where, when to try again."""
