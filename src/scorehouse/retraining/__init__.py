"""Retraining as a run: asked for by signals, trained in a fresh process, registered, and judged."""
