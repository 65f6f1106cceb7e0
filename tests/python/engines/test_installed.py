"""The package as a user installs it: what `scaffold` writes is built twice without an error or a warning.

What the commands of the morning then read is the same on every engine.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbt2 import PROGRAM, warnings
from installed import InstalledProject, write_project

pytestmark = pytest.mark.slow
EMULATED = os.environ.get("SCOREHOUSE_EMULATED")
ENGINES = {
    "duckdb": (pytest.mark.soak,),  # as the life that CI lives
    "lake": (),
    "lake beside": (),
    "postgres": (pytest.mark.foreign, pytest.mark.postgres),
    "dbt2": (
        pytest.mark.foreign,
        pytest.mark.skipif(PROGRAM not in os.environ, reason="run `./run test dbt2`"),
    ),
    "spark": (pytest.mark.foreign,),
    "emulated": (
        pytest.mark.foreign,
        pytest.mark.skipif(not EMULATED, reason="run `./run test snowflake` or `./run test bigquery`"),
    ),
}


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, marks in ENGINES.items()])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InstalledProject]:
    """The project of a stranger on each engine in turn."""
    home = tmp_path / "home"
    home.mkdir()
    shop = InstalledProject(tmp_path / "corner shop", home)
    shop.folder.mkdir()
    output: dict[str, Any] | None = {"type": "duckdb", "path": shop.database.name, "threads": 4}
    kind = request.param
    if kind.startswith("lake"):
        from lake import attach, needs_lake

        if needs_lake.args[0]:
            pytest.skip(needs_lake.kwargs["reason"])
        attach(shop, beside=kind != "lake")
        kind, output = "duckdb", None
    elif kind == "postgres":
        port = request.getfixturevalue("server").port
        output = {"type": "postgres", "host": "127.0.0.1", "port": port, "user": "postgres", "pass": "x"}
        output |= {"dbname": "postgres", "schema": "installed", "threads": 2}
    elif kind == "dbt2":
        shop = InstalledProject(shop.folder, home, dbt=os.environ[PROGRAM])
        kind = "duckdb"
    elif kind == "spark":
        pytest.importorskip("pyspark", reason="needs the extra `spark`, as `./run test spark` has it")
        from spark.project import quick

        settings = quick(shop.folder, **{"spark.driver.memory": "2g"})  # as docs/how-to/spark.md asks
        output = {"type": "scorehouse_spark", "schema": "installed", "server_side_parameters": settings}
    elif kind == "emulated":
        from emulated import emulator

        assert EMULATED is not None
        with emulator(EMULATED, tmp_path) as warehouse:
            write_project(shop, warehouse.output, warehouse.kind)
            yield shop
        return
    write_project(shop, output, kind)
    yield shop


LIGHTS = {
    "Last run": "100 % scored",
    "Last scored": "within the hour",
    "Data quality": "as in training",
    "Drift": "0 of 3 features",
    "Scores": "as in training",
    "Performance": "ROC AUC 1 in January 2024",
    "Segments": "none much worse",
    "Sequential alert": "not monitored",
    "Retraining": "not needed",
    "dbt tests": "31 passed",
    "Sources": "not checked",
}


def test_what_is_scaffolded_is_built_without_a_warning(shop: InstalledProject) -> None:
    """A second build replaces the days that it profiles again.

    The emulators cannot run the script in which dbt replaces partitions, or its temporary table, and Spark
    plans `drift` for minutes: there, only the first is built.
    """
    builds = 1 if EMULATED or "spark" in (shop.folder / "profiles.yml").read_text() else 2
    for _ in range(builds):
        assert warnings(shop.said("build")) == []
    runs = json.loads(shop.run("scorehouse", "runs", "--json").stdout)
    assert [(run["status"], run["rows_in"], run["rows_scored"]) for run in runs] == [
        ("success", 300, 300)
    ] * builds
    (told,) = json.loads(shop.run("scorehouse", "status", "--json").stdout)
    assert {light["name"]: light["text"] for light in told["lights"]} == LIGHTS
    shop.run("scorehouse", "report", "--output", "report.html")
    assert "ROC AUC" in (shop.folder / "report.html").read_text()
    story = json.loads(shop.run("scorehouse", "explain", "leaving", "--key", "7", "--json").stdout)
    assert (story["decided"], round(story["total"], 4), story["has_changed"]) == (True, 18.2056, False)
    shop.write("asked.csv", "ID\n7\n99999\n")
    shop.run("scorehouse", "answer", "leaving", "--keys", "asked.csv", "--output", "answers.csv")
    answers = list(csv.DictReader((shop.folder / "answers.csv").open()))
    assert [(each["ID"], each["status"], each["decision"]) for each in answers] == [
        ("7", "answered", "True"),
        ("99999", "not found", ""),
    ]
    shop.run("scorehouse", "evidence", "pack", "leaving/1", "--target", "dev", "--output", "pack")
    event = json.loads((shop.folder / "pack" / "lineage.json").read_text())
    assert {"amount", "visits", "plan"} <= {
        field["name"] for field in event["inputs"][0]["facets"]["schema"]["fields"]
    }
