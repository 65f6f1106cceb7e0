"""The outbox: predictions and alerts on their way to other systems."""
