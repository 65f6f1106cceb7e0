"""Score a run again, from its row in the run log."""
