"""Several labels per row: what is refused, and backends that equal the estimator in each label."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC

from project import MakeKernel
from scorehouse import register
from scorehouse.cli.main import main
from scorehouse.errors import ScorehouseError
from scorehouse.kernel.tasks import scores_of_labels
from scorehouse.kernel.training_batch import training_batch
from scorehouse.metrics import shown
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.proof import kernel_rows
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registration.groups import grouped
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import TASKS, Version

ROWS, TASK = 200, "multilabel_classification"
DRAW = np.random.default_rng(5)
X = pd.DataFrame(DRAW.normal(size=(ROWS, 3)), columns=["weight", "distance", "value"])
Y = pd.DataFrame(
    {
        "Late": (X.weight + DRAW.normal(size=ROWS) > 0).astype(int),
        "lost": (X.distance * X.value + DRAW.normal(size=ROWS) / 2 > 0.4).astype(int),
        "kaputt-ß": (X.value > 0.8).astype(int),
    }
)
LABELS = ["late", "lost", "kaputt_ß"]
LOGISTIC = LogisticRegression()


def asked(folder: Path, estimator: Any, y: Any = Y, **facts: Any) -> Version:
    (folder / "dbt_project.yml").touch()
    return register(estimator, "parcels", X, y, **grouped({"task": TASK, "project_dir": folder, **facts}))


@pytest.mark.parametrize(
    ("y", "outputs", "names"),
    [
        (Y, None, ["Late", "lost", "kaputt-ß"]),
        (Y.astype(bool), ["a", "b", "c"], ["a", "b", "c"]),
        (Y.to_numpy().tolist(), None, ["output_1", "output_2", "output_3"]),
        (None, None, ["output_1", "output_2", "output_3"]),
    ],
    ids=["frame", "booleans", "lists", "no labels"],
)
def test_the_names_and_columns(y: Any, outputs: Any, names: list[str], make_kernel: MakeKernel) -> None:
    estimator = RandomForestClassifier(2, max_depth=2).fit(X, Y if y is None else np.asarray(y))
    kernel = make_kernel(estimator, X, y, task=TASK, outputs=outputs, program=False)
    assert list(kernel.version.outputs.values()) == names
    assert kernel.version.classes == (0, 1) and not kernel.version.class_columns
    columns = [name.lower().replace("-", "_") for name in names]
    wanted = [f"{kind}_{column}" for column in columns for kind in ("prediction", "score")]
    assert kernel.schema.names == [*wanted, "reject_reason"]
    assert {str(kernel.schema.field(name).type) for name in wanted} == {"int64", "double"}


THREE = Y.assign(lost=np.arange(ROWS) % 3)
FOREST = RandomForestClassifier(2, max_depth=2)
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "another task": (FOREST, Y, {"task": "classification", "y": None}, "several labels per row"),
    "a network under another task": (
        MLPClassifier((2,), max_iter=5),
        Y,
        {"task": "classification", "y": None},
        "several labels per row",
    ),
    "one label": (FOREST, Y["lost"], {"y": None}, "gives one label per row"),
    "a y with one column": (FOREST, Y, {"y": Y[["lost"]]}, r"y has the shape \(200, 1\)"),
    "a y with two columns": (FOREST, Y, {"y": Y.iloc[:, :2]}, "y has 2 columns"),
    "three classes": (FOREST, THREE, {"y": None}, r"label 2 of 3 the classes \[0, 1, 2\]"),
    "texts": (
        FOREST,
        Y.replace({0: "no", 1: "yes"}),
        {"y": None},
        r"label 1 of 3 the classes \['no', 'yes'\]",
    ),
    "a label that no row has": (FOREST, Y.assign(lost=0), {}, r"label 2 of 3 the classes \[0\]"),
    "a label that no row has, one against the rest": (
        OneVsRestClassifier(LOGISTIC),
        Y.assign(lost=0),
        {},
        "column 2 of the 3 of y is 0 in every row",
    ),
    "a label that all rows have, in a network": (
        MLPClassifier((2,), max_iter=5),
        Y.assign(lost=True),
        {},
        "column 2 of the 3 of y is 1 in every row",
    ),
    "other numbers": (FOREST, Y, {"y": Y * 2}, "y has the value 2"),
    "names that collide": (
        FOREST,
        Y,
        {"outputs": ["a b", "A-B", "c"]},
        "'prediction_a_b', and so would 'a b'",
    ),
    "a name of an interval": (FOREST, Y, {"outputs": ["low", "b", "c"]}, "'prediction_low'"),
    "too few names": (FOREST, Y, {"outputs": ["a"]}, "outputs has 1 names"),
    "a threshold without scores": (
        MultiOutputClassifier(LinearSVC()),
        Y,
        {"threshold": 0.5},
        "that gives no scores",
    ),
    "numbers": (FOREST, Y, {"task": "multioutput_regression"}, "is a classifier"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_what_does_not_fit_is_refused_in_words(case: str, tmp_path: Path) -> None:
    estimator, y, facts, problem = REFUSED[case]
    with pytest.raises(ScorehouseError, match=problem) as told:
        asked(tmp_path, estimator.fit(X, y), **{"y": y, "program": False, **facts})
    assert "register('parcels')" in str(told.value) and "What to do" in str(told.value)
    assert not (tmp_path / "seeds").exists()


TREES = HistGradientBoostingClassifier(max_iter=4)
BACKENDS: dict[str, tuple[Any, set[str]]] = {
    "one linear model each": (MultiOutputClassifier(LOGISTIC), {"sql", "matrix"}),
    "one boosting each": (MultiOutputClassifier(TREES), {"sql", "native"}),
    "one forest each": (
        MultiOutputClassifier(RandomForestClassifier(3, max_depth=3, random_state=0)),
        {"sql", "native"},
    ),
    "no scores": (MultiOutputClassifier(LinearSVC()), {"matrix"}),
    "a chain": (ClassifierChain(LOGISTIC, order=[2, 0, 1]), {"sql"}),
    "a chain of decisions": (ClassifierChain(LinearSVC()), {"sql"}),
    "a forest": (RandomForestClassifier(5, max_depth=4, random_state=0), {"sql", "native"}),
    "a network": (make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=60)), {"matrix"}),
    "neighbours": (KNeighborsClassifier(4), set()),
    "decisions": (RidgeClassifier(), {"sql", "matrix"}),
    "one against the rest": (OneVsRestClassifier(LOGISTIC), {"sql"}),
}


EXPLAINED = {"one linear model each", "one boosting each", "one forest each", "a forest", "decisions"}


def answers(estimator: Any, rows: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """The labels and scores that the estimator itself gives, of shape (labels, rows)."""
    method = next((m for m in ("predict_proba", "decision_function") if hasattr(estimator, m)), None)
    scores = None if method is None else scores_of_labels(getattr(estimator, method)(rows))
    return np.asarray(estimator.predict(rows)).T, scores


@pytest.mark.parametrize("case", BACKENDS)
@pytest.mark.filterwarnings("ignore")
def test_each_backend_equals_the_estimator_in_each_label(
    case: str, tmp_path: Path, make_kernel: MakeKernel
) -> None:
    estimator, backends = BACKENDS[case]
    kernel = make_kernel(estimator.fit(X, Y), X, Y, task=TASK)
    assert {"sql", "native", "matrix"} & set(kernel.version.program) == backends, kernel.version.program
    assert ("reasons" in kernel.version.program) == (case in EXPLAINED), kernel.version.program["refused"]
    unseen = pd.DataFrame(np.random.default_rng(9).normal(size=(100, 3)), columns=X.columns)
    rows = pa.Table.from_batches([training_batch(unseen, "test")])
    labels, scores = answers(estimator, unseen)
    for name in (*backends, "estimator"):
        backend = choose_backend(kernel, name, 100, ProgramFiles(tmp_path, LoadPolicy()))
        found = duckdb_rows(backend.compiled, rows) if backend.compiled else kernel_rows(backend.kernel, rows)
        assert found["reject_reason"].null_count == 100
        for place, label in enumerate(LABELS):
            assert found[f"prediction_{label}"].to_pylist() == labels[place].tolist(), (name, label)
            if scores is not None:
                score = found[f"score_{label}"].to_numpy()
                np.testing.assert_allclose(score, scores[place], rtol=1e-9, atol=1e-9, err_msg=name)


def test_one_threshold_decides_each_label(tmp_path: Path, make_kernel: MakeKernel) -> None:
    kernel = make_kernel(MultiOutputClassifier(LOGISTIC).fit(X, Y), X, Y, task=TASK, threshold=0.2)
    rows = pa.Table.from_batches([training_batch(X, "test")])
    for name in ("sql", "matrix"):
        backend = choose_backend(kernel, name, 100, ProgramFiles(tmp_path, LoadPolicy()))
        found = duckdb_rows(backend.compiled, rows) if backend.compiled else kernel_rows(backend.kernel, rows)
        for label in LABELS:
            over = found[f"score_{label}"].to_numpy() >= 0.2
            assert found[f"prediction_{label}"].to_pylist() == over.astype(int).tolist()
            assert 0 < over.sum() < ROWS


def test_the_rule_of_a_label_s_own_classifier_is_asked(make_kernel: MakeKernel) -> None:
    own = MultiOutputClassifier(FixedThresholdClassifier(LOGISTIC, threshold=0.2)).fit(X, Y)
    kernel = make_kernel(own, X, Y, task=TASK, program=False)
    assert kernel.version.label_method == "predict"
    found = kernel(training_batch(X, "test"))
    for label, wanted in zip(LABELS, own.predict(X).T, strict=True):
        assert found.column(f"prediction_{label}").to_pylist() == wanted.tolist()


PLATT = SVC(kernel="linear", probability=True, random_state=0)
HALF = (X.weight + DRAW.normal(size=ROWS) > 0).astype(int)
DECIDED: dict[str, tuple[Any, Any]] = {
    "one against the rest": (OneVsRestClassifier(PLATT), Y),
    "one against the rest, a pipeline each": (OneVsRestClassifier(make_pipeline(PLATT)), Y),
    "one label of three": (OneVsRestClassifier(PLATT), pd.cut(X.weight, 3, labels=False)),
    "a stack": (StackingClassifier([("line", LOGISTIC)], final_estimator=PLATT), HALF),
    "self-training": (SelfTrainingClassifier(PLATT), HALF),
    "chosen features": (RFE(PLATT, n_features_to_select=2), HALF),
    "frozen": (FrozenEstimator(FixedThresholdClassifier(LOGISTIC, threshold=0.2).fit(X, HALF)), HALF),
}


@pytest.mark.parametrize("case", DECIDED)
@pytest.mark.filterwarnings("ignore")
def test_predict_is_asked_even_if_the_best_score_agrees_on_all_rows_tried(
    case: str, make_kernel: MakeKernel
) -> None:
    """A linear classifier with probabilities decides by its decision function, and not by a score of 0.5."""
    estimator, y = DECIDED[case]
    estimator.fit(X, y)
    is_multilabel = np.ndim(y) == 2
    agrees = same_by_score(estimator, X, is_multilabel)
    kernel = make_kernel(
        estimator,
        X[agrees],
        y[agrees],
        task=TASK if is_multilabel else "classification",
        program=False,
    )
    unseen = pd.DataFrame(np.random.default_rng(9).normal(size=(2_000, 3)), columns=X.columns)
    assert not same_by_score(estimator, unseen, is_multilabel).all()
    found = kernel(training_batch(unseen, "test"))
    columns = [f"prediction_{label}" for label in LABELS] if is_multilabel else ["prediction"]
    for column, wanted in zip(columns, np.atleast_2d(estimator.predict(unseen).T), strict=True):
        assert found.column(column).to_pylist() == wanted.tolist()


def same_by_score(estimator: Any, rows: pd.DataFrame, is_multilabel: bool) -> np.ndarray:
    """Whether the best score of a row gives what `predict` gives."""
    scores, given = estimator.predict_proba(rows), estimator.predict(rows)
    if is_multilabel:
        return np.asarray(((scores > 0.5) == given).all(axis=1))
    return np.asarray(estimator.classes_[scores.argmax(axis=1)] == given)


def test_a_row_is_rejected_as_a_whole(make_kernel: MakeKernel) -> None:
    far = pd.DataFrame({"weight": [0.1, None, 1e308], "distance": [0.1] * 3, "value": [0.1, 0.1, 1e308]})
    small = X * 1e-3  # so that the weights are large
    kernel = make_kernel(RidgeClassifier(alpha=1e-9).fit(small, Y), small, Y, task=TASK, program=False)
    result = kernel(training_batch(far, "test")).to_pydict()
    assert result["reject_reason"][:2] == [None, "null:weight"]
    assert "not_finite:score_late" in result["reject_reason"][2]
    assert result["prediction_late"][0] in (0, 1) and np.isfinite(result["score_late"][0])
    assert result["score_late"][1:] == [None, None] and result["prediction_late"][1] is None


def test_importance_and_the_card_speak_of_labels(tmp_path: Path) -> None:
    asked(tmp_path, MultiOutputClassifier(LOGISTIC).fit(X, Y), program=False)
    asked(tmp_path, MultiOutputClassifier(LinearSVC()).fit(X, Y), program=False)
    with (tmp_path / "seeds/ml/parcels/ml_parcels__signature.csv").open() as file:
        kinds = {row["version"]: row["importance_kind"] for row in csv.DictReader(file)}
    assert kinds == {"1": "permutation:log_loss", "2": "permutation:error_rate"}
    card = (tmp_path / "seeds/ml/parcels/_ml_parcels.yml").read_text()
    assert "`lost` (in `prediction_lost`)" in " ".join(card.split())
    assert all(shown(task) for task in TASKS if task != "anomaly")  # the report has metrics for each


def test_monitors_of_labels_without_scores_are_refused_in_words(tmp_path: Path) -> None:
    asked(tmp_path, MultiOutputClassifier(LinearSVC()).fit(X, Y), program=False)
    told = ("scaffold", "monitors", "parcels", "--features", "parcels", "--key", "id", "--dry-run")
    labels = ("--labels", "truth", "--label", "late=late", "--project-dir", str(tmp_path))
    ended = CliRunner().invoke(main, [*told, *labels])
    assert ended.exit_code == 2 and "parcels version 1 has no scores" in ended.output
    assert "'prediction_late'" in " ".join(ended.output.split())
