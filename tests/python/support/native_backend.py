"""The trees of a fitted estimator as native code, with its methods: on numbers, without a signature."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.errors import CompileError
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.recipes import recipe_of
from scorehouse.program.native.stored import sums_of

METHODS = ("predict", "predict_proba", "decision_function", "score_samples")


class NativeBackend:
    """Has the METHODS of an estimator that its trees give; scikit-learn runs the steps before the last."""

    def __init__(self, estimator: Any) -> None:
        estimator = getattr(estimator, "best_estimator_", estimator)
        self.before, self.last = estimator[:-1] if hasattr(estimator, "steps") else None, estimator
        if self.before is not None:
            self.last = estimator[-1]
        ensemble, self.recipe = recipe_of(self.last, _refused)
        columns = self.last.n_features_in_
        self.model = TreeModel(ensemble, columns, self.recipe.takes_missing, self.recipe.takes_infinite)

    def __getattr__(self, name: str) -> Any:
        if name in METHODS and name in self.recipe.outputs:
            return partial(self._answer, name)
        if name == "classes_":
            return self.last.classes_
        raise AttributeError(name)

    def numbers(self, X: Any) -> np.ndarray:
        """What the trees read, of shape (rows, columns)."""
        X = X if self.before is None else self.before.transform(X)
        X = X.toarray() if hasattr(X, "toarray") else X
        if getattr(self.last, "_preprocessor", None) is not None:
            X = self.last._preprocessor.transform(X)
        if self.recipe.categories:
            chosen = [name for name in X.columns if isinstance(X[name].dtype, pd.CategoricalDtype)]
            for name, known in zip(chosen, self.recipe.categories, strict=True):
                codes = X[name].cat.set_categories(known).cat.codes.to_numpy()
                X = X.assign(**{name: np.where(codes < 0, np.nan, codes)})
        return np.require(np.asarray(X), np.float64, ["ALIGNED"])

    def _answer(self, method: str, X: Any) -> np.ndarray:
        sums = sums_of(self.model, self.numbers(X))
        link = self.recipe.outputs[method]
        return np.asarray(self.last.classes_).take(link(sums)) if link.is_label else link(sums)


def _refused(part: Any, problem: str) -> CompileError:
    return CompileError("test", f"{type(part).__name__}: {problem}", expected="", action="")
