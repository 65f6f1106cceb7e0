"""Pictures as SVG: shapes, and plots with scales, ticks and labels."""
