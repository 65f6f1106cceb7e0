"""Rows that prediction sets are tested on, and what MAPIE makes of them."""
