"""The draft of a signature: types, ranges and categories of the training frame.

What the pipeline accepts is found by `registration.probe`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from scorehouse.kernel.rows import as_double
from scorehouse.kernel.training_batch import type_error
from scorehouse.registry.signature import Feature, Signature
from scorehouse.segmented import Segmented

UNSEEN = "scorehouse: a category never seen"
CATEGORY_LIMIT = 1000


def draft_signature(
    frame: pd.DataFrame,
    batch: pa.RecordBatch,
    container: str,
    known: Mapping[str, tuple[Any, ...]],
    call: str,
) -> Signature:
    """Types, ranges and categories of the training columns; what the pipeline accepts is found later."""
    features = []
    for name in batch.schema.names:
        column = batch.column(name)
        dtype = frame[name].dtype
        feature = Feature(
            name=name,
            type=_feature_type(name, column.type, call),
            dtype=_dtype_name(frame[name]),
            accepts_null=True,
            accepts_non_finite=True,
            null_as="none"
            if str(dtype) == "object" and any(value is None for value in frame[name])
            else "nan",
            null_share=column.null_count / len(column) if len(column) else None,
        )
        features.append(_described(feature, column, dtype, known.get(name)))
    return Signature(
        tuple(features), container, str(_array_dtype(frame)) if container == "array" else "float64"
    )


def _dtype_name(column: pd.Series) -> str:
    """The dtype of a training column; `decimal` or `date` for objects of these types."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if column.dtype == object:
        held = {type(value) for value in column if value is not None and value == value}
        if held == {Decimal}:
            return "decimal"
        if held == {date}:
            return "date"
    if str(column.dtype).startswith("dictionary<"):  # which pandas cannot make from its name
        return "object"
    return str(column.dtype)


def _array_dtype(frame: pd.DataFrame) -> np.dtype[Any]:
    try:
        return np.result_type(*frame.dtypes)
    except TypeError:  # dtypes that only pandas has, such as its strings
        return frame.to_numpy().dtype


def _feature_type(name: str, arrow_type: pa.DataType, call: str) -> str:
    checks: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "double"),
        (pa.types.is_decimal, "double"),
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_date32, "timestamp"),
        (pa.types.is_string, "string"),
        (pa.types.is_large_string, "string"),
    )
    for check, feature_type in checks:
        if check(arrow_type):
            return feature_type
    raise type_error(name, str(arrow_type), call)


def _described(feature: Feature, column: pa.Array, dtype: Any, known: tuple[Any, ...] | None) -> Feature:
    categories = known
    if isinstance(dtype, pd.CategoricalDtype):
        categories = tuple(np.asarray(dtype.categories).tolist())
    if categories is None and feature.type == "string":
        distinct = pc.unique(column.drop_null()).to_pylist()
        categories = tuple(sorted(distinct)) if len(distinct) <= CATEGORY_LIMIT else None
    if feature.type == "timestamp":  # which JSON cannot hold
        categories = None
    elif feature.type == "boolean" and categories is not None:
        categories = tuple(bool(value) for value in categories)
    elif feature.type == "double" and categories is not None:
        categories = tuple(float(value) for value in categories)
    low = high = None
    if feature.type in ("double", "integer"):
        values = as_double(column).drop_null()
        finite = values.filter(pc.is_finite(values))
        if len(finite):
            low, high = pc.min(finite).as_py(), pc.max(finite).as_py()
    return replace(feature, categories=categories, minimum=low, maximum=high)


def encoder_categories(estimator: Any, names: list[str]) -> dict[str, tuple[Any, ...]]:
    """The categories that the encoders of a fitted pipeline know, by input column.

    A segmented estimator knows its segments, and what the fallback knows.
    """
    if isinstance(estimator, Segmented):
        return _segmented_categories(estimator, names)
    if isinstance(estimator, Pipeline):
        return _pipeline_categories(estimator, names)
    if isinstance(estimator, ColumnTransformer):
        found = {}
        for _, transformer, columns in estimator.transformers_:
            if isinstance(transformer, str) or isinstance(columns, (str, slice)):
                continue
            chosen = [names[c] if isinstance(c, (int, np.integer)) else c for c in columns]
            if all(isinstance(c, str) for c in chosen):
                found.update(encoder_categories(transformer, chosen))
        return found
    categories = getattr(estimator, "categories_", None)
    if categories is None or len(categories) != len(names):
        return {}
    known = (tuple(v for v in np.asarray(c).tolist() if v is not None and v == v) for c in categories)
    return dict(zip(names, known, strict=True))


def _segmented_categories(estimator: Segmented, names: list[str]) -> dict[str, tuple[Any, ...]]:
    others = [name for position, name in enumerate(names) if position != estimator.position_]
    found = {} if estimator.fallback_ is None else encoder_categories(estimator.fallback_, others)
    return {**found, names[estimator.position_]: tuple(estimator.segments_.tolist())}


def _pipeline_categories(pipeline: Pipeline, names: list[str]) -> dict[str, tuple[Any, ...]]:
    for _, step in pipeline.steps:
        found = encoder_categories(step, names) if step not in (None, "passthrough") else {}
        if found:
            return found
        # only after a step that keeps columns one to one does the next step see the same columns
        if getattr(step, "statistics_", None) is None or getattr(step, "add_indicator", False):
            return {}
    return {}
