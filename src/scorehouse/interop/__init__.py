"""Other registries that ML models are imported from and exported to."""
