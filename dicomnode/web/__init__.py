"""Pages for people and answers for machines, beside the node in its process."""
