"""Random programs over every product and every message."""
