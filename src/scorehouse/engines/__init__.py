"""Engines pass record batches through the kernel; one package per engine."""
