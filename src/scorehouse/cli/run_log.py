"""The run log that a command reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorehouse.cli.target import this_call
from scorehouse.errors import ConfigurationError
from scorehouse.project.place import Place
from scorehouse.project.run_log_place import TABLE, RunLogPlace, run_log_schemas

if TYPE_CHECKING:
    import duckdb


def find_log(connection: duckdb.DuckDBPyConnection, schema: str | None, place: Place) -> str:
    """The quoted name of the run log: in `schema`, else in the target's schema, else the only one."""
    known = run_log_schemas(connection, place.log_database)
    wanted = schema or place.log_schema
    found = [name for name in known if wanted in (None, name)]
    if len(found) == 1:
        return RunLogPlace(place.log_database, found[0]).quoted
    where = f" in the schema {wanted!r}" if wanted else ""
    where += f" of the database {place.log_database!r}" if place.log_database else ""
    others = f"; run logs are in the schemas {known}" if known else ""
    raise ConfigurationError(
        this_call(),
        f"{str(place.file)!r} has {len(found)} run logs{where}{others}",
        expected=f"one table {TABLE}{where}",
        action="name its schema with --schema" if known else "score a table first, or correct the path",
    )
