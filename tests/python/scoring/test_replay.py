"""A logged run is scored again: equal to the last bit, and what cannot be compared is said."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project import DbtProject
from scorehouse.cli.main import main

pytestmark = pytest.mark.slow

ROWS = 3000
FEATURES = (
    "select i as id, (hash(i) % 1000) / 97.0e0 as a, if(i % 50 = 0, null, sin(i)) as b, i % 7 as kept "
    f"from range({ROWS}) as t(i)"
)
REPLAY = """
from scorehouse import replay_sample


def model(dbt, session):
    dbt.config(materialized="table")
    return replay_sample(dbt, session, predictions=dbt.ref("scores"), model=dbt.ref("ml_toy"), rows=400)
"""


@pytest.fixture
def scored(tmp_path: Path) -> DbtProject:
    """A prediction table made by version 1, and version 2 promoted since."""
    project = DbtProject(tmp_path / "house")
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(-1, 10, (500, 2)), columns=["a", "b"])
    labels = (frame["a"] > 5).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, labels)
    project.register(model, "toy", frame, labels, task="classification")
    project.features(FEATURES)
    project.python_model("scores", "toy", key="id", passthrough=["kept"])
    project.write("python_models/again.py", REPLAY.lstrip())
    project.write(
        "models/again.yml",
        "models:\n  - name: again\n    data_tests:\n      - scorehouse.replay_agrees:\n"
        "          arguments: {min_rows: 400}\n",
    )
    project.build().check()
    other = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(frame, labels)
    project.register(other, "toy", frame, labels, task="classification")
    return project


def replayed(project: DbtProject, *arguments: str, table: str = "scores") -> tuple[int, dict[str, object]]:
    run_id = str(project.runs(table)[-1]["run_id"])
    places = ["--database", str(project.database), "--project-dir", str(project.folder)]
    ended = CliRunner().invoke(main, ["replay", run_id[:13], *places, "--json", *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, json.loads(ended.output)


def test_a_run_replays_bit_for_bit_by_the_version_that_made_it(scored: DbtProject) -> None:
    code, found = replayed(scored)
    assert code == 0
    assert found["rows_compared"] == found["rows_in_table"] == ROWS
    assert (found["rows_different"], found["same_input"], found["same_libraries"]) == (0, True, True)


def test_a_sample_replays_too(scored: DbtProject) -> None:
    code, found = replayed(scored, "--sample", "100")
    assert (code, found["rows_compared"], found["rows_in_table"]) == (0, 100, 100)


def test_rows_whose_features_changed_are_counted_and_left_out(scored: DbtProject) -> None:
    scored.features(FEATURES.replace("sin(i)", "if(i < 200, cos(i), sin(i))"))
    scored.dbt("run", "--select", "features").check()
    code, found = replayed(scored)
    changed = 200 - 200 // 50
    assert (code, found["rows_gone"], found["rows_different"]) == (0, changed, 0)
    assert found["same_input"] is False

    scored.features(FEATURES.replace("97.0e0", "97.0e0 + 1"))
    scored.dbt("run", "--select", "features").check()
    code, found = replayed(scored)
    assert (code, found["rows_compared"], found["rows_different"]) == (3, 0, 0)  # nothing was shown


def test_a_tampered_prediction_is_found_and_named(scored: DbtProject) -> None:
    with duckdb.connect(scored.database) as connection:
        connection.execute("update scores set score = score + 1e-16 + score * 1e-15 where id = 777")
    code, found = replayed(scored)
    assert (code, found["rows_different"], found["examples"]) == (3, 1, ["(777,)"])


def test_the_dbt_test_of_a_sample_passes_and_fails(scored: DbtProject) -> None:
    assert scored.query("select rows_compared, rows_different from again") == [(400, 0)]
    with duckdb.connect(scored.database) as connection:
        connection.execute("update scores set score = score + 0.25")
    ended = scored.build("--select", "again")
    assert "fail" in ended.statuses.values()
    assert scored.query("select rows_different > 300 from again") == [(True,)]


def test_the_dbt_test_fails_where_too_few_rows_can_be_compared(scored: DbtProject) -> None:
    scored.features(FEATURES.replace("sin(i)", "cos(i)"))
    scored.dbt("run", "--select", "features").check()
    ended = scored.build("--select", "again")
    assert "fail" in ended.statuses.values()
    assert scored.query("select rows_compared < 400, rows_different from again") == [(True, 0)]


def test_an_unknown_run_says_where_to_look(scored: DbtProject) -> None:
    places = ["--database", str(scored.database), "--project-dir", str(scored.folder)]
    ended = CliRunner().invoke(main, ["replay", "ffffffff-0000", *places])
    assert ended.exit_code == 1 and "scorehouse_runs" in ended.output


LIES = [
    ("feature_query", "select 1; copy (select 42) to '{file}'; select 2"),
    ("feature_query", "select 1); copy (select 42) to '{file}'; select * from (select 2"),
    ("feature_query", "copy (select 42) to '{file}'"),
    ("prediction_table", "scores); copy (select 42) to '{file}'; select * from (scores"),
    ("model_name", "../../elsewhere"),
]


def test_what_others_write_into_the_run_log_is_not_run(scored: DbtProject) -> None:
    """DuckDB writes any file that its user may write, even where the database is open for reading only."""
    run_id, file = str(scored.runs("scores")[-1]["run_id"]), scored.folder / "written"
    places = ["--database", str(scored.database), "--project-dir", str(scored.folder)]
    for column, text in LIES:
        with duckdb.connect(scored.database) as connection:
            kept = connection.execute(f"select {column} from scorehouse_run_log").fetchall()[0][0]
            connection.execute(f"update scorehouse_run_log set {column} = ?", [text.format(file=file)])
        ended = CliRunner().invoke(main, ["replay", run_id, *places])
        assert ended.exit_code == 1 and "What to do:" in ended.output
        told = repr(text) if column == "model_name" else f"the run log has the {column}"
        assert told in ended.output
        assert not file.exists()
        with duckdb.connect(scored.database) as connection:
            connection.execute(f"update scorehouse_run_log set {column} = ?", [kept])
    assert replayed(scored)[0] == 0


def test_a_sample_of_a_history_replays(scored: DbtProject) -> None:
    """Its as-of date, given as a value, is no column of the features."""
    scored.python_model("dated", "toy", key="id", as_of="2026-03-01", passthrough=["kept"])
    scored.build("--select", "ml_toy", "dated").check()
    code, found = replayed(scored, "--sample", "100", table="dated")
    assert (code, found["rows_compared"], found["rows_different"]) == (0, 100, 0)
