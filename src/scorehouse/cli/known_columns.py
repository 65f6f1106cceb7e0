"""Whether the tables and columns that a command names are there.

By the default target's database, a seed's file or dbt's catalog; near spellings also by the project's YAML
and the signature of the ML model, which do not have all columns.
"""

from __future__ import annotations

import contextlib
import difflib
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scorehouse import dialect
from scorehouse.cli.common import echo
from scorehouse.cli.duckdb_file import connect
from scorehouse.cli.profile_file import NOT_READ, default_target
from scorehouse.cli.project_nodes import described_columns, node_files, seed_columns, some_columns, tables_of
from scorehouse.cli.target import Target
from scorehouse.errors import NEAR, ConfigurationError, ScorehouseError, did_you_mean
from scorehouse.project.folder import read_json
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.version import Version
from scorehouse.retraining.dbt import Dbt, dbt_options

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")
NAMED = """
select column_name, data_type from duckdb_columns()
where table_name = $table and schema_name = coalesce($schema, schema_name)
    and database_name = coalesce($database, database_name)
order by database_name, schema_name, column_index
"""
PLACE = NAMED.replace("column_name, data_type", "database_name, schema_name, table_name")
BUILD = "correct the name; if the column is new, build the table first: dbt build --select {table}"
PASS = "keep it in {table} (`passthrough=[{name!r}]`) and build that, or correct the name"
DUCKDB = "duckdb"
PARSE_SECONDS = 120.0


def check_tables(project: Path, call: str, named: Mapping[str, str | None]) -> None:
    """An error for a table that is neither in the project nor in the target, where its name is misspelled.

    `named` has the tables by option. Other names are of tables that are still to come; a line says so, or
    which name is like one of these.
    """
    for option, table in named.items():
        if table is None:
            continue
        known = tables_of(project).union(str(one.get("name")) for one in _listed(project, "manifest"))
        spelled = {one.lower(): one for one in known}
        name = ".".join(table.split(".")[-2:])  # YAML of sources need not say the database
        if known & {table, name} or columns_of(project, table)[0]:
            continue
        if {one.partition("__")[0] for one in known} <= {f"ml_{one}" for one in registered_names(project)}:
            continue  # registered before the first model is written
        near = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=NEAR)
        is_read = _columns_in_target(project, table) is not None
        where = "neither the project nor its default target has it" if is_read else "the project lacks it"
        meant = "correct it, or write its model or seed before you build"
        meant = f"did you mean {spelled[near[0]]!r}?" if near else meant
        said = f"{option} is {table!r}, and {where}; {meant}"
        if not near or not _is_misspelled(name.lower(), near[0]):
            echo(f"note: {said}", err=True)
            continue
        raise ConfigurationError(
            call,
            said,
            expected="a model, seed or snapshot of the project, or a table of its target",
            action="correct the name; if it is another table, write its model or seed first",
        )


def _is_misspelled(name: str, near: str) -> bool:
    """Whether names are the same but for case, or one or two letters; not so `orders` and `orders_v2`."""
    if name.startswith(near) or near.startswith(name):
        return name == near
    return _is_near(name, near)


def _is_near(name: str, near: str) -> bool:
    """Whether names differ by one or two letters; a digit tells a version or a year."""
    blocks = difflib.SequenceMatcher(None, name, near).get_opcodes()
    changes = [(name[a:b], near[c:d]) for kind, a, b, c, d in blocks if kind != "equal"]
    letters = all((old + new).isalpha() for old, new in changes)
    return letters and sum(max(len(old), len(new)) for old, new in changes) <= 2


def check_columns(
    project: Path,
    call: str,
    table: str,
    named: Mapping[str, str | Iterable[str] | None],
    action: str = BUILD,
    features: Iterable[str] = (),
    *,
    is_planned: bool = False,
) -> None:
    """An error for a column that a table does not have; a line where nothing tells which it has now.

    `named` has the columns by option, and `features` is what the ML model reads. Where the table
    `is_planned`, as before a first build, there is a line only for what may be misspelled.
    """
    wanted = [
        (option, name)
        for option, names in named.items()
        for name in ([names] if isinstance(names, str) else names or ())
    ]
    if not wanted:
        return
    left = list[tuple[str, str, str]]()
    known, is_built = columns_of(project, table)
    if known is None:
        some = some_columns(project).union(features)
        own = {column.lower(): column for column in described_columns(project, table)}
        kind = default_target(project)[1].get("type") or DUCKDB
        unread = f"{table} cannot be read in the default target"
        if table in node_files(project) and _columns_in_target(project, table) is not None:
            unread = f"{table} is not built in the default target yet"
        if kind != DUCKDB:
            unread = (
                f"the columns of a table are read on DuckDB only, and the default target is of type {kind!r}"
            )
        for option, name in wanted:
            if kind != DUCKDB and name.lower() not in own and any(_is_near(name.lower(), one) for one in own):
                raise ConfigurationError(
                    call,
                    f"{option} is {name!r}, which the YAML of {table} does not describe"
                    f"{did_you_mean(name, own.values())}",
                    expected="a column that this YAML describes, or a name unlike these",
                    action=f"correct the name; if it is another column, describe it in the YAML of {table}",
                )
            similar = did_you_mean(name, some, NEAR) if name not in some else ""
            if similar or not is_planned:
                left.append((option, name, similar))
        _say_unchecked(left, table, unread)
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
        left.append((option, name, similar))
    why = f"dbt's catalog has no such column of {table}"
    _say_unchecked(left, table, why, "; if it is new, `dbt docs generate` renews the catalog")


def _say_unchecked(left: list[tuple[str, str, str]], table: str, why: str, advice: str = "") -> None:
    """One line for the options of a table, each with its near spelling; a command says a reason once."""
    if not left:
        return
    context = click.get_current_context(silent=True)
    said = context.meta.setdefault(__name__, set()) if context else set()
    names = ", ".join(f"{option} {name}" for option, name, _ in left)
    because = f" of {table}, as before" if why in said else f", as {why}"
    said.add(why)
    echo(f"not checked: {names}{because}{''.join(similar for *_, similar in left)}{advice}", err=True)


def features_of(project: Path, version: Version) -> list[str]:
    """The features that a version reads, by its signature."""
    return [str(row["feature"]) for row in ModelSeeds(project, version.name).features(version.version)]


def columns_of(project: Path, table: str) -> tuple[list[str] | None, bool]:
    """The columns of a model, seed or snapshot, None if not known; and whether these are all that it has.

    dbt's catalog may be older than the table.
    """
    if known := list(built_columns(project, table)) or seed_columns(project, table):
        return known, True
    node = _node(project, table)
    catalogued = (one for one in _listed(project, "catalog") if one["unique_id"] == node.get("unique_id"))
    return next((list(one["columns"]) for one in catalogued), None), False


def built_columns(project: Path, table: str) -> dict[str, str]:
    """The columns of a table of the default target, each with its type; none where it cannot be read."""
    return _columns_in_target(project, table) or {}


def days_old(project: Path, table: str, day: str) -> int | None:
    """How old the newest day of a table of the default target is; None where it has none, or is not there."""

    def ask(connection: DuckDBPyConnection, named: dict[str, Any]) -> int | None:
        row = connection.execute(PLACE, named).fetchone()
        if row is None:
            return None
        place = ".".join(map(dialect.DUCKDB.quote, row))
        newest = f"max(cast({dialect.DUCKDB.quote(day)} as date))"
        found = connection.execute(f"select date_diff('day', {newest}, current_date) from {place}").fetchone()
        return found[0] if found else None

    return _ask_target(project, table, ask)


def _columns_in_target(project: Path, table: str) -> dict[str, str] | None:
    """As above, and None where the target cannot be read."""
    return _ask_target(
        project, table, lambda connection, named: dict(connection.execute(NAMED, named).fetchall())
    )


def _ask_target(
    project: Path, table: str, ask: Callable[[DuckDBPyConnection, dict[str, Any]], T]
) -> T | None:
    """What `ask` finds with a connection and what the table is called there; None where it cannot be read."""
    import duckdb  # slow to import

    node, (database, schema, name) = _node(project, table), ["", "", *table.split(".")][-3:]
    with contextlib.suppress(*NOT_READ, click.UsageError, duckdb.Error):
        place = Target(target=default_target(project)[0] or "default", project_dir=project).place()
        named = {"table": node.get("alias") or name, "database": database or node.get("database")}
        named["schema"] = schema or node.get("schema") or place.schema
        with connect(place) as connection:
            return ask(connection, named)
    return None


def relations_of(project: Path, tables: Iterable[str], call: str) -> dict[str, tuple[str, str]]:
    """Schema and name in the default target of the models, seeds and snapshots that dbt knows.

    dbt parses the project for it: a manifest that is there may be of another target, and does not say so.
    """
    listed = {str(one.get("name")) for one in _listed(project, "manifest")}
    wanted = listed.union(node_files(project)).intersection(tables)
    if not wanted or not (project / "dbt_project.yml").is_file():  # which init is about to make
        return {}
    with tempfile.TemporaryDirectory() as folder:
        options = ("--log-path", folder, "--no-send-anonymous-usage-stats")  # which would write .user.yml
        dbt = Dbt(project, (*options, *dbt_options(default_target(project)[0], None, None)), call, folder)
        try:
            dbt.run("parse", timeout=PARSE_SECONDS)
            nodes = dbt.tables()
        except (ScorehouseError, OSError, subprocess.TimeoutExpired) as error:
            echo(
                f"note: the schema of {' and '.join(sorted(wanted))} in the training script is a guess, as "
                f"dbt has not parsed the project: {_why(error)}",
                err=True,
            )
            return {}
    return {name: (str(nodes[name]["schema"]), str(nodes[name]["alias"])) for name in wanted & {*nodes}}


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):  # its own words are Python's
        return f"it took longer than {error.timeout:.0f} s; see that dbt parse ends, and call this again"
    return str(getattr(error, "problem", error))


def _node(project: Path, name: str) -> dict[str, Any]:
    return next((one for one in _listed(project, "manifest") if one.get("name") == name), {})


def _listed(project: Path, document: str) -> list[dict[str, Any]]:
    """The nodes of dbt's manifest or catalog; none where it cannot be read."""
    nodes = read_json(project / "target" / f"{document}.json").get("nodes", {})
    return [one for one in nodes.values() if not str(one.get("unique_id")).startswith("test.")]
