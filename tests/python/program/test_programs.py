"""Programs: what scores without the estimator, proven where it runs, and refused where it was altered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeRegressor

from project import registered_kernel
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.choose import ProgramFiles, choose_backend, in_batches
from scorehouse.program.proof import kernel_rows
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from visits_frame import FRAME, LABEL, ROWS

NEVER = LoadPolicy(estimator="never")
NUMBERS = ["amount", "visits", "age"]

TREES = {
    "histogram boosting": (HistGradientBoostingClassifier(max_iter=8), FRAME[NUMBERS]),
    "its own categories": (
        HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype"),
        FRAME.assign(city=FRAME.city.astype("category")),
    ),
    "in float32": (RandomForestClassifier(8, random_state=0), FRAME[["amount", "visits"]].astype("float32")),
    "an array": (HistGradientBoostingClassifier(max_iter=8), FRAME[NUMBERS].to_numpy()),
    "one-hot and imputer": (
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), ["city"]),
                (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "amount"]),
                remainder="passthrough",
            ),
            RandomForestClassifier(8, max_depth=5, random_state=0),
        ),
        FRAME,
    ),
    "ordinal": (
        make_pipeline(
            make_column_transformer(
                (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]),
                remainder="passthrough",
            ),
            GradientBoostingClassifier(n_estimators=8, random_state=0),
        ),
        FRAME.drop(columns="age"),
    ),
    "target encoder": (
        make_pipeline(
            make_column_transformer((TargetEncoder(random_state=0), ["city"]), remainder="passthrough"),
            HistGradientBoostingClassifier(max_iter=8),
        ),
        FRAME,
    ),
}


def _stored(folder: Path, estimator: Any, X: Any, y: Any, task: str, **facts: Any) -> Kernel:
    if isinstance(X, np.ndarray):
        facts["feature_names"] = NUMBERS
    return registered_kernel(folder, estimator.fit(X, y), X, y, task=task, **facts)


QUICK = ("histogram boosting", "one-hot and imputer")


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in TREES]
)
def test_trees_and_what_is_before_them_score_without_the_estimator(case: str, tmp_path: Path) -> None:
    estimator, X = TREES[case]
    kernel = _stored(tmp_path, estimator, X, LABEL.map({True: "yes", False: "no"}), "classification")
    backend = choose_backend(kernel, "native", ROWS, ProgramFiles(tmp_path, NEVER))
    assert backend.data and type(backend.kernel.estimator).__name__ == "StoredTrees"
    frame = pd.DataFrame(X, columns=NUMBERS) if isinstance(X, np.ndarray) else X
    rows = pa.Table.from_batches([training_batch(frame, "test")])
    expected, found = kernel_rows(kernel, rows), kernel_rows(backend.kernel, rows)
    assert found["prediction"].equals(expected["prediction"])
    worst = np.abs(found["score"].to_numpy() - expected["score"].to_numpy()).max()
    assert worst <= 1e-12 and found.num_rows == ROWS


def test_trees_too_deep_for_the_loops_of_reasons_have_none(tmp_path: Path) -> None:
    X = pd.DataFrame({"x": np.arange(600.0)})
    kernel = _stored(tmp_path, DecisionTreeRegressor(), X, 3.0 ** np.arange(600), "regression")
    assert "native" in kernel.version.program
    assert "splits deep, more than the 512 of reasons" in kernel.version.program["refused"]["reasons"]


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_columns_of_dtype_category_are_codes_for_boosters(library: str, tmp_path: Path) -> None:
    """They turn them into codes themselves; both backends do so too, and unseen ones are missing."""
    module = pytest.importorskip(library, reason="the extra `boosters` is not installed")
    X = FRAME.assign(city=FRAME.city.astype("category"), visits=FRAME.visits.astype("category"))
    if library == "lightgbm":
        booster = module.LGBMClassifier(n_estimators=8, min_child_samples=2, max_cat_to_onehot=1, verbose=-1)
    else:
        X["city"] = X["city"].cat.rename_categories(lambda name: name.encode("ascii", "replace").decode())
        booster = module.XGBClassifier(enable_categorical=True, n_estimators=8, max_cat_to_onehot=1)
    kernel = _stored(tmp_path, booster, X[["city", "amount", "visits"]], LABEL, "classification")
    assert {"sql", "native", "reasons"} <= set(kernel.version.program)
    rows = pa.table(
        {"city": ["Oslo", "Nowhere", None], "amount": [1.0, 50.0, 900.0], "visits": [1, 99, None]}
    )
    for backend in ("native", "sql"):
        chosen = choose_backend(kernel, backend, ROWS, ProgramFiles(tmp_path, NEVER))
        scorer = in_batches(chosen).kernel
        expected, found = kernel_rows(kernel, rows), kernel_rows(scorer, rows)
        assert found["reject_reason"].null_count == rows.num_rows, found
        np.testing.assert_allclose(found["score"].to_numpy(), expected["score"].to_numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("task", "estimator"),
    [
        ("regression", HistGradientBoostingRegressor(max_iter=8, loss="poisson")),
        ("regression", RandomForestRegressor(8, random_state=0)),
        ("anomaly", IsolationForest(n_estimators=8, random_state=0)),
    ],
)
def test_every_task_of_trees_has_a_stored_backend(task: str, estimator: Any, tmp_path: Path) -> None:
    X = FRAME[["amount", "visits"]]
    kernel = _stored(tmp_path, estimator, X, FRAME.visits.astype(float), task)
    backend = choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, NEVER))
    assert backend.name == "native" and backend.data
    rows = pa.Table.from_batches([training_batch(X, "test")])
    assert kernel_rows(backend.kernel, rows).equals(kernel_rows(kernel, rows))


@pytest.mark.slow
def test_three_classes_and_labels_that_are_numbers(tmp_path: Path) -> None:
    y = pd.Series(np.where(LABEL, -1, np.where(FRAME.visits > 20, 7, 0)))
    kernel = _stored(
        tmp_path, HistGradientBoostingClassifier(max_iter=8), FRAME[NUMBERS], y, "classification"
    )
    backend = choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, NEVER))
    rows = pa.Table.from_batches([training_batch(FRAME[NUMBERS], "test")])
    expected, found = kernel_rows(kernel, rows), kernel_rows(backend.kernel, rows)
    assert found["prediction"].equals(expected["prediction"]) and found.schema == expected.schema


def test_steps_that_are_no_data_are_left_to_the_estimator(tmp_path: Path) -> None:
    texts = pd.Series(np.where(LABEL, "late again", "on time") + FRAME.city, name="note")
    estimator = make_pipeline(TfidfVectorizer(), RandomForestClassifier(5, random_state=0))
    kernel = _stored(tmp_path, estimator, texts, LABEL, "classification")
    refused = kernel.version.program["refused"]
    assert "TfidfVectorizer" in refused["native"] and "TfidfVectorizer" in refused["reasons"]
    backend = choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, LoadPolicy()))
    assert backend.name == "estimator" and "TfidfVectorizer" in backend.reason


@pytest.mark.slow
def test_no_row_of_training_is_in_the_proof(tmp_path: Path) -> None:
    estimator, X = TREES["one-hot and imputer"]
    _stored(tmp_path, estimator, X, LABEL, "classification")
    training = {tuple(row) for row in X[["amount", "visits", "city"]].itertuples(index=False)}
    with pa.ipc.open_file(tmp_path / "artifacts/tried/1" / artifact.PROOF_FILE) as reader:
        rows = reader.read_all().to_pandas()
    tried = rows[["amount", "visits", "city"]].itertuples(index=False)
    kept = [row for row in tried if tuple(row) in training]
    assert len(rows) > 1_000 and len(kept) < 20  # by chance: 40 visits and 3 cities beside one amount
