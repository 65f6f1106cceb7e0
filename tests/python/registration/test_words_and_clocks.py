"""Edges of trust at registration and in the run log: altered native files, formulas, a clock set back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from scorehouse import register
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.registration.groups import grouped

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
X = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0) % 7})
Y = np.arange(60) > 30


def native_text() -> str:
    """A LightGBM file; the estimator and its training features lie in the working folder."""
    lightgbm = pytest.importorskip("lightgbm", reason="needs the extra boosters")
    estimator = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, n_jobs=1).fit(X, Y)
    joblib.dump(estimator, "given.joblib")
    X.to_csv("train.csv", index=False)
    return str(estimator.booster_.model_to_string())


def register_native(file: str) -> subprocess.CompletedProcess[str]:
    asked = ["register", "churn", "given.joblib", "--features", "train.csv", "--task", "classification"]
    given = ["--format", "native", "--artifact", file, "--no-program"]
    return subprocess.run([SCOREHOUSE, *asked, *given], capture_output=True, text=True)


@pytest.mark.heavy
def test_an_altered_native_file_is_an_error_and_no_crash(empty_project: Path) -> None:
    """The altered file ends the process that opens it; registration says so, and registers nothing."""
    text = native_text()
    Path("altered.txt").write_text(re.sub(r"left_child=\S+", "left_child=99999999", text, count=1))
    Path("whole.txt").write_text(text)
    ended = register_native("altered.txt")
    assert ended.returncode == 1, ended.stderr
    assert (
        "the lightgbm file was opened in a separate process, and killed that process by signal"
        in ended.stderr
    )
    assert "Traceback" not in ended.stderr and not Path("artifacts").exists()
    assert register_native("whole.txt").returncode == 0


@pytest.mark.heavy
def test_the_process_that_opens_a_native_file_imports_nothing_from_the_working_folder(
    empty_project: Path,
) -> None:
    Path("whole.txt").write_text(native_text())
    Path("joblib.py").write_text("open('imported.txt', 'w')\nraise SystemExit\n")
    assert register_native("whole.txt").returncode == 0
    assert not Path("imported.txt").exists()


@pytest.mark.parametrize("words", ["=1+1", "+x", "-x", "@x", "\tx", "\n=x"])
@pytest.mark.parametrize("fact", ["owner", "description", "trained_from", "trained_to"])
def test_words_that_begin_like_a_formula_are_refused(empty_project: Path, fact: str, words: str) -> None:
    facts: dict[str, Any] = {"task": "classification", "program": False, fact: words}
    with pytest.raises(ConfigurationError, match=f"{fact} begins with"):
        register(LogisticRegression().fit(X, Y), "churn", X, **grouped(facts))
    assert not Path("seeds").exists()


def test_the_command_line_refuses_them_too(empty_project: Path) -> None:
    joblib.dump(LogisticRegression().fit(X, Y), "given.joblib")
    X.to_csv("train.csv", index=False)
    asked = ["register", "churn", "given.joblib", "--features", "train.csv", "--task", "classification"]
    ended = CliRunner().invoke(main, [*asked, "--owner", "=HYPERLINK(1)"])
    assert ended.exit_code == 1 and "owner begins with '='" in ended.output


RUN = "insert into scorehouse_run_log (run_id, status, prediction_table, rows_left, started_at, finished_at) "
RUN += 'select uuid(), \'success\', \'"house"."main"."scores"\', {left}, t, t from (select {time} as t)'
NOW = "make_timestamp(epoch_us(now()))"
# the logged runs, oldest first, as (hours from now, rows left), and whether the table is up to date
CLOCKS = {
    "ordinary": ([(-30, 0), (-1, 0)], True),
    "too old": ([(-30, 0)], False),
    "set back since: the later run counts, which left rows": ([(20, 0), (-1, 5)], False),
    "set back since: the later run counts, which left none": ([(20, 5), (-1, 0)], True),
    "set back since, and the later run is too old": ([(20, 0), (-30, 0)], False),
    "set back after the only run": ([(1, 0)], True),
    "a clock of another age": ([(24 * 365, 0)], False),
}


@pytest.mark.slow
def test_up_to_date_survives_a_clock_set_back(project: DbtProject) -> None:
    project.features("select 1 as id", name="scores")
    tests = "[{scorehouse.predictions_up_to_date: {arguments: {max_age_hours: 24}}}]"
    project.write("models/_scores.yml", f"models: [{{name: scores, data_tests: {tests}}}]\n")
    project.dbt("run", "--select", "scores").check()
    found = {}
    for case, (runs, _) in CLOCKS.items():
        with duckdb.connect(project.database) as connection:
            connection.execute("delete from scorehouse_run_log")
            for hours, left in runs:
                connection.execute(RUN.format(left=left, time=f"{NOW} + interval ({hours}) hours"))
        found[case] = project.dbt("test", "--select", "scores").success
    assert found == {case: passes for case, (_, passes) in CLOCKS.items()}
