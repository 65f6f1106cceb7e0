"""The monitoring of one ML model, tried on the project's own past: false alarms, and planted faults."""
