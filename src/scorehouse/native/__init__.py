"""Native code for trees: a stand-in for the fitted estimator, proven equal to it."""

from scorehouse.native.compiled import compile_native, made_of_trees
from scorehouse.native.form import NativeForm
from scorehouse.native.parity import Proof, prove

__all__ = ["NativeForm", "Proof", "compile_native", "made_of_trees", "prove"]
