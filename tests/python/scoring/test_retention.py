"""Retention, by `dbt run-operation` as a user calls it: what is old goes, and what is needed stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from project import DbtProject
from rescoring import make_history

DBT = Path(sys.executable).with_name("dbt")
pytestmark = pytest.mark.slow


def operation(project: DbtProject, macro: str, *options: str, **arguments: Any) -> tuple[int, str]:
    """Exit code and output of the real command."""
    places = {"DBT_PROJECT_DIR": str(project.folder), "DBT_PROFILES_DIR": str(project.folder)}
    ended = subprocess.run(
        [DBT, "run-operation", macro, "--args", json.dumps(arguments), *options],
        cwd=project.folder,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stdout + ended.stderr


def age(project: DbtProject, days: int) -> None:
    """Make every run that is in the log older."""
    with duckdb.connect(project.database) as connection:
        connection.execute(f"update scorehouse_run_log set started_at = started_at - interval {days} day")


def test_what_is_old_and_not_needed_goes(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=4)
    project.build().check()  # makes 4 dates of 20 keys
    age(project, 100)
    for _ in range(2):  # these find nothing new: no row names them, and the second is the last success
        project.dbt("run", "--select", "scores").check()
        age(project, 100)
    with duckdb.connect(project.database) as connection:
        connection.execute(
            "insert into scorehouse_run_log (run_id, status, prediction_table, started_at) "
            "select uuid(), 'failed', prediction_table, started_at from scorehouse_run_log limit 1"
        )
    before, scores = project.content("scorehouse_run_log"), project.content("scores")
    assert len(before) == 4

    code, said = operation(project, "prune_run_log")
    assert code and "older_than_days" in said and "scorehouse_run_log_retention_days" in said, said
    code, said = operation(project, "prune_run_log", older_than_days=50)
    assert code == 0 and "2 of 4 rows, runs older than 50 days (dry_run: nothing was deleted)" in said, said
    assert project.content("scorehouse_run_log") == before

    code, said = operation(project, "prune_run_log", older_than_days=50, dry_run=False)
    assert code == 0 and "2 of 4 rows, runs older than 50 days were deleted" in said, said
    left = project.query("select run_id::varchar, status from scorehouse_run_log")
    assert [status for _, status in left] == ["success"] * 2
    named = {run for (run,) in project.query("select distinct scoring_run_id::varchar from scores")}
    assert named <= {run for run, _ in left}
    project.dbt("run", "--select", "scores").check()
    assert project.content("scores") == scores  # nothing is scored again

    code, said = operation(project, "prune_history", table="features", as_of="day", older_than_days=1)
    assert code and "the column of as-of dates of a prediction history" in said, said
    code, said = operation(project, "prune_history", table="nothing", older_than_days=1)
    assert code and "the name of a model of this project whose table exists" in said, said
    # the first two dates are as old as the variable says
    days = project.query("select current_date - date '2024-01-02'")[0][0]
    variable = ("--vars", json.dumps({"scorehouse_history_retention_days": int(days)}))
    code, said = operation(project, "prune_history", *variable, table="scores", as_of="day")
    assert code == 0 and "of 80 rows" in said and "nothing was deleted" in said, said
    assert project.content("scores") == scores
    code, said = operation(project, "prune_history", *variable, table="scores", as_of="day", dry_run=False)
    assert code == 0 and "were deleted" in said, said
    kept = [str(day) for (day,) in project.query("select distinct day from scores order by 1")]
    assert kept == ["2024-01-03", "2024-01-04"]
