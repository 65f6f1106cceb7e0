"""The orchestration examples: the cron script's exit codes, Dagster's asset graph, Airflow's DAG."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from project import REPOSITORY
from virtual_environments import make_environment

EXAMPLES = REPOSITORY / "examples/orchestration"
PROJECTS = REPOSITORY / "integration_tests"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small foreign project, trained, its packages installed."""
    folder = tmp_path_factory.mktemp("orchestrated") / "shop"
    ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "artifacts", "*.duckdb", "ml")
    shutil.copytree(PROJECTS / "nothing", folder, ignore=ignored)
    (folder / "packages.yml").write_text(f"packages:\n  - local: {REPOSITORY}\n")
    for command in (["dbt", "--quiet", "deps"], ["python", "train.py"], ["dbt", "--quiet", "parse"]):
        subprocess.run(command, cwd=folder, env=environment(), check=True)
    return folder


def environment() -> dict[str, str]:
    """This environment's dbt first, and no project of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def score(project: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [EXAMPLES / "cron/score.sh", project], env=environment(), capture_output=True, text=True
    )
    return ended.returncode, ended.stderr


@pytest.mark.slow
def test_cron_exits_with_zero_when_all_is_scored_and_tested(project: Path) -> None:
    assert score(project) == (0, "")
    assert (project / "corner_shop.duckdb").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "code", "title"),
    [
        ("models/baskets.sql", "select * from nowhere", 10, "features"),
        ("artifacts/loyalty/1/signature.json", "damaged", 20, "scoring"),
        ("models/_tests.yml", "models: [{name: basket_predictions, data_tests: [unfit]}]", 30, "tests"),
    ],
)
def test_cron_tells_by_its_exit_code_what_failed(
    project: Path, tmp_path: Path, file: str, text: str, code: int, title: str
) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(project, copy, symlinks=True)
    (copy / "tests").mkdir(exist_ok=True)
    (copy / "tests/unfit.sql").write_text("{% test unfit(model) %}select * from {{ model }}{% endtest %}")
    (copy / "tests/generic").mkdir()
    (copy / "tests/unfit.sql").rename(copy / "tests/generic/unfit.sql")
    (copy / file).write_text(text)
    found, said = score(copy)
    assert (found, said.startswith(f"score: {title}")) == (code, True), said


@pytest.mark.slow
def test_cron_does_not_run_twice_at_once(project: Path) -> None:
    (project / "logs").mkdir(exist_ok=True)
    with (project / "logs/score.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert score(project)[0] == 75


@pytest.mark.slow
def test_what_the_image_of_the_page_runs(project: Path, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/how-to/orchestrate.md").read_text()
    lines = page.split("```dockerfile\n")[1].partition("```")[0].splitlines()
    (deps,) = (line.removeprefix("RUN ").split() for line in lines if line.startswith("RUN dbt "))
    entry = json.loads(lines[-1].removeprefix("ENTRYPOINT "))
    folder, data = tmp_path / "shop", tmp_path / "data"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("dbt_packages", "*.duckdb"))
    data.mkdir()
    profiles = (folder / "profiles.yml").read_text()
    (folder / "profiles.yml").write_text(profiles.replace("corner_shop.duckdb", f"{data}/shop.duckdb"))
    for command in (deps, [*entry, "--target", "dev"]):
        subprocess.run(command, cwd=folder, env=environment(), check=True)
    assert (data / "shop.duckdb").exists()


def module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.foreign
def test_dagster_has_the_ml_model_upstream_of_the_prediction_table(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_dbt", reason="needs dagster-dbt")
    monkeypatch.setenv("PATH", environment()["PATH"])
    monkeypatch.setenv("DBT_PROJECT_DIR", str(project))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(project))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    graph = module(EXAMPLES / "dagster/definitions.py").defs.resolve_asset_graph()
    nodes = {node.key.to_user_string(): node for node in graph.asset_nodes}
    predictions = nodes["basket_predictions"]
    assert predictions.group_name == "predictions"
    parents = {key.to_user_string() for key in predictions.parent_keys}
    assert {"baskets", "ml_loyalty"} <= parents
    assert nodes["ml_loyalty"].group_name == "ml_models"
    assert "scorehouse_runs" in nodes


RETRAIN = """
vars:
  scorehouse_retrain:
    loyalty: {training: visits_so_far, function: "learn:learn", label: came_back, time: day}
"""
LEARN = """
from sklearn.tree import DecisionTreeClassifier

def learn(frame, features, label, seed):
    return DecisionTreeClassifier(max_depth=2, random_state=seed).fit(frame[features], frame[label])
"""
SIGNALS = """
{{ config(materialized='table') }}
select 'loyalty' as ml_model, 1 as version, ASKS as retrain, 'too old' as reasons, 1 as n_drifted
"""


@pytest.mark.foreign
def test_dagster_retrains_if_it_is_asked_to(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster = pytest.importorskip("dagster", reason="needs dagster")
    copy = tmp_path / "shop"
    shutil.copytree(project, copy, symlinks=True)
    with (copy / "dbt_project.yml").open("a") as settings:
        settings.write(RETRAIN)
    (copy / "learn.py").write_text(LEARN)
    visits = "select *, date '2025-01-01' + basket_id::integer as day from {{ ref('baskets') }}"
    (copy / "models/visits_so_far.sql").write_text(visits)
    found = environment() | {"DBT_PROJECT_DIR": str(copy), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    found |= {"SCOREHOUSE_TARGET": "dev", "SCOREHOUSE_RETRAIN": "loyalty", "DBT_PROFILES_DIR": str(copy)}
    for name in found:
        monkeypatch.setenv(name, found[name])
    example = module(EXAMPLES / "dagster/retraining.py")
    outcomes = []
    for asks in ("false", "true"):
        (copy / "models/loyalty_retraining.sql").write_text(SIGNALS.replace("ASKS", asks))
        build = ["dbt", "--quiet", "build", "--select", "baskets", "ml_loyalty", "loyalty_retraining"]
        subprocess.run(build, cwd=copy, env=found, check=True)
        ended = dagster.materialize(example.assets)
        (event,) = ended.get_asset_materialization_events()
        outcomes.append(event.materialization.metadata["outcome"].value)
    assert outcomes == ["not_asked", "waits_for_a_person"]


PARSE_DAG = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("dag_file", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
tasks = [(task.task_id, task.bash_command) for task in module.dag.topological_sort()]
print(json.dumps({"tasks": tasks, "runs": module.dag.max_active_runs}))
"""


@pytest.mark.foreign
def test_airflow_parses_the_dag(tmp_path: Path) -> None:
    """Airflow pins its own libraries, so that it has an environment of its own, as it should in life."""
    # as constraints, without hashes: on Python 3.13 libcst wants a package that it does not want on 3.11
    requirements = ("apache-airflow", "apache-airflow-providers-standard")
    airflow = make_environment(tmp_path / "airflow", *requirements, lock="requirements-airflow.lock")
    file = EXAMPLES / "airflow/scorehouse_dag.py"
    ended = airflow.run(
        "python", "-c", PARSE_DAG, str(file), cwd=tmp_path, AIRFLOW_HOME=str(tmp_path), DBT="dbt"
    )
    dag = json.loads(ended.stdout.splitlines()[-1])
    assert [name for name, _ in dag["tasks"]] == ["features", "score", "check", "marts"]
    assert all(command.startswith("dbt ") for _, command in dag["tasks"])
    assert dag["runs"] == 1
    file = EXAMPLES / "airflow/scorehouse_retrain_dag.py"
    stand_in = {"SCOREHOUSE": "sh -c 'exit {code}'", "SCOREHOUSE_RETRAIN": "churn,demand"}
    ended = airflow.run(
        "python", "-c", PARSE_DAG, str(file), cwd=tmp_path, AIRFLOW_HOME=str(tmp_path), **stand_in
    )
    dag = json.loads(ended.stdout.splitlines()[-1])
    assert [name for name, _ in dag["tasks"]] == ["retrain_churn", "retrain_demand"]
    for code, last, status in ((0, "promoted", 0), (10, "", 99), (20, "waits_for_a_person", 0), (1, "", 1)):
        task = subprocess.run(
            ["bash", "-c", dag["tasks"][0][1].replace("{code}", str(code))], capture_output=True, text=True
        )
        assert (task.stdout.strip(), task.returncode) == (last, status)
