"""Pictures as SVG: shapes, the area of a plot with its scales and ticks, and labels that have room."""
