"""Registered versions: their rows in version control, their artifacts, and the policy for opening them."""
