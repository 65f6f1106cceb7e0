"""Single rows, scored as a batch would score them."""
