"""Columns whose names have blanks, quotes or capitals, or are words of SQL: through scaffolds and dbt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from project import DbtProject
from scorehouse.project.dbt_text import RESERVED, identifier, jinja, needs_quotes, python

pytestmark = pytest.mark.slow

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
TABLE = """
select i as "customer id", i % 2 as "user", i * 1e0 as "Order Date", (i % 13) * 1e0 as "it's",
    i % 7 as "order", if(i % 2 = 0, 'it''s a', 'b') as "my ""plan"" now",
    date '2025-01-01' + (i % 60)::integer as "Scored On", if(i % 2 = 0, 'x', 'y') as "the group",
    i > 50 as "has left?"
from range(100) as numbers(i)
"""
KEYS = ("--key", "customer id", "--key", 'my "plan" now', "--key", "user")
DAY = ("--day", "Scored On", "--segment", "the group", "--segment", "it's")
LABELS = ("--labels", "labels", "--label", "has left?")
KEPT = ("--keep", "Order Date", "--keep", "it's", "--keep", "Scored On", "--keep", "the group")
FEATURES = ("--features", "features")


def run(folder: Path, *arguments: str) -> None:
    ended = subprocess.run([SCOREHOUSE, *arguments], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Everything that a scaffold writes for such columns, in both doors, and built."""
    project = DbtProject(tmp_path_factory.mktemp("odd") / "house")
    with duckdb.connect() as connection:
        frame = connection.sql(TABLE).df()
    X = frame[["it's", "Order Date", "order", 'my "plan" now']]
    coded = make_column_transformer((OneHotEncoder(), ['my "plan" now']), remainder="passthrough")
    estimator = make_pipeline(coded, LogisticRegression(max_iter=5000)).fit(X, frame["has left?"])
    facts = {"task": "classification", "metrics": {"roc_auc": 1.0}}
    for name in ("churn", "other"):
        project.register(estimator, name, X, frame["has left?"], **facts)
    project.features(TABLE)
    project.features("select * from {{ ref('features') }}", name="labels")
    scaffold = ("scaffold", "predictions")
    output = ("--output", "models/_features.yml")
    run(project.folder, "scaffold", "tests", "churn", "--table", "features", *output)
    run(project.folder, *scaffold, "churn", *FEATURES, *KEYS, *KEPT, "--yes")
    run(project.folder, *scaffold, "other", *FEATURES, *KEYS, *KEPT, "--language", "python", "--yes")
    run(project.folder, "scaffold", "mart", "churn", *KEYS, "--keep", "it's", "--yes")
    run(project.folder, "scaffold", "monitors", "churn", *FEATURES, *KEYS, *DAY, *LABELS, "--yes")
    (project.folder / "models/_other.yml").write_text(
        yaml.safe_dump({"models": [{"name": "churn_predictions_again", "data_tests": more_tests()}]})
    )
    project.write("models/churn_predictions_again.sql", "select * from {{ ref('churn_predictions') }}")
    return project


def more_tests() -> list[dict[str, object]]:
    """Tests that take names of columns, and that no scaffold writes."""
    return [
        {"scorehouse.rejected_share_below": {"arguments": {"max_share": 0.5, "group_by": ["the group"]}}},
        {"scorehouse.volume_in_range": {"arguments": {"min_rows": 1, "day": "Scored On"}}},
        {"scorehouse.score_in_range": {"arguments": {"columns": ["it's"], "max_value": 100}}},
    ]


def test_all_that_is_scaffolded_builds_and_passes(project: DbtProject) -> None:
    built = project.build().check()
    assert set(built.statuses.values()) == {"success", "pass"}, built.messages
    assert len(built.statuses) > 40
    keys = list(project.columns("churn_mart"))[:3]
    assert keys == ["customer id", 'my "plan" now', "user"]
    segments = {segment for (segment,) in project.query("select distinct segment from churn_performance")}
    assert {"the group=x", "the group=y"} <= segments or "the group=(small groups)" in segments


def test_what_is_wrong_is_found(project: DbtProject) -> None:
    project.build().check()
    project.query('delete from churn_predictions where "customer id" = 7')
    project.query('update features set "order" = null where "customer id" = 8')
    project.query('update features set "my ""plan"" now" = null where "customer id" = 9')
    statuses = project.dbt("test", "--select", "features", "churn_predictions").statuses
    failed = [name for name, status in statuses.items() if status == "fail"]
    kinds = [name.partition("_features")[0].partition("_predictions")[0] for name in failed]
    null, per_row = "scorehouse_feature_not_null", "scorehouse_one_prediction_per_row"
    assert sorted(kinds) == [null, null, f"{per_row}_churn", f"{per_row}_other"]


def test_the_training_script_of_init_runs(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(f"create table features as {TABLE}")
    run(tmp_path, "init", "churn", *FEATURES, *KEYS, "--label", "has left?", "--yes")
    script = [sys.executable, "ml/train_churn.py", "shop.duckdb"]
    ended = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "registered churn version 1" in ended.stdout


def test_words_of_sql_are_known() -> None:
    kinds = "('reserved', 'type_function')"
    words = duckdb.sql(f"select keyword_name from duckdb_keywords() where keyword_category in {kinds}")
    assert {word for (word,) in words.fetchall()} <= RESERVED


@pytest.mark.parametrize("name", ["it's", 'my "plan" now', "a\\b", "x {{ y }}", "größe", "a\nb", "😀"])
def test_a_name_comes_out_of_every_language_as_it_went_in(name: str) -> None:
    from jinja2 import Environment

    jinja_of = Environment().from_string("{{ " + jinja({"a": [name, 1, True]}) + ".a[0] }}").render()
    assert jinja_of == name and eval(python([name])) == [name]
    assert needs_quotes(name) and "{{ y" not in python(name)
    quoted = Environment().from_string(identifier(name)).render(adapter=Quoting())
    assert np.array_equal(pd.DataFrame({name: [1]}), duckdb.sql(f"select 1 as {quoted}").df())


class Quoting:
    """The adapter, as far as a mart needs it."""

    def quote(self, name: str) -> str:
        return f'"{name}"'
