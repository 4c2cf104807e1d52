"""Fixed points, the iterates on the way to them, and what they minimise."""
