"""From one prediction to its story: run, version, features, reasons, decision, and what would flip it."""
