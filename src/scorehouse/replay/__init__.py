"""A run, scored again from its row in the run log."""
