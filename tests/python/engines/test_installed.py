"""The package as a user installs it: what `scaffold` writes is built twice without an error or a warning."""

from __future__ import annotations

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
    "duckdb": (),
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

        settings = quick(shop.folder)
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


def test_what_is_scaffolded_is_built_without_a_warning(shop: InstalledProject) -> None:
    """A second build replaces the days that it profiles again.

    bqemulator cannot read the script in which dbt replaces partitions: there, only the first is built.
    """
    for _ in range(1 if EMULATED == "bigquery" else 2):
        assert warnings(shop.said("build")) == []
