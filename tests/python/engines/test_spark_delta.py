"""Delta tables: each run is one commit, on Sail, an engine for Spark Connect that has Delta without the JVM.

The jars of Delta and Iceberg for Spark itself are on no package index that these tests reach.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sklearn.linear_model import LinearRegression

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from ports import LOOPBACK, free_port
from project import REPOSITORY
from spark.cluster import HERE, wait_for
from spark.project import SparkProject, ml_model

pytestmark = pytest.mark.foreign

FEATURES = "select id, {a} as a, {b}D as b, cast({part} as int) as part from range(0, 1000) where {where}"
USUAL = {"a": "cast(id as double)", "b": "0.5", "part": "id % 3", "where": "true"}
READ = """
import json, os, sys
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table()
history = [(entry["version"], entry["operation"]) for entry in table.history()]
names = sys.argv[2].split(",")
print(json.dumps({"history": history, "rows": sorted(zip(*(rows[name].to_pylist() for name in names)))}))
sys.stdout.flush()
os._exit(0)  # the library's threads now and then abort an exit of the usual kind
"""


class Sail:
    """Its environment, on top of this one, and its server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        self.python = str(folder / "venv" / "bin" / "python")
        lock = str(REPOSITORY / "requirements-delta.lock")
        install = [self.python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
        below = [sysconfig.get_paths()["purelib"], *(str(REPOSITORY / p) for p in ("src", "spark_adapter"))]
        (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
        (site / "below.pth").write_text("\n".join(below))
        self.port = free_port()

    def start(self) -> Sail:
        log = (self.folder / "sail.log").open("wb")
        command = [str(Path(self.python).with_name("sail")), "spark", "server", "--ip", LOOPBACK]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=log, stderr=subprocess.STDOUT, env=self.environment()
        )
        started = lambda: "Starting the Spark Connect server" in (self.folder / "sail.log").read_text()  # noqa: E731
        wait_for(started, 120, "Sail did not start")
        return self

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class DeltaProject(SparkProject):
    """A project whose tables are Delta, built in Sail's environment."""

    def __init__(self, folder: Path, sail: Sail) -> None:
        # one session for all builds, since the catalog is the session's
        place = f"sc://{LOOPBACK}:{sail.port}/;session_id={uuid4()}"
        remote = {"spark.remote": place, "spark.sql.session.timeZone": "UTC"}
        super().__init__(folder, {**remote, "spark.sql.warehouse.dir": str(folder / "warehouse")})
        path = folder / "dbt_project.yml"
        path.write_text(path.read_text().replace("parquet", "delta"))
        self.sail = sail

    def build_by_sail(self, *arguments: str) -> dict[str, tuple[str, str]]:
        command = [self.sail.python, "-m", "dbt.cli.main", "--quiet", "build", *self._places(), *arguments]
        subprocess.run(
            command, env=self.sail.environment(), cwd=self.folder, capture_output=True, timeout=600
        )
        return self.results()

    def delta(self, table: str, columns: str) -> dict[str, Any]:
        """Commits, newest first, and rows of a table, as a reader of Delta without Spark sees them."""
        (place,) = (self.folder / "warehouse").rglob(f"{table}-*/_delta_log")
        command = [self.sail.python, "-c", READ, str(place.parent), columns]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeltaProject]:
    folder = tmp_path_factory.mktemp("delta")
    sail = Sail(folder).start()
    made = DeltaProject(folder / "house", sail)
    ml_model(made, "sums", LinearRegression())
    by_part = "partition_by='part'"
    for name, vanished, config in (("deleting", "delete", by_part), ("flagging", "flag", "")):
        rescore = {"rule": "changed", "vanished": vanished}
        made.python_model(name, "sums", f"rescore={rescore!r}, passthrough=['part']", config)
    made.python_model("whole", "sums", "strict='out_of_range', max_rejected_share=0.99")
    places = {"score": "prediction", "top_n": 3, "per": "part"}
    few = f"rescore={{'max_rows': 600}}, passthrough=['part'], decision={places!r}"
    made.python_model("few", "sums", few)
    try:
        yield made
    finally:
        sail.stop()


def test_a_run_is_one_commit(project: DeltaProject) -> None:
    project.features(FEATURES.format(**USUAL))
    results = project.build_by_sail()
    assert {status for status, _ in results.values()} <= {"success", "pass"}, results
    before = {name: project.delta(name, "id") for name in ("deleting", "flagging", "whole")}
    assert all(len(found["rows"]) == 1000 for found in before.values())

    # 10 rows go, 20 change, 5 move to a partition of their own; the rest stays as it is
    moved, changed = "if(id between 100 and 104, 9, id % 3)", "if(id between 200 and 219, 49.0D, id)"
    project.features(FEATURES.format(**USUAL | {"part": moved, "a": changed, "where": "id >= 10"}))
    results = project.build_by_sail("--select", "features", "deleting", "flagging")
    assert {status for status, _ in results.values()} <= {"success", "pass"}, results
    for name, kept in (("deleting", 990), ("flagging", 1000)):
        found = project.delta(name, "id,part,prediction")
        assert len(found["history"]) == len(before[name]["history"]) + 1
        assert found["history"][0][1] == "MERGE"
        assert len(found["rows"]) == kept
        assert {row[1] for row in found["rows"]} == {0, 1, 2, 9}
        assert sum(abs(row[2] - 49) < 1e-9 for row in found["rows"]) == 21
    flags = project.delta("flagging", "id,is_vanished")["rows"]
    assert [row[0] for row in flags if row[1]] == list(range(10))


def test_a_failed_run_leaves_the_old_version(project: DeltaProject) -> None:
    before = project.delta("whole", "id,prediction")
    project.features(FEATURES.format(**USUAL | {"b": "99.0"}))
    status, message = project.build_by_sail("--select", "features", "whole")["whole"]
    assert status == "error"
    assert "rows were rejected" in message
    assert project.delta("whole", "id,prediction") == before


def test_a_rebuild_keeps_the_history(project: DeltaProject) -> None:
    before = project.delta("whole", "id")["history"]
    project.features(FEATURES.format(**USUAL | {"where": "id < 500"}))
    assert project.build_by_sail("--select", "features", "whole")["whole"][0] == "success"
    after = project.delta("whole", "id")
    assert len(after["rows"]) == 500
    assert after["history"][1:] == before


def test_places_and_a_budget(project: DeltaProject) -> None:
    """Places among all rows of the table, of which each run scores a part."""
    for number in range(2):
        moved = "if(id = 599, 7, id % 3)"  # in the first run, in which it is the only one of its part
        project.features(FEATURES.format(**USUAL | ({} if number else {"part": moved})))
        results = project.build_by_sail(
            "--select", "features", "few", *([] if number else ["--full-refresh"])
        )
        assert results["few"][0] == "success", results
    rows = project.delta("few", "part,id,decision")["rows"]
    assert len(rows) == 1000
    best = {part: sorted(row[1] for row in rows if row[::2] == [part, "yes"]) for part in (0, 1, 2, 7)}
    assert best == {0: [993, 996, 999], 1: [991, 994, 997], 2: [992, 995, 998], 7: []}
