"""Whether the columns that a command names are there, by the default target's database or dbt's catalog."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import echo
from scorehouse.cli.profile_file import NOT_READ, default_target
from scorehouse.cli.target import Target, connect
from scorehouse.errors import ConfigurationError, did_you_mean

NAMED = """
select column_name from duckdb_columns()
where table_name = $table and schema_name = coalesce($schema, schema_name)
    and database_name = coalesce($database, database_name)
order by database_name, schema_name, column_index
"""
BUILD = "correct the name; if the column is new, build the table first: dbt build --select {table}"
PASS = "keep it in {table} (`passthrough=[{name!r}]`) and build that, or correct the name"


def check_columns(
    project: Path,
    call: str,
    table: str,
    named: Mapping[str, str | Iterable[str] | None],
    action: str = BUILD,
) -> None:
    """An error for a column that a table does not have; a line where nothing tells which it has now.

    `named` has the columns by option.
    """
    wanted = [
        (option, name)
        for option, names in named.items()
        for name in ([names] if isinstance(names, str) else names or ())
    ]
    if not wanted:
        return
    known, is_built = columns_of(project, table)
    if known is None:
        listed = ", ".join(f"{option} {name}" for option, name in wanted)
        echo(f"not checked: {listed}, as {table} cannot be read in the default target", err=True)
        return
    spelled = {column.lower() for column in known}
    for option, name in wanted:
        if name.lower() in spelled:
            continue
        similar = did_you_mean(name, known)
        if is_built:
            raise ConfigurationError(
                call,
                f"{option} is {name!r}, and {table} has no such column{similar}",
                expected=f"one of {', '.join(known)}",
                action=action.format(table=table, name=name),
            )
        echo(
            f"not checked: {option} {name}, as dbt's catalog has no such column of {table}{similar}; "
            "if it is new, `dbt docs generate` renews the catalog",
            err=True,
        )


def columns_of(project: Path, table: str) -> tuple[list[str] | None, bool]:
    """The columns of a model, seed or snapshot, None if not known; and whether it was read as it is built.

    dbt's catalog may be older than the table.
    """
    import duckdb  # slow to import

    node = next((one for one in _listed(project, "manifest") if one.get("name") == table), {})
    with contextlib.suppress(*NOT_READ, click.UsageError, duckdb.Error):
        place = Target(target=default_target(project)[0] or "default", project_dir=project).place()
        named = {"table": node.get("alias") or table, "database": node.get("database")}
        named["schema"] = node.get("schema") or place.schema
        with connect(place) as connection:
            rows = connection.execute(NAMED, named).fetchall()
        if rows:
            return [str(name) for (name,) in rows], True
    catalogued = (one for one in _listed(project, "catalog") if one["unique_id"] == node.get("unique_id"))
    return next((list(one["columns"]) for one in catalogued), None), False


def _listed(project: Path, document: str) -> list[dict[str, Any]]:
    """The nodes of dbt's manifest or catalog; none where it cannot be read."""
    try:
        read = json.loads((project / "target" / f"{document}.json").read_text(encoding="utf-8"))
        return [one for one in read["nodes"].values() if not str(one.get("unique_id")).startswith("test.")]
    except (OSError, ValueError, KeyError, AttributeError):
        return []
