"""One scoring run: what was requested, which versions and rows are scored, and what is logged."""
