"""The signature of a fitted pipeline: types from the training frame, manners by asking the pipeline."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from scorehouse.errors import SignatureError
from scorehouse.frames import estimator_input
from scorehouse.rows import check_batch
from scorehouse.signature import Feature, Signature
from scorehouse.tasks import TaskOutputs

UNSEEN = "scorehouse: a category never seen"
# tried from the largest: float32 inside the estimator is the usual limit
MAGNITUDES = (1e300, 1e150, float(np.finfo(np.float32).max), 1e30, 1e18)
CATEGORY_LIMIT = 1000
PROBE_ROWS = 8


def training_batch(frame: pd.DataFrame, call: str) -> pa.RecordBatch:
    """The training frame as Arrow, NaN as NULL, as a feature table would hold it."""
    _check_names(list(frame.columns), call)
    arrays = []
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.cat.categories.dtype if not column.isna().any() else object)
        try:
            array = pa.array(column, from_pandas=True)
        except (pa.ArrowException, TypeError) as error:
            raise _type_error(str(name), f"mixed or unknown values ({error})", call) from error
        arrays.append(array.cast(pa.string()) if pa.types.is_null(array.type) else array)
    return pa.RecordBatch.from_arrays(arrays, names=list(frame.columns))


def _check_names(names: list[Any], call: str) -> None:
    """Features become columns of a table, where names are texts that differ in more than case."""
    folded = Counter(str(name).lower() for name in names)
    wrong = [name for name in names if not isinstance(name, str) or folded[name.lower()] > 1]
    if wrong:
        raise SignatureError(
            call,
            f"the training columns {wrong} cannot be columns of one feature table",
            expected="texts as names, which differ in more than case",
            action="rename the columns before fitting, or pass feature_names beside a bare array",
        )


def draft_signature(
    frame: pd.DataFrame,
    batch: pa.RecordBatch,
    container: str,
    known: Mapping[str, tuple[Any, ...]],
    call: str,
) -> Signature:
    """Types, ranges and categories of the training columns; what the pipeline accepts is asked later."""
    features = []
    for name in batch.schema.names:
        column = batch.column(name)
        dtype = frame[name].dtype
        feature = Feature(
            name=name,
            type=_feature_type(name, column.type, call),
            dtype="category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype),
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


def _array_dtype(frame: pd.DataFrame) -> np.dtype[Any]:
    try:
        return np.result_type(*frame.dtypes)
    except TypeError:  # dtypes of pandas alone, such as its texts
        return frame.to_numpy().dtype


def _feature_type(name: str, arrow_type: pa.DataType, call: str) -> str:
    checks: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "double"),
        (pa.types.is_decimal, "double"),
        (pa.types.is_timestamp, "timestamp"),
        (pa.types.is_string, "string"),
        (pa.types.is_large_string, "string"),
    )
    for check, feature_type in checks:
        if check(arrow_type):
            return feature_type
    raise _type_error(name, str(arrow_type), call)


def _type_error(name: str, found: str, call: str) -> SignatureError:
    return SignatureError(
        call,
        f"the training column {name!r} holds {found}",
        expected="numbers, booleans, texts, or timestamps, one kind a column",
        action="convert the column before fitting, so that the feature table can hold the same",
    )


def _described(feature: Feature, column: pa.Array, dtype: Any, known: tuple[Any, ...] | None) -> Feature:
    categories = known
    if isinstance(dtype, pd.CategoricalDtype):
        categories = tuple(np.asarray(dtype.categories).tolist())
    if categories is None and feature.type == "string":
        distinct = pc.unique(column.drop_null()).to_pylist()
        categories = tuple(sorted(distinct)) if len(distinct) <= CATEGORY_LIMIT else None
    low = high = None
    if feature.type in ("double", "integer"):
        values = column.cast(pa.float64(), safe=False).drop_null()
        finite = values.filter(pc.is_finite(values))
        if len(finite):
            low, high = pc.min(finite).as_py(), pc.max(finite).as_py()
    return replace(feature, categories=categories, minimum=low, maximum=high)


def encoder_categories(estimator: Any, names: list[str]) -> dict[str, tuple[Any, ...]]:
    """Categories that the encoders of a fitted pipeline know, by input column."""
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


def _pipeline_categories(pipeline: Pipeline, names: list[str]) -> dict[str, tuple[Any, ...]]:
    for _, step in pipeline.steps:
        found = encoder_categories(step, names) if step not in (None, "passthrough") else {}
        if found:
            return found
        # only a step that keeps the columns one to one lets the next one speak of the same columns
        if getattr(step, "statistics_", None) is None or getattr(step, "add_indicator", False):
            return {}
    return {}


class Prober:
    """Asks a fitted pipeline what it does with values that training may not have shown."""

    def __init__(
        self, estimator: Any, outputs: TaskOutputs, signature: Signature, batch: pa.RecordBatch
    ) -> None:
        self.estimator = estimator
        self.outputs = outputs
        self.signature = signature
        self.training = batch
        self.rows = batch.slice(0, PROBE_ROWS)

    def signature_found(self) -> Signature:
        """The signature with every `accepts_` fact found by trial."""
        features = tuple(self._probe(i, feature) for i, feature in enumerate(self.signature.features))
        return replace(self.signature, features=features)

    def _probe(self, position: int, feature: Feature) -> Feature:
        forms = (feature.null_as, "none" if feature.null_as == "nan" else "nan")  # training's own first
        missing_as = next(
            (how for how in forms if self._takes(position, replace(feature, null_as=how), None)), None
        )
        feature = replace(feature, accepts_null=missing_as is not None, null_as=missing_as or "nan")
        unseen = self._unseen(feature)
        if unseen is not None:
            feature = replace(feature, accepts_unseen=self._takes(position, feature, unseen))
            if not feature.accepts_unseen and feature.categories is None:
                column = self.training.column(feature.name)
                feature = replace(
                    feature, categories=tuple(sorted(pc.unique(column.drop_null()).to_pylist()))
                )
        if feature.type != "double":
            return replace(feature, accepts_non_finite=False)
        takes_infinity = self._takes(position, feature, float("inf"))
        limit = None
        if not self._takes(position, feature, MAGNITUDES[0]):
            limit = next((m for m in MAGNITUDES[1:] if self._takes(position, feature, m)), MAGNITUDES[-1])
        return replace(feature, accepts_non_finite=takes_infinity, max_magnitude=limit)

    def _unseen(self, feature: Feature) -> Any:
        if feature.type == "string":
            return UNSEEN
        if feature.type == "integer" and feature.maximum is not None:
            return int(feature.maximum) + 1
        if feature.type == "double" and feature.categories is not None and feature.maximum is not None:
            return feature.maximum * 2 + 1.5
        return None

    def _takes(self, position: int, feature: Feature, value: Any) -> bool:
        """Whether the pipeline gives finite results when the first row holds `value`."""
        name = feature.name
        column = self.rows.column(name)
        changed = pa.concat_arrays([pa.array([value], type=column.type), column.slice(1)])
        rows = self.rows.set_column(position, name, changed)
        signature = replace(
            self.signature,
            features=tuple(feature if f.name == name else f for f in self.signature.features),
        )
        columns = check_batch(signature, rows, frozenset()).columns
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                values = self.outputs.predict(self.estimator, estimator_input(signature, columns))
        except Exception:  # any refusal is an answer
            return False
        return all(
            pc.all(pc.is_finite(v)).as_py() is not False for v in values if pa.types.is_floating(v.type)
        )
