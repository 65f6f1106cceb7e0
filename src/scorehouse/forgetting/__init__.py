"""Forgetting: the rows of persons leave tables and files, and what was searched is certified."""
