"""From native forms, which hold their estimators, to one that does without: of one, or of one per segment."""

from __future__ import annotations

from typing import Any

from scorehouse.errors import CompileError
from scorehouse.forms.native.make import compile_native
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.stored import StoredTrees
from scorehouse.forms.preprocessing import begun, ended, in_singles
from scorehouse.forms.segments_made import stacked
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
        layouts=(form.layout,),
    )


def stored_segments(estimator: Any, version: Version, signature: Signature, call: str) -> StoredTrees:
    """The form of a fitted segmented estimator; it is not proven yet.

    Raises CompileError naming the segment whose estimator has no native form that can be stored.
    """

    def compile_one(one: Any) -> StoredTrees:
        form = compile_native(one, call=call)
        return stored_trees(form, version, signature, call, without=estimator.position_)

    made = stacked(estimator, version, signature, call, compile_one)
    return StoredTrees(**made.common, layouts=tuple(form.layouts[0] for form in made.forms))
