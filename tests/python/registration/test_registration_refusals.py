"""What is not registered or promoted, and what the refusal says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse import ScorehouseError, promote, register
from scorehouse.registration.groups import grouped
from small_churn import X, Y, churn, classifier


def message(error: pytest.ExceptionInfo[ScorehouseError]) -> str:
    text = str(error.value)
    assert "Expected: " in text and "What to do: " in text
    return text


def refused(match: str, estimator: Any, name: str = "churn", frame: Any = X, **facts: Any) -> None:
    with pytest.raises(ScorehouseError) as error:
        register(estimator, name, frame, **grouped({"task": "classification", **facts}))
    assert match in message(error)
    assert f"register({name!r})" in message(error)
    assert not (Path.cwd() / "seeds").exists() and not (Path.cwd() / "artifacts").exists()


REFUSALS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "not fitted": ("LogisticRegression is not fitted", LogisticRegression(), {}),
    "pipeline not fitted": (
        "Pipeline is not fitted",
        make_pipeline(StandardScaler(), LogisticRegression()),
        {},
    ),
    "no estimator": ("dict is not an estimator", {"a": 1}, {}),
    "a class": ("the class LogisticRegression is not an estimator", LogisticRegression, {}),
    "no such file": ("does not load", "nowhere.joblib", {}),
    "a script": ("does not load (it is a script)", __file__, {}),
    "a text": ("does not load (it holds no pickle)", "dbt_project.yml", {}),
    "missing method": ("task is 'classification', but KMeans is a clusterer", KMeans(2, n_init=1).fit(X), {}),
    "anomaly without decision_function": (
        "task is 'anomaly', but LinearRegression is a regressor",
        LinearRegression().fit(X, Y),
        {"task": "anomaly"},
    ),
    "unknown task": ("task is 'guessing'", classifier(), {"task": "guessing"}),
    "columns missing": ("lacks the columns visits", classifier(), {"frame": X[["age"]]}),
    "array without names": ("ndarray without column names", classifier(), {"frame": X.to_numpy()}),
    "half precision": (
        "'age' holds numbers of half precision (float16), which no database has",
        classifier(),
        {"frame": X.astype({"age": "float16"})},
    ),
    "no rows": ("X has no rows", classifier(), {"frame": X.iloc[:0]}),
    "labels of another fit": ("y has 3 labels for 40 rows", classifier(), {"y": [0, 1, 0]}),
    "other features": (
        "does not take the training features",
        LinearRegression().fit(X.to_numpy(), Y),
        {"frame": X.assign(more=1.0), "task": "regression"},
    ),
    "mixed column": (
        "'age' holds mixed or unknown values",
        classifier(),
        {"frame": X.assign(age=[1, "a"] * 20)},
    ),
    "unknown type": (
        "'age' holds duration",
        classifier(),
        {"frame": X.assign(age=pd.to_timedelta(X.age, unit="D"))},
    ),
    "capital name": ("the name 'Churn' cannot be used", classifier(), {"name": "Churn"}),
    "name with a dash": ("the name 'a-b' cannot be used", classifier(), {"name": "a-b"}),
    "name like a path": ("the name '../x' cannot be used", classifier(), {"name": "../x"}),
    "name like another seed": ("the name 'a__reference' cannot", classifier(), {"name": "a__reference"}),
    "empty name": ("the name '' cannot be used", classifier(), {"name": ""}),
}


@pytest.mark.parametrize(("match", "estimator", "facts"), REFUSALS.values(), ids=REFUSALS)
def test_refused(match: str, estimator: Any, facts: dict[str, Any], empty_project: Path) -> None:
    refused(match, estimator, **facts)


@pytest.mark.parametrize("names", [["a", "A"], ["a", "a"], [0, 1]], ids=str)
def test_names_that_no_table_can_have(names: list[Any], empty_project: Path) -> None:
    frame = X.set_axis(names, axis=1)
    refused(
        f"the training columns {', '.join(map(repr, names))} cannot be columns",
        LogisticRegression().fit(frame.to_numpy(), Y),
        frame=frame,
    )


@pytest.mark.parametrize(
    "facts, match",
    [
        ({}, r"register\(\): missing .*'task'.*\n.*estimator, name, X, task"),
        (
            {"task": "regression", "alais": 1},
            "argument 'alais'; did you mean 'alias'",
        ),
        ({"task": "regression", "owner": "crm"}, r"belongs to card=scorehouse\.Card\(owner=\.\.\.\)"),
        ({"task": "regression", "X": X}, "multiple values"),
    ],
)
def test_a_call_that_lacks_an_argument_or_has_an_unknown_one(
    facts: dict[str, Any], match: str, empty_project: Path
) -> None:
    with pytest.raises(ScorehouseError, match=match) as error:
        register(LinearRegression(), "tried", X, **facts)
    assert message(error)
    assert sorted(path.name for path in empty_project.iterdir()) == ["dbt_project.yml"]


def test_a_bad_alias_registers_nothing(empty_project: Path) -> None:
    with pytest.raises(ScorehouseError, match="alias 'Best one' cannot be used"):
        churn(alias="Best one")
    assert not (empty_project / "seeds").exists()


THRESHOLDS: dict[str, tuple[Any, str]] = {
    "regression": (LinearRegression().fit(X, Y), "regression"),
    "clustering": (KMeans(2, n_init=1).fit(X), "clustering"),
    "three classes": (LogisticRegression(max_iter=1000).fit(X, X.visits % 3), "classification"),
    "no score": (VotingClassifier([("a", LogisticRegression())]).fit(X, Y), "classification"),
}


@pytest.mark.parametrize(("estimator", "task"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_a_threshold_without_a_score_of_two_classes_is_refused(
    estimator: Any, task: str, empty_project: Path
) -> None:
    refused("threshold", estimator, task=task, threshold=0.5)


def test_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScorehouseError) as error:
        churn()
    assert "no dbt_project.yml" in message(error)


def test_promotion_of_what_is_not_there(empty_project: Path) -> None:
    with pytest.raises(ScorehouseError) as error:
        promote("churn", 1)
    assert "there is no ML model 'churn'" in message(error)
    churn()
    with pytest.raises(ScorehouseError) as error:
        promote("churn", 7)
    assert "ML model 'churn' has no version 7" in message(error)
    with pytest.raises(ScorehouseError) as error:
        promote("churn", 1, alias="my alias")
    assert "the alias 'my alias' cannot be used" in message(error)


def test_a_seed_of_another_shape_is_not_appended_to(empty_project: Path) -> None:
    churn()
    registry = empty_project / "seeds/ml/churn/ml_churn.csv"
    registry.write_text("name,version\nchurn,1\n")
    with pytest.raises(ScorehouseError) as error:
        churn(0.1)
    assert "restore the file from version control" in message(error)
    assert registry.read_text() == "name,version\nchurn,1\n"
