"""The engine `spark` on a standalone cluster of two workers: equal to DuckDB, and whole through faults."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neural_network import MLPRegressor

from compared_tables import EQUAL, MARTS, PREDICTED, TESTS, UNIT_TESTS
from scorehouse.engines.spark.scan import CLOSURE_BYTES
from spark.cluster import Cluster, environment, wait_for
from spark.estimators import Greedy, Hungry, Slow, Sum
from spark.project import Reference, SparkProject, features, ml_model, session_of, settings, stop_session
from spark.repository import ComparedWithSpark, build_repository, check_run

pytestmark = pytest.mark.foreign

SAME = ["prediction", "row_status", "reject_reason", "model_name", "model_version", "model_digest"]
MEMORY = {"spark.executor.pyspark.memory": "8g"}  # of addresses, of which a worker uses far less


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield started.start()
    finally:
        started.stop()


@pytest.fixture(scope="module")
def project(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkProject]:
    """One catalog and warehouse, as one session serves all tests of this module."""
    os.environ.update(environment())
    folder = tmp_path_factory.mktemp("home") / "project"
    yield SparkProject(folder, settings(folder, **{"spark.master": cluster.url, **MEMORY}))
    stop_session()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def session(project: SparkProject) -> Any:
    return session_of(project)


@pytest.fixture(scope="module")
def built(project: SparkProject) -> dict[str, str]:
    """This repository, built from its sources: the status of each node."""
    return build_repository(project)


@pytest.fixture(scope="module")
def compared(project: SparkProject, built: dict[str, str], reference: Reference) -> ComparedWithSpark:
    return ComparedWithSpark(reference, project)


def test_the_examples_are_built_from_their_sources(built: dict[str, str]) -> None:
    """Seeds, features, unit tests, predictions, marts and generic tests."""
    assert {*PREDICTED, *EQUAL, *MARTS, *UNIT_TESTS} <= built.keys()
    assert {built[name] for name in UNIT_TESTS} == {"pass"}
    assert len([status for status in built.values() if status == "pass"]) == TESTS


@pytest.mark.parametrize("table", EQUAL)
def test_features_equal_those_of_duckdb(table: str, compared: ComparedWithSpark) -> None:
    """To the last bit of each double."""
    compared.read(table)
    assert compared.differing_rows() == (0, 0)
    assert compared.query("select count(*) from there")[0][0] > 10_000


@pytest.mark.parametrize("table", MARTS)
def test_marts_equal_those_of_duckdb(table: str, compared: ComparedWithSpark) -> None:
    """But for the order in which a sum meets its rows."""
    compared.read(table)
    key, doubles = MARTS[table]
    assert compared.differing_rows(f"* exclude ({', '.join(doubles)})") == (0, 0)
    assert compared.unequal_doubles(doubles, key, 1e-12) == (0, 0)


@pytest.mark.parametrize("prediction_model", PREDICTED)
def test_predictions_equal_those_of_duckdb(
    prediction_model: str, compared: ComparedWithSpark, project: SparkProject
) -> None:
    key = PREDICTED[prediction_model]
    compared.read(prediction_model)
    found = compared.query(f"select count(*), count(distinct ({', '.join(key)})) from there")
    assert found[0][0] == found[0][1] > 5_000
    assert compared.differing_rows(", ".join([*key, *SAME])) == (0, 0)
    assert compared.unequal_doubles(["score"], key, 1e-12) == (0, 0)
    check_run(project, prediction_model, found[0][0])


def test_a_null_in_a_seed_stays_null(project: SparkProject, built: dict[str, str]) -> None:
    rows = project.query(f"select count(*) from {project.table('ml_flight_delay')} where trained_to = 'None'")
    assert rows == [(0,)]


@pytest.mark.parametrize(
    ("backend", "estimator"),
    [
        ("native", HistGradientBoostingRegressor(max_iter=20, random_state=0)),
        ("matrix", MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=0)),
    ],
)
def test_a_stored_backend_scores_in_the_executors(
    project: SparkProject, backend: str, estimator: Any
) -> None:
    ml_model(project, f"in_{backend}", estimator, rows=500)
    features(project, 4000)
    names = {"auto": f"by_{backend}", "estimator": f"not_by_{backend}"}
    for asked, name in names.items():
        project.python_model(name, f"in_{backend}", f"backend={asked!r}")
    project.build("--select", *(f"+{name}" for name in names.values()))
    assert [project.runs(name)[-1]["backend"] for name in names.values()] == [backend, "estimator"]
    found, expected = map(project.table, names.values())
    ((rows, distance),) = project.query(
        "select count(*), max(abs(n.prediction - e.prediction) / greatest(1, abs(e.prediction))) "
        f"from {found} as n join {expected} as e using (id)"
    )
    assert rows == 4000
    assert distance <= 1e-12


def test_merging_keeps_the_others(project: SparkProject) -> None:
    """Rows that are not given stay; test_spark_rescore tries the rules that choose rows themselves."""
    ml_model(project, "sums", Sum())
    by_partition = "partition_by='part', incremental_strategy='insert_overwrite'"
    for name, config in (("merged", ""), ("parted", by_partition)):
        project.python_model(name, "sums", "rescore='given', passthrough=['part']", config)
    project.features(  # one row has a partition of its own, and leaves it with the second run
        "select id, cast(id % 1000 as double) as a, 0.5D as b, "
        "cast(if(id = 2001, 9, id % 3) as int) as part from range(0, 3000, 1, 4)"
    )
    project.build("--select", "+merged", "+parted")
    # rows 2000 to 2999 again, with another `b`; another row moves to a new partition
    project.features(
        "select id, cast(id % 1000 as double) as a, 1.5D as b, "
        "cast(if(id = 2000, 7, id % 3) as int) as part from range(2000, 3500)"
    )
    results = project.build("--select", "+merged", "+parted")
    for name in ("merged", "parted"):
        assert results[name][0] == "success", results
        first, second = project.runs(name)
        assert (first["write_mode"], second["write_mode"], second["rows_in"]) == ("replace", "merge", 1500)
        rows = project.query(
            f"select count(*), count(distinct id), sum(prediction), count(*) filter (part = 7), "
            f"count(*) filter (part = 9) from {project.table(name)}"
        )
        assert rows == [(3500, 3500, 3 * 499500 + 2000 * 0.5 + 1000 * 1.5 + 124750 + 500 * 1.5, 1, 0)]
        assert len(project.query(f"select distinct scoring_run_id from {project.table(name)}")) == 2


def test_the_description_is_kept(project: SparkProject, session: Any) -> None:
    ml_model(project, "sums", Sum())
    features(project, 50)
    project.python_model("told", "sums")
    text = "What is 'told'; not C:\\told."
    config = {"persist_docs": {"relation": True, "columns": True}}
    document = {"models": [{"name": "told", "description": text, "config": config}]}
    project.write("models/_told.yml", yaml.safe_dump(document))
    assert project.build("--select", "+told")["told"][0] == "success"
    assert session.catalog.getTable("house.told").description == text


def test_a_failure_outside_of_our_code_leaves_its_row(project: SparkProject) -> None:
    ml_model(project, "sums", Sum())
    features(project, 50)
    project.python_model("broken_before", "sums", config="pre_hook='select 1 from nowhere'")
    project.python_model("broken_after", "sums")
    path = project.folder / "python_models" / "broken_after.py"
    path.write_text(
        path.read_text().replace("return score(", "run = score(")
        + "    raise ValueError('after')\n    return run\n"
    )
    project.build("--select", "+broken_before", "+broken_after")
    for name, says in (("broken_before", "nowhere"), ("broken_after", "ValueError: after")):
        (run,) = project.runs(name)
        assert run["status"] == "failed"
        assert says in run["error"]
        path.with_name(f"{name}.py").unlink()


def test_a_run_killed_between_two_renames_is_mended(project: SparkProject, session: Any) -> None:
    ml_model(project, "sums", Sum())
    project.python_model("mended", "sums", "rescore='new'")
    features(project, 50)
    assert project.build("--select", "+mended")["mended"][0] == "success"
    session.sql("alter table house.mended rename to house.mended__scorehouse_old_0123abcd")
    session.sql("create table house.mended__scorehouse_new_0123abcd using parquet as select 1 as id")
    features(project, 60)
    assert project.build("--select", "+mended")["mended"][0] == "success"
    assert [run["rows_in"] for run in project.runs("mended")] == [50, 10]
    assert project.query(f"select count(*) from {project.table('mended')}") == [(60,)]
    assert not [name for name in project.tables() if "__scorehouse" in name]


REFUSED = {
    "rescore={'max_seconds': 5}": "does not support max_seconds",
    "rescore='feed'": "does not support the rule 'feed'",
    "backend='sql'": "backend is 'sql', which cannot score sums version 1 (sql: ",
    "as_of='2026-01-01', rescore='changed'": "appended to and never rescored",
    "decision={'threshold': 1, 'score': 'points'}": "will not have: points",
    "key='part'": "is not unique",
    "passthrough=['nothing']": "passthrough names columns",
}


def test_refuses(project: SparkProject) -> None:
    ml_model(project, "sums", Sum())
    features(project, 50)
    for number, arguments in enumerate(REFUSED):
        project.python_model(f"refused_{number}", "sums", "" if "key" in arguments else arguments)
        if "key" in arguments:
            path = project.folder / "python_models" / f"refused_{number}.py"
            path.write_text(path.read_text().replace("key='id'", arguments))
    results = project.build("--select", *(f"+refused_{number}" for number in range(len(REFUSED))))
    for number, says in enumerate(REFUSED.values()):
        status, message = results[f"refused_{number}"]
        assert status == "error" and says in message
    for path in (project.folder / "python_models").glob("refused_*.py"):
        path.unlink()


def test_an_executor_killed_in_mid_run(project: SparkProject, cluster: Cluster, tmp_path: Path) -> None:
    sign = tmp_path / "begun"
    ml_model(project, "slow", Slow(str(sign)))
    features(project, 40_000)
    project.python_model("survived", "slow", "batch_rows=2000")
    before = set(cluster.descendants("CoarseGrainedExecutorBackend"))
    killed: list[int] = []

    def kill_one() -> None:
        wait_for(sign.exists, 120, "no batch was scored")
        killed.append(cluster.descendants("CoarseGrainedExecutorBackend")[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    results = project.build("--select", "+survived")
    killer.join()
    assert results["survived"][0] == "success", results
    assert killed and killed[0] in before
    rows = project.query(f"select count(*), count(distinct id) from {project.table('survived')}")
    assert rows == [(40_000, 40_000)]


def test_bytes_that_differ_on_a_worker(project: SparkProject, cluster: Cluster) -> None:
    ml_model(project, "forest", RandomForestRegressor(random_state=0), rows=4000)
    artifact = next((project.folder / "artifacts" / "forest" / "1").glob("model.*"))
    artifact_bytes = artifact.read_bytes()
    assert artifact.stat().st_size > CLOSURE_BYTES  # it travels as a file
    features(project, 2000)
    project.python_model("by_file", "forest")
    assert project.build("--select", "+by_file")["by_file"][0] == "success"
    before = project.query(f"select * from {project.table('by_file')} order by id")
    copies = [path for path in cluster.folder.rglob("scorehouse-*") if path.is_file()]
    assert len(copies) >= 2, "one an executor"
    for path in copies:
        path.write_bytes(artifact_bytes[:-1] + b"?")
    for pid in cluster.descendants("pyspark.daemon"):  # or their workers would score with what they loaded
        os.kill(pid, signal.SIGKILL)
    status, message = project.build("--select", "+by_file")["by_file"]
    assert status == "error"
    assert "on an executor have the sha256" in message
    assert project.query(f"select * from {project.table('by_file')} order by id") == before


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (Greedy(), ["a Python worker died while it scored", "spark.executor.pyspark.memory"]),
        (Hungry(), ["MemoryError", "Unable to allocate", "spark.executor.pyspark.memory"]),
    ],
)
def test_a_worker_out_of_memory(project: SparkProject, estimator: Any, says: list[str]) -> None:
    name = type(estimator).__name__.lower()
    ml_model(project, "sums", Sum())
    project.python_model(name, "sums")
    features(project, 5000)
    assert project.build("--select", f"+{name}")[name][0] == "success"
    before = project.query(f"select * from {project.table(name)} order by id")
    ml_model(project, f"of_{name}", estimator)
    project.python_model(name, f"of_{name}")
    status, message = project.build("--select", f"+{name}")[name]
    assert status == "error"
    assert all(text in message for text in says), message
    assert project.query(f"select * from {project.table(name)} order by id") == before
    assert project.runs(name)[-1]["status"] == "failed"
