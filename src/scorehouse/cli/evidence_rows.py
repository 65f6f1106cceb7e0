"""The rows of a run log on any engine: read by DuckDB, or by dbt with the adapter of the target."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

from scorehouse.cli.run_log import find_log
from scorehouse.cli.target import adapter_of, connect, place_of, this_call
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project

Row = dict[str, Any]
QUERY = "select * from {{ scorehouse.run_log_relation() }}"


def read_log(schema: str | None, project_dir: Path | None, **place: Any) -> list[Row]:
    """All rows of the run log of the named target."""
    if place["database"] is None and adapter_of(project_dir=project_dir, **place) != "duckdb":
        return _rows_by_dbt(find_project(project_dir), place)
    named = place_of(**place, project_dir=project_dir)
    with connect(named) as connection:
        found = connection.execute(f"select * from {find_log(connection, schema, named)}")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _rows_by_dbt(project: Path, place: dict[str, Any]) -> list[Row]:
    """The rows as `dbt show` reads them; the project's packages must be installed."""
    from dbt.cli.main import dbtRunner

    options = ["--project-dir", str(project), "--target", place["target"]]
    options += ["--profiles-dir", str(place["profiles_dir"])] if place["profiles_dir"] else []
    options += ["--profile", place["profile"]] if place["profile"] else []
    show = ["--quiet", "--no-send-anonymous-usage-stats", "show", "--inline", QUERY, "--limit", "-1"]
    here = Path.cwd()
    with contextlib.redirect_stdout(io.StringIO()):  # `dbt show` prints the rows, even with --quiet
        ended = dbtRunner().invoke([*show, "--output", "json", "--log-path", str(project / "logs"), *options])
    os.chdir(here)  # dbt changes into the project
    if not ended.success:
        raise ConfigurationError(
            this_call(),
            f"dbt cannot read the run log of the target {place['target']!r} ({_why(ended)})",
            expected="a target that `dbt show` can query, with a run log that scoring has made",
            action="run `dbt deps` and score a table first, or correct the target",
        )
    table = ended.result.results[0].agate_table
    names = [str(name).lower() for name in table.column_names]
    return [dict(zip(names, row.values(), strict=True)) for row in table.rows]


def _why(ended: Any) -> str:
    said = ended.exception or next((each.message for each in getattr(ended.result, "results", [])), "")
    return " ".join(str(said).split())[:300] or "it failed"
