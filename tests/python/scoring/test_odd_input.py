"""Input that looks wrong and is allowed, and what is refused for a reason of its own."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from project import DbtProject
from scorehouse import ScorehouseError, promote
from visits import FEATURES, registered_by, training

pytestmark = pytest.mark.slow


@pytest.fixture
def scored_project(project: DbtProject) -> DbtProject:
    X = training()
    project.register(LogisticRegression(max_iter=500).fit(X, X.age > 30), "churn", X, task="classification")
    project.features(FEATURES)
    project.python_model("scored", "churn", key="id")
    return project


@pytest.mark.slow
def test_an_empty_feature_table_empties_the_table(scored_project: DbtProject) -> None:
    scored_project.build().check()
    columns = scored_project.columns("scored")
    scored_project.features(FEATURES + " where i < 0")
    scored_project.build().check()
    assert scored_project.content("scored") == []
    assert scored_project.columns("scored") == columns


def _by_the_estimator(project: DbtProject) -> None:
    """Both models open the estimator, which a program would leave closed."""
    project.python_model("scored", "churn", key="id", backend="estimator")
    project.python_model("plain", "churn", key="id", backend="estimator", config="materialized='table'")


@pytest.mark.slow
def test_another_release_is_allowed_where_the_project_says_so(scored_project: DbtProject) -> None:
    scored_project.writes_files = True
    registered_by("0.19.1")(scored_project, "churn")
    _by_the_estimator(scored_project)
    ended = scored_project.build()
    assert {name for name, status in ended.statuses.items() if status == "error"} == {"scored", "plain"}
    scored_project.settings({"scorehouse_load_policy": {"library_versions": "warn"}})
    scored_project.build().check()
    assert scored_project.query("select count(*) from scored union all select count(*) from plain") == [
        (200,),
        (200,),
    ]
    assert (
        "churn version 1 was saved by scikit-learn 0.19.1"
        in (scored_project.folder / "logs/dbt.log").read_text()
    )


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"library_version": "warn"}, "unknown settings library_version"),
        ({"library_versions": "ignore"}, "library_versions has 'ignore'"),
        ({"formats": ["skops"]}, "stored as 'joblib', which the load policy does not allow"),
    ],
    ids=["misspelt", "unknown choice", "format"],
)
def test_a_load_policy_that_refuses(policy: dict[str, Any], told: str, scored_project: DbtProject) -> None:
    scored_project.settings({"scorehouse_load_policy": policy})
    _by_the_estimator(scored_project)
    ended = scored_project.build()
    for name in ("scored", "plain"):
        assert told in ended.messages[name] and "What to do: " in ended.messages[name]


def test_a_feature_may_bear_the_name_of_an_output(project: DbtProject) -> None:
    """It is read and not written; only to pass it through would make two of it."""
    X = training().rename(columns={"age": "score"})
    project.register(DecisionTreeClassifier().fit(X, X.score > 30), "churn", X, task="classification")
    project.features(FEATURES.replace("as age", "as score"))
    project.python_model("scored", "churn", key="id")
    project.python_model("passed", "churn", key="id", passthrough="score")
    ended = project.build()
    assert (ended.statuses["scored"], ended.statuses["passed"]) == ("success", "error")
    assert "names that the prediction table uses itself: score" in ended.messages["passed"]


def test_a_ranking_without_a_group(project: DbtProject) -> None:
    X = training()
    project.register(LogisticRegression(max_iter=500).fit(X, X.age > 30), "offers", X, task="ranking")
    project.features(FEATURES)
    project.python_model("scored", "offers", key="id")
    ended = project.build()
    assert "offers version 1 ranks, but no group was given" in ended.messages["scored"]


def test_a_model_without_the_macro_or_the_call(scored_project: DbtProject) -> None:
    scored_project.write(
        "models/bare.sql",
        "{{ config(materialized='predictions') }} select * from {{ ref('features') }}",
    )
    scored_project.write(
        "python_models/other.py",
        "def model(dbt, session):\n    dbt.config(materialized='predictions')\n"
        "    return dbt.ref('features')\n",
    )
    ended = scored_project.build()
    assert "scorehouse.scored('<name>', key='<column>')" in ended.messages["bare"]
    assert "end the model with `return score(...)`" in ended.messages["other"]


def test_what_is_not_fitted_is_not_registered(scored_project: DbtProject) -> None:
    with pytest.raises(ScorehouseError, match=r"LogisticRegression is not fitted(.|\n)*call fit\(\) first"):
        scored_project.register(LogisticRegression(), "churn", training(), task="classification")
    with pytest.raises(ScorehouseError, match=r"DecisionTreeClassifier is a classifier(.|\n)*What to do"):
        tree = DecisionTreeClassifier().fit(training(), training().age > 30)
        scored_project.register(tree, "churn", training(), task="anomaly")
    with pytest.raises(ScorehouseError, match="has no version 2"):
        promote("churn", 2, project_dir=scored_project.folder)
    scored_project.build().check()
