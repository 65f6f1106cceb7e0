"""Engines carry record batches through the kernel, one module per engine."""
