"""The native form of an estimator: a stand-in with its methods, which runs the trees as machine code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scorehouse.forms.links import Link
from scorehouse.forms.native.run import in_parts, sums_of

if TYPE_CHECKING:
    from scorehouse.forms.native.layout import Layout

METHODS = ("predict", "predict_proba", "decision_function", "score_samples")
LARGEST_EXACT = 2**53  # integers beyond it may change when they become doubles


@dataclass(frozen=True)
class Recipe:
    """How an estimator gets from X to the numbers of its trees, and from their sums to its outputs.

    `outputs` computes each method's result from the sums, of shape (rows, outputs). `prepare` turns X into
    the numbers that the trees were grown on; `start`, if given, computes the start of the sums from them.
    If the recipe does not accept X, the estimator itself is used. `takes_sparse`: missing entries of a
    sparse matrix are 0. `asks_numbers`: the estimator also accepts the numbers that the trees read.
    """

    n_features: int
    outputs: Mapping[str, Link]
    takes_missing: bool = True
    takes_infinite: bool = True
    takes_sparse: bool = False
    asks_numbers: bool = True
    prepare: Callable[[Any], Any] | None = None
    start: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True)
class NativeForm:
    """Has the METHODS of `estimator` that its recipe supports, and `classes_`.

    `before` holds the transformers whose `transform` runs first; `last` is the estimator with the trees.
    Methods hold no lock while the trees run, so several threads may each score their own batch. A form from
    `with_threads` divides one batch itself.
    """

    estimator: Any
    before: tuple[Any, ...]
    last: Any
    recipe: Recipe
    layout: Layout
    pool: ThreadPoolExecutor | None = None

    def __getattr__(self, name: str) -> Any:
        if name in METHODS and name in self.recipe.outputs:
            return partial(self._answer, name)
        if name == "classes_":
            return self.estimator.classes_
        raise AttributeError(f"the native form of {type(self.estimator).__name__} has no {name!r}")

    def with_threads(self, threads: int) -> NativeForm:
        """The same form, which divides each batch among `threads` threads."""
        return replace(self, pool=ThreadPoolExecutor(threads) if threads > 1 else None)

    def _answer(self, method: str, X: Any) -> np.ndarray:
        """The result of the estimator's `method`; if the trees cannot run on X, the estimator computes it."""
        for step in self.before:
            X = step.transform(X)
        numbers = self._block(X)
        sums = None if numbers is None else self.sums(numbers)
        if sums is None:
            return np.asarray(getattr(self.last, method)(X))  # of several labels, one block of scores each
        link = self.recipe.outputs[method]
        made = link(sums)
        return np.asarray(self.last.classes_).take(made) if link.is_label else made

    def numbers(self, X: Any) -> np.ndarray | None:
        """The numbers that the trees read, of shape (rows, features); None if they cannot run on X."""
        for step in self.before:
            X = step.transform(X)
        return self._block(X)

    def _block(self, X: Any) -> np.ndarray | None:
        recipe = self.recipe
        if hasattr(X, "toarray") and recipe.takes_sparse and not np.isnan(X.data).any():
            X = X.toarray()
        numbers = as_block(
            X if recipe.prepare is None else recipe.prepare(X), exact=self.layout.rounds_inputs
        )
        return None if numbers is None or numbers.shape[1] != recipe.n_features else numbers

    def sums(self, numbers: np.ndarray) -> np.ndarray | None:
        """The sums over all trees, of shape (rows, outputs); None where the estimator refuses a value."""
        return in_parts(partial(sums_of, self.layout, self.recipe.start), numbers, self.pool)


def as_block(X: Any, *, exact: bool) -> np.ndarray | None:
    """X as doubles of shape (rows, features), without a copy if possible; None for other types.

    With `exact`, also None for integers that would change.
    """
    if type(X) is np.ndarray and X.ndim == 2 and X.dtype == object:
        return _of_objects(X)
    if isinstance(X, pd.DataFrame):
        dtypes = set(X.dtypes)
    elif type(X) is np.ndarray and X.ndim == 2:
        dtypes = {X.dtype}
    else:
        return None
    if not all(
        isinstance(dtype, np.dtype) and dtype.kind in "fiub" and dtype.itemsize <= 8 for dtype in dtypes
    ):
        return None
    if exact and any(dtype.kind in "iu" and dtype.itemsize == 8 for dtype in dtypes) and _has_large(X):
        return None
    numbers = X.to_numpy(dtype=np.float64) if isinstance(X, pd.DataFrame) else X
    return np.require(numbers, np.float64, ["ALIGNED"])  # a view into the bytes of a file may not be aligned


def _of_objects(X: np.ndarray) -> np.ndarray | None:
    """Numbers of mixed types, as from a column transformer; scikit-learn reads them as doubles too."""
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError):
        return None


def _has_large(X: Any) -> bool:
    wide = X.select_dtypes(["int64", "uint64"]).to_numpy() if isinstance(X, pd.DataFrame) else X
    return bool(wide.size) and (wide.max() > LARGEST_EXACT or wide.min() < -LARGEST_EXACT)
