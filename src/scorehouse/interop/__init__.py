"""Neighbours: registries that ML models come from and go to."""
