"""Reasons in SQL alone: `predict(reasons=)` says what `score(reasons=)` says, and is refused in words."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from linear_reasons import FEATURES, ROWS, columns_of, frame, kinds, same_reasons
from project import DbtProject

pytestmark = pytest.mark.slow

KINDS = kinds()
PREDICT = "select * from {{{{ scorehouse.predict({name!r}, ref('features'), keep=['id'], {more}) }}}} as made"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("reasons") / "house")
    X = frame()
    rows = f"(select unnest(range({ROWS + 8})) as i) as numbers"
    # two of the last rows have a plan that is unknown to an encoder which ignores it, others lack a number
    project.features(
        "select * replace (case when id = 401 then 'new' else plan end as plan, "
        "case when id = 403 then null else visits end as visits) from ("
        + FEATURES.format(double="double", numbers=rows)
        + ")"
    )
    for name, kind in KINDS.items():
        project.register(kind.estimator, name, X[kind.features], kind.y, task=kind.task)
        project.python_model(f"{name}_score", name, key="id", reasons=3)
        project.features(PREDICT.format(name=name, more="reasons=3"), name=f"{name}_sql")
    some = "reasons={'top': 1, 'where': {'at_least': 0.4, 'below': 0.9}}"
    project.features(PREDICT.format(name="churn", more=some), name="churn_some")
    project.python_model(
        "churn_some_score", "churn", key="id", reasons={"top": 1, "where": {"at_least": 0.4, "below": 0.9}}
    )
    one = "reasons={'top': 5, 'output': 'week 1'}"
    project.features(PREDICT.format(name="weeks", more=one), name="weeks_one")
    project.python_model("weeks_one_score", "weeks", key="id", reasons={"top": 5, "output": "week 1"})
    tested = [{"name": f"{name}_sql", "data_tests": ["scorehouse.reasons_add_up"]} for name in KINDS]
    project.write("models/tests.yml", yaml.safe_dump({"models": tested}))
    project.build().check()
    return project


@pytest.mark.parametrize("name", KINDS)
def test_sql_says_what_the_runtime_says(name: str, project: DbtProject) -> None:
    for ending in KINDS[name].endings:
        compared(project, f"{name}_sql", f"{name}_score", columns_of(ending), 3)


def compared(project: DbtProject, sql: str, score: str, columns: list[str], top: int) -> int:
    """The rows with reasons; each table's reasons are those of the other."""
    listed = ", ".join(f'"{column}"' for column in columns)
    ours, theirs = (project.query(f"select {listed} from {table} order by id") for table in (sql, score))
    assert len(ours) == len(theirs) == ROWS + 8
    for a, b in zip(ours, theirs, strict=True):
        assert same_reasons(a, b, top), (a, b)
    return sum(row[-1] is not None for row in ours)


def test_only_rows_of_a_range_are_explained(project: DbtProject) -> None:
    found = compared(project, "churn_some", "churn_some_score", columns_of("", 1), 1)
    ((inside, scored),) = project.query(
        "select count(*) filter (score >= 0.4 and score < 0.9), count(*) filter (row_status = 'scored') "
        "from churn_some"
    )
    assert 0 < found == inside < scored


def test_one_output_has_plain_names_and_no_more_reasons_than_features(project: DbtProject) -> None:
    compared(project, "weeks_one", "weeks_one_score", columns_of("", 5), 5)
    assert project.query("select count(reason_2), count(reason_3), count(reason_5_value) from weeks_one") == [
        (ROWS + 7, 0, 0)
    ]


REFUSED = {
    "reasons=true": "a number of reasons, or a mapping of top, where and output",
    "reasons={'to': 3}": "settings among top, where, output",
    "reasons=0": "a number of reasons from 1 to 50",
    "reasons={'top': 1, 'where': {}}": "at_least, below, band or decision",
    "reasons={'top': 1, 'where': {'band': 'high'}}": "no band follows from the score of a row alone",
    "reasons={'top': 1, 'where': {'at_least': 'high'}}": "a finite number",
    "reasons={'top': 1, 'where': {'score': 'scor', 'below': 1}}": "one of the scores score",
    "reasons={'top': 1, 'where': [0.5]}": "scorehouse.predict(reasons.where=[0.5])",
    "reasons={'top': 1, 'output': 3}": "scorehouse.predict(reasons.output=3)",
    "reasons={'top': 1, 'output': {'calls': 1}}": "no output, since this ML model has one",
    "reasons={'top': 1, 'output': 'week_9'}": "no output, since this ML model has one",
}


@pytest.mark.parametrize("more", REFUSED)
def test_a_wrong_argument_is_refused_in_words(more: str, project: DbtProject, tmp_path: object) -> None:
    project.features(PREDICT.format(name="churn", more=more), name="refused")
    said = project.dbt("run", "--select", "refused").messages["refused"]
    assert REFUSED[more] in re.sub(r"\s+", " ", said)
    assert "scorehouse.predict(reasons" in said


def test_reasons_that_were_changed_are_not_given(project: DbtProject) -> None:
    """The digest covers the select and the facts: a unit, for example, is a claim about every number."""
    macros = project.folder / "macros/ml/churn.sql"
    proven = macros.read_text()
    project.features(PREDICT.format(name="churn", more="reasons=1"), name="changed")
    for old, new in (("log-odds", "euro"), ("sh_part_0_0", "sh_part_0_1")):
        at = proven.index("__reasons(")
        macros.write_text(proven[:at] + proven[at:].replace(old, new))
        said = project.dbt("run", "--select", "changed").messages["changed"]
        assert "scorehouse_predict__churn__v1__reasons is not the SQL that was proven" in said
    macros.write_text(proven)
    project.dbt("run", "--select", "changed").check()


def test_a_model_of_many_columns_has_reasons(project: DbtProject) -> None:
    """Rows that are tried have a hole somewhere: among many columns, hardly a shuffled row has none."""
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(300, 90)), columns=[f"f{i}" for i in range(90)])
    y = (wide.f0 + wide.f1 > 0).astype(int)
    version = project.register(LogisticRegression().fit(wide, y), "wide", wide, y, task="classification")
    assert "refused" not in version.program
    assert set(version.program["sql"]["macro"]["reasons"]) == {"duckdb"}


def test_trees_are_referred_to_what_explains_them(project: DbtProject) -> None:
    X = pd.DataFrame({"visits": np.arange(200.0)})
    y = (X.visits > 90).astype(int)
    project.register(DecisionTreeClassifier(max_depth=2).fit(X, y), "trees", X, y, task="classification")
    project.dbt("seed", "--select", "tag:ml_trees").check()
    project.features(PREDICT.format(name="trees", more="reasons=1"), name="of_trees")
    said = project.dbt("run", "--select", "of_trees").messages["of_trees"]
    assert "version 1 has no reasons in SQL: its reasons are those of trees" in said
    assert "use scorehouse.scored(), which gives them by Python" in said
