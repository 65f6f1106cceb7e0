"""Native code for trees: a stand-in for the fitted estimator, proven equal to it."""

from scorehouse.forms.native.make import compile_native, made_of_trees
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.prove_native import Proof, prove

__all__ = ["NativeForm", "Proof", "compile_native", "made_of_trees", "prove"]
