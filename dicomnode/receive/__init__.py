"""Is this instance whole and honest? Then store it, index it, answer."""
