"""Whatever a feature table holds: rows are conserved, reasons right, scores the estimator's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from project import registered_kernel
from scorehouse.kernel.scorer import BLOCK_ROWS, Kernel

PLANS = ["free", "paid", "", "größer"]
Row = tuple[float | None, int | None, str | None]

ROWS = st.tuples(
    st.none()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.floats(0, 100)
    | st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, -1e300, 3.5e38]),
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9),
    st.none() | st.sampled_from(PLANS) | st.text(max_size=5),
)
BATCHES = st.tuples(st.lists(ROWS, max_size=90), st.permutations(["amount", "visits", "plan", "unused"]))


def strict_linear() -> Any:
    """Imputes nothing and knows its categories."""
    columns = make_column_transformer(
        (StandardScaler(), ["amount", "visits"]), (OneHotEncoder(handle_unknown="error"), ["plan"])
    )
    return make_pipeline(columns, LogisticRegression())


def forgiving_boosting() -> Any:
    """Takes missing numbers and unknown texts by itself."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    columns = make_column_transformer((encoder, ["plan"]), remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=10))


def imputing_forest() -> Any:
    """Imputes numbers, ignores unknown texts, and cuts to single precision."""
    columns = make_column_transformer(
        (SimpleImputer(), ["amount", "visits"]), (OneHotEncoder(handle_unknown="ignore"), ["plan"])
    )
    return make_pipeline(columns, RandomForestClassifier(10, random_state=0))


PIPELINES: dict[str, Callable[[], Any]] = {
    "strict_linear": strict_linear,
    "forgiving_boosting": forgiving_boosting,
    "imputing_forest": imputing_forest,
}


@pytest.fixture(scope="module", params=PIPELINES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kernel, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "amount": random.uniform(0, 100, 400),
            "visits": random.integers(0, 9, 400),
            "plan": random.choice(PLANS, 400),
        }
    )
    labels = (frame["amount"] + 9 * frame["visits"] + random.normal(0, 20, 400) > 90).astype(int)
    estimator = PIPELINES[request.param]().fit(frame, labels)
    folder: Path = tmp_path_factory.mktemp("project")
    return registered_kernel(folder, estimator, frame, labels, task="classification"), estimator


def batch_of_rows(rows: list[Row], order: list[str]) -> pa.RecordBatch:
    columns = {
        "amount": pa.array([row[0] for row in rows], pa.float64()),
        "visits": pa.array([row[1] for row in rows], pa.int64()),
        "plan": pa.array([row[2] for row in rows], pa.string()),
        "unused": pa.nulls(len(rows), pa.int8()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in order], names=list(order))


def expected_reasons(kernel: Kernel, row: Row) -> set[str]:
    """What the signature says of a row, worked out value by value in plain Python."""
    found = set()
    for feature, value in zip(kernel.signature.features, row, strict=True):
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        if missing and not feature.accepts_null:
            found.add(f"null:{feature.name}" if value is None else f"not_finite:{feature.name}")
        if missing:
            continue
        if isinstance(value, float) and math.isinf(value) and not feature.accepts_non_finite:
            found.add(f"not_finite:{feature.name}")
        limit = feature.max_magnitude
        if isinstance(value, float) and math.isfinite(value) and limit is not None and abs(value) > limit:
            found.add(f"too_large:{feature.name}")
        if not feature.accepts_unseen and feature.categories is not None and value not in feature.categories:
            found.add(f"unseen_category:{feature.name}={value}")
    return found


def own_scores(estimator: Any, rows: list[Row]) -> np.ndarray:
    """The estimator's own answer on the same values, in whole blocks."""
    padded = [*rows, *[rows[-1]] * (-len(rows) % BLOCK_ROWS)]
    frame = pd.DataFrame(
        {
            "amount": np.array([math.nan if r[0] is None else r[0] for r in padded], dtype=float),
            "visits": [r[1] for r in padded],
            "plan": np.array([math.nan if r[2] is None else r[2] for r in padded], dtype=object),
        }
    )
    frame["visits"] = frame["visits"].astype("float64" if frame["visits"].isna().any() else "int64")
    return np.asarray(estimator.predict_proba(frame))[: len(rows), 1]


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=BATCHES)
def test_any_batch(made: tuple[Kernel, Any], drawn: tuple[list[Row], list[str]]) -> None:
    kernel, estimator = made
    rows, order = drawn
    scored = kernel(batch_of_rows(rows, order))
    assert scored.num_rows == len(rows)
    scores = scored.column("score").to_pylist()
    reasons = scored.column("reject_reason").to_pylist()
    for row, score, reason in zip(rows, scores, reasons, strict=True):
        assert (reason is None) == (score is not None)
        expected = expected_reasons(kernel, row)
        if expected:
            assert reason is not None
            assert all(part in reason for part in expected)
        elif reason is not None:  # found only by asking the estimator about this very row
            assert reason.startswith(("estimator_error:", "not_finite:score"))
    kept = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    if kept and not any(reason and reason.startswith("estimator_error") for reason in reasons):
        told = np.array([score for score in scores if score is not None])
        np.testing.assert_array_equal(told, own_scores(estimator, kept))
