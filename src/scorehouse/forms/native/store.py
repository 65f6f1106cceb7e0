"""From a native form, which holds its estimator, to one that does without it."""

from __future__ import annotations

from scorehouse.errors import CompileError
from scorehouse.forms.in_arrow import unknown_parts
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.stored import StoredTrees
from scorehouse.forms.sql.builder import Builder, Origin, Value
from scorehouse.forms.sql.expression import Case, Feature, In, no, number
from scorehouse.forms.sql.hist_sql import preprocessed
from scorehouse.forms.sql.inputs import LARGEST, category_literals
from scorehouse.forms.sql.registers import CONVERTERS
from scorehouse.registry.signature import Feature as Signed
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


def stored_trees(form: NativeForm, version: Version, signature: Signature, call: str) -> StoredTrees:
    """The form as it can be stored; it is not proven yet.

    Raises CompileError naming what of the estimator cannot be told as data.
    """
    if form.recipe.start is not None:
        raise _refused(call, "its boosting starts with the predictions of another estimator")
    b = Builder(signature, call, CONVERTERS, has_real=True, largest=LARGEST)
    values = [_read(b, position, feature) for position, feature in enumerate(signature.features)]
    for step in form.before:
        values = b.transform(step, values)
    values = preprocessed(b, form.last, values)
    if len(values) != form.recipe.n_features:
        raise _refused(call, f"its steps make {len(values)} columns for {form.recipe.n_features}")
    if texts := [value.name for value in values if value.kind == "text"]:
        raise _refused(call, f"its trees read the text {texts[0]!r} by themselves")
    if b.failures:
        raise _refused(call, "its steps refuse some values while they compute")
    columns = b.finish([(f"column_{i}", value.expr) for i, value in enumerate(values)])
    if unknown := unknown_parts(columns):
        raise _refused(call, f"its steps need {sorted(unknown)}")
    singles = [i for i, f in enumerate(signature.features) if f.type == "double" and f.dtype == "float32"]
    return StoredTrees(columns, tuple(singles), form.layout, form.recipe.outputs, version.classes)


def _read(b: Builder, position: int, feature: Signed) -> Value:
    """A feature that the kernel has checked, as the steps read it."""
    if feature.type == "timestamp":
        raise b.refuse(f"feature {feature.name!r}", "a timestamp is no number")
    if feature.type == "string":
        value = Value(Feature(position, "text"), feature.name, "text")
    elif feature.type == "boolean":
        held = Feature(position, "boolean")
        ones = Case(((held, number(1.0)), (no(held), number(0.0))))
        value = Value(b.bind(ones, feature.name), feature.name, "boolean")
    else:
        value = Value(Feature(position, "double"), feature.name, origin=Origin(position))
    if feature.dtype == "category" and feature.categories is not None:
        known = In(value.expr, category_literals(feature))
        return Value(Case(((known, value.expr),)), value.name, value.kind)
    return value


def _refused(call: str, problem: str) -> CompileError:
    return CompileError(
        call,
        problem,
        expected="trees behind steps that are known as SQL too",
        action="score this version as it is; it opens its estimator",
    )
