"""Transformers that contain other steps: pipelines, column transformers and unions."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Value


def pipeline(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """One step after another."""
    for name, step in estimator.steps:
        with b.inside(name):
            values = b.transform(step, values)
    return values


def column_transformer(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Each transformer on its columns, in the order of the output."""
    made: list[Value] = []
    indices = estimator._transformer_to_input_indices
    for name, transformer, _ in estimator.transformers_:
        chosen = [values[int(i)] for i in np.asarray(indices.get(name, []), dtype=int)]
        if not chosen or (isinstance(transformer, str) and transformer == "drop"):
            continue
        weight = (estimator.transformer_weights or {}).get(name)
        if weight not in (None, 1.0):
            raise b.refuse(estimator, f"the transformer {name!r} has a weight")
        with b.inside(name):
            made += b.transform(transformer, chosen)
    return made


def feature_union(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """All transformers on all columns, side by side."""
    made: list[Value] = []
    if estimator.transformer_weights:
        raise b.refuse(estimator, "its transformers have weights")
    for name, transformer in estimator.transformer_list:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        with b.inside(name):
            made += b.transform(transformer, values)
    return made
