"""Rows drawn from the reference: the training distribution of each feature, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.registration.infer import UNSEEN
from scorehouse.registration.reference import BIN_KINDS
from scorehouse.registry.signature import Feature, Signature

TYPES = {"double": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "string": pa.string()}

Bin = Mapping[str, str]


def sample_reference(bins: Iterable[Bin], signature: Signature, rows: int) -> pa.RecordBatch:
    """`rows` rows of features, drawn from one version's rows of `ml_<name>__reference`.

    Each feature is drawn by itself, uniformly within its bins, so relations between features are lost.
    Every call gives the same rows.
    """
    rng = np.random.default_rng(0)
    of_feature: dict[str, list[Bin]] = {name: [] for name in signature.names}
    for row in bins:
        if row["part"] == "feature" and row["name"] in of_feature:
            of_feature[row["name"]].append(row)
    columns = [_column(feature, of_feature[feature.name], rows, rng) for feature in signature.features]
    return pa.RecordBatch.from_arrays(columns, names=signature.names)


def _column(feature: Feature, rows_of: Sequence[Bin], rows: int, rng: np.random.Generator) -> pa.Array:
    bins = [row for row in rows_of if row["kind"] in BIN_KINDS]
    facts = {row["kind"]: row for row in rows_of if row["kind"] in ("age", "range")}
    if "age" in facts:
        feature = replace(
            feature, minimum=float(facts["range"]["lower"]), maximum=float(facts["range"]["upper"])
        )
    counts = np.array([int(row["row_count"]) for row in bins], dtype=float)
    chosen = rng.choice(len(bins), rows, p=counts / counts.sum()) if counts.sum() else np.zeros(rows, int)
    values: list[Any] = [
        _value(feature, bins[i], u) if bins else None for i, u in zip(chosen, rng.random(rows), strict=True)
    ]
    if "age" in facts:  # in days before the last time that training knows
        days = float(facts["age"]["upper"]) - pd.Series(values, dtype=float)
        return pa.array(pd.to_datetime(days, unit="D").astype("datetime64[us]"), pa.timestamp("us"))
    if feature.type == "timestamp":
        return pa.array(pd.to_datetime(pd.Series(values)), pa.timestamp("us"))
    kind = pa.float32() if feature.dtype == "float32" else TYPES[feature.type]
    return pa.array(values, kind)


def _value(feature: Feature, row: Bin, share: float) -> Any:
    if row["kind"] == "missing":
        return None
    if row["kind"] == "other":
        return UNSEEN if feature.type == "string" else feature.maximum
    if row["kind"] == "category":
        text = row["category"]  # as JSON has it, but for strings
        return json.loads(text) if feature.type in ("boolean", "integer", "double") else text
    low = float(row["lower"]) if row["lower"] else feature.minimum
    high = float(row["upper"]) if row["upper"] else feature.maximum
    if low is None or high is None:
        return None
    drawn = high - share * (high - low)
    return round(drawn) if feature.type == "integer" else drawn
