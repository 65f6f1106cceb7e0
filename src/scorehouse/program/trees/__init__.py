"""Decision trees as plain arrays, read once from each library for every backend."""

from scorehouse.program.trees.tree import CategorySplit, Ensemble, Read, Recipe, Refuse, Tree, float32_edge

__all__ = ["CategorySplit", "Ensemble", "Read", "Recipe", "Refuse", "Tree", "float32_edge"]
