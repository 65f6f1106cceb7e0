"""dbt commands that meet, that are tried again, or that end in another package's failure: no run is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from project import SUPPORT, DbtProject
from spark.estimators import Slow

pytestmark = pytest.mark.slow
DBT = Path(sys.executable).with_name("dbt")
ROWS = 20_000
PATIENCE = 200  # seconds, on a busy machine
FAILING = "{% if execute %}{% do run_query(\"select error('the other package broke')\") %}{% endif %}"


def started(project: DbtProject, *arguments: str) -> subprocess.Popen[str]:
    """A dbt command in a process of its own, as a shell starts it."""
    environment = {**project.environment, "PYTHONPATH": str(SUPPORT)}
    return subprocess.Popen(
        [DBT, *arguments, "--profiles-dir", "."],
        cwd=project.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(project: DbtProject, *arguments: str) -> tuple[int, str]:
    process = started(project, *arguments)
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def test_of_two_builds_at_once_the_second_is_told_of_the_lock_and_nothing_is_lost(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    sign, go_on = project.folder / "begun", project.folder / "go_on"
    slow = Slow(str(sign), str(go_on)).fit(frame)
    project.register(slow, "sums", frame, task="regression", program=False)
    project.features(f"select i as id, i % 7 / 1e0 as a, 1e0 as b from range({ROWS}) as t(i)")
    project.sql_model("scored", "sums", key="id", batch_rows=2000)
    first = started(project, "build")
    deadline = time.monotonic() + PATIENCE
    while not sign.exists():
        if first.poll() is not None or time.monotonic() > deadline:
            first.kill()
            pytest.fail(f"it never began to score: {first.communicate()[0]}")
        time.sleep(0.05)
    code, told = ended(project, "build")
    go_on.touch()
    waited, _ = first.communicate(timeout=PATIENCE)
    assert (first.returncode, code) == (0, 2), waited + told
    assert "Could not set lock on file" in told and str(first.pid) in told
    (run,) = project.runs("scored")
    assert (run["status"], run["rows_scored"]) == ("success", ROWS)
    assert project.query("select count(*), count(distinct id) from scored") == [(ROWS, ROWS)]
    code, told = ended(project, "build")
    assert code == 0, told
    assert [run["status"] for run in project.runs("scored")] == ["success", "success"]


def small(folder: Path) -> DbtProject:
    """A prediction table by each materialization, and a model that reads the first."""
    project = DbtProject(folder)
    X = pd.DataFrame({"a": np.arange(60.0)})
    project.register(LogisticRegression().fit(X, X.a > 30), "toy", X, task="classification", program=False)
    project.features("select i as id, i // 2 as pair, i * 1e0 as a from range(60) as t(i)")
    project.sql_model("scored", "toy", key="id")
    project.python_model("plain", "toy", key="id", config="materialized='table'")
    project.features("select count(*) as n from {{ ref('scored') }}", name="after")
    return project


def test_retry_scores_what_failed_and_what_waited_for_it(tmp_path: Path) -> None:
    project = small(tmp_path / "house")
    project.sql_model("scored", "toy", key="pair")
    project.writes_files = True  # `dbt retry` reads run_results.json
    built = project.build()
    assert (built.statuses["scored"], built.statuses["after"]) == ("error", "skipped")
    assert "the key pair is not unique" in built.messages["scored"]
    project.sql_model("scored", "toy", key="id")
    again = project.dbt("retry").check()
    nodes = {name for name in again.statuses if not name.startswith("scorehouse-on-run")}
    assert nodes == {"scored", "after"}
    failed, success = project.runs("scored")
    assert (failed["status"], success["status"]) == ("failed", "success")
    assert failed["run_id"] != success["run_id"] and failed["invocation_id"] != success["invocation_id"]
    assert [run["status"] for run in project.runs("plain")] == ["success"]
    assert project.query("select n from after") == [(60,)]


def beside_another_package(project: DbtProject, name: str, hook: str) -> None:
    """Install one more package, which ends runs with this hook."""
    package = project.folder / "dbt_packages" / name
    package.mkdir(exist_ok=True)
    document = {"name": name, "version": "1.0.0", "config-version": 2, "on-run-end": hook}
    (package / "dbt_project.yml").write_text(yaml.safe_dump(document))
    listed = [{"local": f"dbt_packages/{each}"} for each in ("scorehouse", name)]
    project.write("packages.yml", yaml.safe_dump({"packages": listed}))


def with_a_refused_table(folder: Path) -> DbtProject:
    """Its contract does not hold, which dbt finds out after scoring: only a hook can say so in the log."""
    project = small(folder)
    project.sql_model("refused", "toy", key="id", config="contract={'enforced': true}")
    column = {"name": "id", "data_type": "varchar"}
    contract = {"models": [{"name": "refused", "columns": [column]}]}
    project.write("models/_contract.yml", yaml.safe_dump(contract))
    return project


def statuses(project: DbtProject) -> list[str]:
    return [project.runs(name)[-1]["status"] for name in ("scored", "plain", "refused")]


# dbt runs the hooks of packages in the order of their names, and skips those after one that failed
@pytest.mark.parametrize(
    ("package", "at_once", "later"),
    [
        ("zeal", ["success", "success", "failed"], ["success", "success", "failed"]),
        ("audit", ["success", "started", "started"], ["success", "success", "started"]),
    ],
)
def test_the_hook_of_another_package_fails(
    package: str, at_once: list[str], later: list[str], tmp_path: Path
) -> None:
    """What our hook could not close, and a table shows, is closed by the next command."""
    project = with_a_refused_table(tmp_path / "house")
    beside_another_package(project, package, FAILING)
    built = project.build()
    assert not built.success and "the other package broke" in built.problem
    assert statuses(project) == at_once
    beside_another_package(project, package, "select 1")
    project.dbt("run", "--select", "after").check()
    assert statuses(project) == later
