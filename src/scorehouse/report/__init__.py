"""The monitoring report: one HTML file, and exports as a table or as alert payloads."""
