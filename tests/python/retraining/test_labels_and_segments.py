"""Several labels, estimators per segment, and their quality on the holdout, without a run of dbt."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from scorehouse import SegmentedClassifier, SegmentedRegressor
from scorehouse.errors import ConfigurationError, EstimatorError, SignatureError
from scorehouse.registry.version import Version
from scorehouse.retraining.job import Job
from scorehouse.retraining.prepared import TrainingProcess
from scorehouse.retraining.quality import quality_of
from scorehouse.retraining.segments import changes_in_words, segment_changes
from scorehouse.retraining.settings import check_calibrate, columns_of, recorded_label
from scorehouse.retraining.store import calibration_method
from trained_rows import CHOSEN, PARENT, written

WEEKS = dataclasses.replace(
    PARENT,
    task="multioutput_regression",
    outputs={"prediction_week_1": "Week 1", "prediction_week_2": "week_2"},
)
PLACES = (
    "select date '2025-01-01' + (i // 10)::integer as day, i * 1e0 as a, i % 3 as b, i as first, "
    'if(i < 90, i % 2, null) as "2nd" from range(100) as t(i)'
)


def test_the_labels_of_several_outputs_have_the_order_of_the_outputs() -> None:
    for label in ({"week_2": "units 2", "week_1": "first"}, {"week_2": "units 2", "Week 1": "first"}):
        settings = dataclasses.replace(CHOSEN, label=label)
        assert columns_of(settings, WEEKS, "retrain weeks") == ("first", "units 2")
    listed = dataclasses.replace(CHOSEN, label=("week_2", "week_1"))
    assert columns_of(listed, WEEKS, "retrain weeks") == ("week_1", "week_2")
    assert recorded_label(("first", "units 2"), WEEKS) == {"Week 1": "first", "week_2": "units 2"}
    assert columns_of(CHOSEN, PARENT, "retrain loyal") == ("y",)


@pytest.mark.parametrize(
    ("parent", "changed", "said"),
    [
        (WEEKS, {"label": "first"}, "`label` is 'first', and loyal version 1 has several outputs"),
        (WEEKS, {"label": ("week_1",)}, "the output 'week_2' has no label"),
        (WEEKS, {"label": ("week_1", "week_3")}, "'week_3' is no output of loyal version 1; did you mean"),
        (
            WEEKS,
            {"label": ("wek_2", "zzz")},
            "'wek_2' is no output of loyal version 1; did you mean 'week_2'",
        ),
        (WEEKS, {"label": {"week_1": "y", "week_2": "y"}}, "'y' is the label of two outputs"),
        (WEEKS, {"label": {"week_1": "x", "Week 1": "z", "week_2": "y"}}, "an output is there twice"),
        (
            WEEKS,
            {"label": ("week_1", "week_2"), "features": ("a", "week_1")},
            "'week_1' is also in `features`",
        ),
        (PARENT, {"label": ("y", "z")}, "is a classification, with one label"),
        (PARENT, {"label": {"y": "z"}}, "is a classification, with one label"),
    ],
)
def test_labels_that_do_not_fit_the_outputs(parent: Version, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        columns_of(dataclasses.replace(CHOSEN, **changed), parent, "retrain loyal")
    assert said in str(error.value) and "correct `label` in the settings" in str(error.value)


@pytest.mark.parametrize("task", ["regression", "multilabel_classification"])
def test_only_scores_of_one_label_are_calibrated(task: str) -> None:
    parent = dataclasses.replace(PARENT, task=task)
    with pytest.raises(
        ConfigurationError, match=f"`calibrate` is 'sigmoid', and loyal version 1 is a {task}"
    ):
        check_calibrate(dataclasses.replace(CHOSEN, calibrate="sigmoid"), parent, "retrain loyal")
    check_calibrate(dataclasses.replace(CHOSEN, calibrate="none"), parent, "retrain loyal")
    check_calibrate(dataclasses.replace(CHOSEN, calibrate="sigmoid"), PARENT, "retrain loyal")


def test_a_row_is_trained_on_if_it_has_all_labels(tmp_path: Path) -> None:
    rows = written(tmp_path, PLACES, labels=["first", "2nd"])
    assert (rows.all, rows.left_out, rows.partly) == (90, 10, 10)
    with duckdb.connect() as connection:
        names = connection.sql(f"from read_parquet('{tmp_path / 'rows.parquet'}')").columns
    assert names == ["day", "a", "b", "first", "2nd", "scorehouse_holdout"]
    with pytest.raises(ConfigurationError, match="none has all of the labels first, 2nd yet"):
        written(tmp_path, f'select * replace (null::int as "2nd") from ({PLACES})', labels=["first", "2nd"])
    with pytest.raises(SignatureError, match="has no column '3rd'"):
        written(tmp_path, PLACES, labels=["first", "3rd"])


# --- quality on the holdout ---


def test_metrics_of_several_outputs_equal_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    X = pd.DataFrame({"a": draw.normal(size=200), "b": draw.normal(size=200)})
    Y = np.column_stack([X.a + draw.normal(size=200), 100 * X.b])
    line = LinearRegression().fit(X, Y)
    found = quality_of(line, "multioutput_regression", X, Y, ["one", "two"])
    mae = mean_absolute_error(Y, line.predict(X), multioutput="raw_values")
    assert [found.metrics["mae_one"], found.metrics["mae_two"]] == pytest.approx(mae.tolist(), rel=1e-12)
    labels = (Y > 0).astype(int)
    for classifier in (MultiOutputClassifier(LogisticRegression()), DecisionTreeClassifier(max_depth=2)):
        classifier.fit(X, labels)
        metrics = quality_of(classifier, "multilabel_classification", X, labels, ["one", "two"]).metrics
        scores = classifier.predict_proba(X)[1][:, 1]
        assert metrics["log_loss_two"] == pytest.approx(log_loss(labels[:, 1], scores), rel=1e-12)
        assert metrics["accuracy_one"] == np.mean(classifier.predict(X)[:, 0] == labels[:, 0])
        assert len(metrics) == 8
    closed = MultiOutputClassifier(LinearSVC()).fit(X, labels)
    assert list(quality_of(closed, "multilabel_classification", X, labels, ["one", "two"]).metrics) == [
        "accuracy_one",
        "accuracy_two",
    ]


@pytest.mark.parametrize("names", [("no", "yes"), (0, 1), ("a", "b", "c")])
def test_metrics_of_one_label_equal_scikit_learn(names: tuple[Any, ...]) -> None:
    draw = np.random.default_rng(0)
    X = pd.DataFrame({"a": draw.normal(size=300), "b": draw.normal(size=300)})
    y = np.array(names)[np.digitize(X.a + draw.normal(size=300), [0] if len(names) == 2 else [-0.5, 0.5])]
    estimator = LogisticRegression().fit(X, y)
    scores, classes = estimator.predict_proba(X), list(names)
    expected = {
        "accuracy": np.mean(estimator.predict(X) == y),
        "log_loss": log_loss(y, scores, labels=classes),
    }
    if len(names) == 2:
        expected["roc_auc"] = roc_auc_score(y, scores[:, 1])
        expected["brier"] = brier_score_loss(y, scores[:, 1], pos_label=names[1])
    found = quality_of(estimator, "classification", X, y)
    assert found.metrics == pytest.approx(expected, rel=1e-12) and found.unscored == 0
    few = quality_of(estimator, "classification", X[y == names[1]], y[y == names[1]]).metrics
    assert set(few) == {"accuracy", "log_loss"}  # the others need both classes
    other = np.where(y == names[0], type(names[0])(7), y)
    assert set(quality_of(estimator, "classification", X, other).metrics) == {"accuracy"}
    assert set(quality_of(LinearSVC().fit(X, y), "classification", X, y).metrics) == {"accuracy"}
    line = LinearRegression().fit(X, X.b**2)
    error = line.predict(X) - X.b**2
    found = quality_of(line, "regression", X, X.b**2)
    assert found.metrics == pytest.approx({"rmse": np.sqrt(np.mean(error**2)), "mae": np.mean(np.abs(error))})
    for task in ("ranking", "clustering", "anomaly"):
        assert quality_of(line, task, X, y).metrics == {}
    assert quality_of(SimpleNamespace(), "classification", X, y).metrics == {}  # it predicts nothing


def test_rows_of_a_segment_without_an_estimator_are_counted() -> None:
    draw = np.random.default_rng(0)
    X = pd.DataFrame({"shop": ["a", "b"] * 50, "x": draw.normal(size=100)})
    y = X.x * 2 + draw.normal(size=100)
    new = X.assign(shop=["c", *X.shop[1:]])
    line = SegmentedRegressor(LinearRegression(), by="shop", fallback="reject").fit(X, y)
    found = quality_of(line, "regression", new, y)
    assert found.unscored == 1
    assert found.metrics["mae"] == pytest.approx(mean_absolute_error(y[1:], line.predict(new)[1:]), rel=1e-12)
    classes = SegmentedClassifier(LogisticRegression(), by="shop", fallback="reject").fit(X, y > 0)
    found = quality_of(classes, "classification", new, y > 0)
    assert found.unscored == 1 and set(found.metrics) == {"accuracy", "log_loss", "roc_auc", "brier"}
    nothing = quality_of(line, "regression", X.assign(shop="c"), y)
    assert (nothing.metrics, nothing.unscored) == ({}, 100)


def test_an_estimator_per_segment_is_not_calibrated_as_a_whole() -> None:
    X = pd.DataFrame({"shop": ["a", "b"] * 50, "x": range(100)})
    classes = SegmentedClassifier(LogisticRegression(), by="shop").fit(X, X.x > 50)
    own = Job(*[""] * 5, "own:train", (), ("y",), "day", 0, calibrate="sigmoid", parent=PARENT.to_row())
    with pytest.raises(ConfigurationError, match="not calibrated as a whole") as error:
        calibration_method(classes, own)
    assert "SegmentedClassifier(CalibratedClassifierCV(...), by=...)" in str(error.value)
    assert calibration_method(classes, dataclasses.replace(own, calibrate="none")) is None


@pytest.mark.parametrize(
    ("before", "own", "known", "said"),
    [
        ("shop", 2, ["a", "c"], "2 values of shop have an estimator of their own; new: 'c'; no longer: 'b'"),
        ("shop", 2, ["a", "b"], "2 values of shop have an estimator of their own"),
        (
            "area",
            2,
            ["a", "b"],
            "2 values of shop have an estimator of their own; the champion has no segments",
        ),
        (
            "shop",
            1,
            ["a"],
            "1 value of shop has an estimator of its own; 1 has too few rows for one, and nothing scores it",
        ),
    ],
)
def test_segments_that_come_and_go_are_named(before: str, own: int, known: list[str], said: str) -> None:
    facts = {"by": "shop", "fallback": "reject", "segments": 2, "own": own}
    parent = dataclasses.replace(PARENT, segments={**facts, "by": before})
    version = dataclasses.replace(PARENT, version=2, segments=facts)
    seeds: Any = SimpleNamespace(
        features=lambda number: [{"feature": "shop", "categories": ["a", "b"] if number == 1 else known}]
    )
    assert changes_in_words(segment_changes(seeds, parent, version)).startswith(said)
    assert segment_changes(seeds, parent, PARENT) == {}


@pytest.mark.parametrize(("count", "more"), [(5, "'4'"), (6, "'4' and 1 more"), (8, "'4' and 3 more")])
def test_five_segments_are_named(count: int, more: str) -> None:
    changes = {"own": count, "too_few_rows": 0, "by": "shop", "new": list(map(str, range(count))), "gone": []}
    assert changes_in_words(changes).endswith(f"new: '0', '1', '2', '3', {more}")


# --- the process that trains ---

OWN = """
from sklearn.linear_model import LinearRegression


def weeks(frame, label, features):
    return LinearRegression().fit(frame[features], frame[label])


def one(frame, label, features):
    return LinearRegression().fit(frame[features], frame[label[0]])
"""


@pytest.mark.slow
def test_the_process_trains_all_outputs_and_refuses_one_alone(tmp_path: Path) -> None:
    (tmp_path / "weekly_code.py").write_text(OWN)
    (tmp_path / "dbt_project.yml").write_text("name: shop")
    many = PLACES.replace("i // 10", "i // 30").replace("range(100)", "range(400)").replace("< 90", "< 390")
    rows = written(tmp_path, many, labels=["first", "2nd"])
    names = {"project": str(tmp_path), "name": "loyal", "call": "retrain loyal", "time": "day"}
    places = {"rows": str(tmp_path / "rows.parquet"), "module_paths": (), "features": ("a", "b")}
    facts = {"task": WEEKS.task, "outputs": list(WEEKS.outputs.values())}
    job = Job(
        "train", answer="", function="weekly_code:weeks", seed=7, parent=WEEKS.to_row(), facts=facts,
        labels=("first", "2nd"), **names, **places,
    )  # fmt: skip
    with TrainingProcess() as process:
        with pytest.raises(EstimatorError, match="an estimator with 1 output per row"):
            process.step(dataclasses.replace(job, function="weekly_code:one"))
        trained = process.step(job)
    assert list(trained["metrics"]) == ["rmse_week_1", "mae_week_1", "rmse_week_2", "mae_week_2"]
    assert trained["metrics"]["mae_week_1"] == 0.0 and trained["metrics"]["mae_week_2"] > 0.1
    assert rows.holdout == 90 and trained["version"] is None
