"""One scoring run: what was asked, which versions score, which rows, and what is logged."""
