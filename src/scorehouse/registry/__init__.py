"""Registered versions: their rows in version control, their artifacts, and who may open them."""
