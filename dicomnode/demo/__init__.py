"""A synthetic exam and a stand-in PACS, to see the node work without a hospital."""
