"""Compile a fitted estimator into its native form."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from scorehouse.errors import CompileError
from scorehouse.forms.native.kernel import require_library
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.recipes import readers, recipe_of
from scorehouse.forms.segments_made import is_segmented
from scorehouse.forms.several import CHAINS, FOR_EACH
from scorehouse.forms.sql.builder import name_of

SEARCHES = ("sklearn.GridSearchCV", "sklearn.RandomizedSearchCV")


def compile_native(estimator: Any, *, call: str = "compile_native()") -> NativeForm:
    """The native form of a fitted tree, forest, boosted ensemble, or pipeline that ends in one.

    scikit-learn itself runs the steps before the last. The form is not proven yet: `prove` does that. Raises
    CompileError, which names the step without a native form or says that there is no kernel here.
    """
    require_library(call)
    before, last, path = _taken_apart(estimator)

    def refuse(part: Any, problem: str) -> CompileError:
        where = " > ".join([*path, type(part).__name__])
        return CompileError(
            call,
            f"{where}: {problem}",
            expected="a tree, a forest or boosted trees as the last step (docs/how-to lists them)",
            action="score this version with the estimator itself, or by its SQL form",
        )

    ensemble, recipe = recipe_of(last, refuse)
    from scorehouse.forms.native.layout import lay_out

    layout = lay_out(
        ensemble,
        recipe.n_features,
        takes_missing=recipe.takes_missing,
        takes_infinite=recipe.takes_infinite,
    )
    return NativeForm(estimator, tuple(before), last, recipe, layout)


def made_of_trees(estimator: Any) -> bool:
    """Whether native code supports the class of the last step, of one or of each segment or output."""
    if is_segmented(estimator):
        estimator = next(iter(estimator.estimators_), estimator.fallback_)
    last = _taken_apart(estimator)[1]
    parts = last.estimators_ if name_of(last) in FOR_EACH else [last]
    return all(name_of(part) in readers() for part in parts)


def reads_predictions(estimator: Any) -> bool:
    """Whether the last step holds estimators that read what others of them predict."""
    return not is_segmented(estimator) and name_of(_taken_apart(estimator)[1]) in CHAINS


def _taken_apart(estimator: Any) -> tuple[list[Any], Any, list[str]]:
    """The transformers before the last step, the last step, and the path to it."""
    before, path = [], []
    while True:
        if name_of(estimator) in SEARCHES:
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            path.append(estimator.steps[-1][0])
            if len(estimator) > 1:
                before.append(estimator[:-1])
            estimator = estimator[-1]
        else:
            return before, estimator, path
