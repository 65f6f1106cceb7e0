"""The report: what the monitoring tables of a warehouse say, as one HTML file, and as tables and payloads."""
