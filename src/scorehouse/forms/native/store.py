"""From a native form, which holds its estimator, to one that does without it."""

from __future__ import annotations

from scorehouse.errors import CompileError
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.stored import StoredTrees
from scorehouse.forms.preprocessing import begun, ended, in_singles
from scorehouse.forms.sql.hist_sql import preprocessed
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


def stored_trees(
    form: NativeForm, version: Version, signature: Signature, call: str, *, without: int | None = None
) -> StoredTrees:
    """The form as it can be stored; it is not proven yet.

    `without` is the position of a feature that the estimator does not get. Raises CompileError naming what
    of the estimator cannot be told as data.
    """

    def refused(problem: str) -> CompileError:
        return CompileError(
            call,
            problem,
            expected="trees behind steps that are known as SQL too",
            action="score this version as it is; it opens its estimator",
        )

    if form.recipe.start is not None:
        raise refused("its boosting starts with the predictions of another estimator")
    b, values = begun(signature, call)
    values = [value for position, value in enumerate(values) if position != without]
    for step in form.before:
        values = b.transform(step, values)
    values = preprocessed(b, form.last, values)
    if len(values) != form.recipe.n_features:
        raise refused(f"its steps make {len(values)} columns for {form.recipe.n_features}")
    return StoredTrees(
        columns=ended(b, values, refused),
        singles=in_singles(signature),
        links=form.recipe.outputs,
        classes=version.classes,
        layout=form.layout,
    )
