"""A target that is no DuckDB file, read by dbt's own adapter.

What readers of monitoring need is copied into a DuckDB database in memory, under the names that it has.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehouse.cli.column_values import type_of, typed, widened
from scorehouse.cli.common import this_call
from scorehouse.dialect import DUCKDB, Reading
from scorehouse.errors import ConfigurationError
from scorehouse.program.sql.dialects import ALIASES, DIALECTS, Dialect
from scorehouse.project.folder import project_variable, reached
from scorehouse.project.run_log_place import TABLE, Place, run_log_place
from scorehouse.report.warehouse import is_read
from scorehouse.retraining.dbt import dbt_options

if TYPE_CHECKING:
    import duckdb

Names = tuple[str | None, str, str]  # database, schema and table
SINGLE = 700  # PostgreSQL's number of its type real
BUILT = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class ByDbt:
    """The adapter of a target, and the nodes and sources of its project by their ids."""

    adapter: Any
    nodes: Mapping[str, Any]
    project: Path
    target: str
    options: tuple[str, ...]  # of each command of dbt

    @property
    def database(self) -> str | None:
        """The target's own; None where there is none, as on Spark."""
        return self.adapter.config.credentials.database or None

    @property
    def dialect(self) -> Dialect:
        """How its database writes names, texts and types."""
        kind = str(self.adapter.type()).removeprefix("scorehouse_")
        return DIALECTS[ALIASES.get(kind, kind)]

    @property
    def reading(self) -> Reading:
        return reading_of(self.dialect)

    @property
    def schema(self) -> str:
        return str(self.adapter.config.credentials.schema)

    @property
    def run_log(self) -> Names:
        place = run_log_place(partial(project_variable, self.project), self.database, self.schema)
        return place.database, place.schema, TABLE

    def log_rows(self) -> list[dict[str, Any]]:
        """All rows of the run log, with the values that dbt reads."""
        with self._connected():
            relation = self.adapter.get_relation(*self.run_log)
            if relation is None:
                raise ConfigurationError(
                    this_call(),
                    f"the target {self.target!r} has no run log {'.'.join(filter(None, self.run_log))}",
                    expected=f"the table {TABLE}, which the first run makes",
                    action="score a table first, or correct the target",
                )
            _, found = self.adapter.execute(f"select * from {relation}", fetch=True)
        names = [_name(name) for name in found.column_names]
        return [dict(zip(names, row.values(), strict=True)) for row in found.rows]

    @contextlib.contextmanager
    def copied(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Place]]:
        """The run log, the seeds of registries and the monitoring tables, in memory.

        Of other tables that are made from a registry, such as predictions, only the columns are known.
        """
        import duckdb

        log_database, log_schema, _ = self.run_log
        name = Path(self.database or self.schema)
        place = Place(name, None, self.schema, log_database, log_schema, target=self.target)
        with duckdb.connect() as connection:
            for database in (self.database, log_database):
                _attach(connection, database)
            if self.database:
                connection.execute(f"use {DUCKDB.quote(self.database)}")
            with self._connected():
                for names, is_registry in {**dict(self._of_registries()), self.run_log: True}.items():
                    self._copy(connection, names, is_whole=is_registry)
            yield connection, place

    def _of_registries(self) -> Iterator[tuple[Names, bool]]:
        """The registries' seeds, which are marked, what the project makes from them, and what from."""
        children: dict[str, set[str]] = {}
        for key, node in self.nodes.items():
            for parent in node.depends_on_nodes:
                children.setdefault(parent, set()).add(key)
        seeds = [key for key, node in self.nodes.items() if _is_registry(node)]
        below = [self.nodes[key] for key in sorted(reached(seeds, children)) if key in self.nodes]
        for node in below:
            parents = [self.nodes[key] for key in node.depends_on_nodes if key in self.nodes]
            for each in (node, *parents) if node.resource_type in BUILT else ():
                if each.config.materialized != "ephemeral":
                    yield (each.database or None, each.schema, each.alias), _is_registry(each)

    def _copy(self, connection: duckdb.DuckDBPyConnection, names: Names, *, is_whole: bool) -> None:
        """A table, and its rows if `is_whole` or if monitoring wrote it; nothing if it is not built."""
        relation = self.adapter.get_relation(*names)
        if relation is None:
            return
        types = {
            _name(each.name): type_of(str(each.data_type))
            for each in self.adapter.get_columns_in_relation(relation)
        }
        schema, table = (".".join(map(DUCKDB.quote, filter(None, own))) for own in (names[:2], names))
        columns = ", ".join(f"{DUCKDB.quote(name)} {kind}" for name, kind in types.items())
        _attach(connection, names[0])
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create table {table} ({columns})")
        if not is_whole and not is_read(types):
            return
        read, rows = self._rows(f"select * from {relation}")
        columns_read = {name: [row[at] for row in rows] for at, name in enumerate(read)}
        connection.register("scorehouse_copied", typed(columns_read, types))
        connection.execute(f"insert into {table} by name select * from scorehouse_copied")
        connection.unregister("scorehouse_copied")
        if names == self.run_log:  # names of tables, as they are in memory
            connection.execute(
                f"update {table} set prediction_table = replace(prediction_table, ?, ?)",
                [self.dialect.mark, DUCKDB.mark],
            )

    def table_of(self, node: str) -> tuple[str, Names]:
        """The prediction table of a node, as its database names it, and its names."""
        found = self._node(node)
        return str(found.relation_name), (found.database or None, found.schema, found.alias)

    def features_of(self, node: str, logged: str) -> str:
        """SQL of the rows that a node reads now.

        Whoever writes to the run log could write any statement there: what is `logged` is only used where it
        is all of one table that the project's manifest has, as a Python model reads it.
        """
        found, query = self._node(node), " ".join(logged.split())
        parents = [self.nodes[key] for key in found.depends_on_nodes if key in self.nodes]
        tables = [f"select * from {each.relation_name}" for each in parents if not _is_registry(each)]
        if query in tables:
            return query
        if found.language != "sql" and len(tables) == 1:
            return tables[0]
        if found.language != "sql":
            raise ConfigurationError(
                this_call(),
                f"the model {found.name!r} reads its features from a query of its own",
                expected="a ref or a source as its features",
                action="make the query a model, and let the prediction table read that",
            )
        named = "--quiet", "--no-write-json", "compile", "--select", ".".join(found.fqn)
        return str(_by_dbt(self.options, self.target, *named).results[0].node.compiled_code)

    def _node(self, node: str) -> Any:
        if node in self.nodes:
            return self.nodes[node]
        raise ConfigurationError(
            this_call(),
            f"the run log has the node {node!r}, and this project does not",
            expected="a prediction table of this project",
            action="name another one with --table, or the --project-dir of the project that has it",
        )

    def rows(self, query: str) -> tuple[list[str], list[Sequence[Any]]]:
        """The names of columns, and the rows of a query."""
        with self._connected():
            return self._rows(query)

    def _rows(self, query: str) -> tuple[list[str], list[Sequence[Any]]]:
        """By the driver's cursor, if there is one: dbt's own tables take five times as long."""
        from dbt.adapters.sql import SQLAdapter

        if not isinstance(self.adapter, SQLAdapter):
            _, found = self.adapter.execute(query, fetch=True)
            return [_name(name) for name in found.column_names], [row.values() for row in found.rows]
        _, cursor = self.adapter.add_query(query, auto_begin=False)
        singles = [place for place, each in enumerate(cursor.description) if each[1] == SINGLE]
        rows = cursor.fetchall()
        if self.dialect.name in ("postgres", "redshift") and singles:
            rows = [widened(row, singles) for row in rows]
        return [_name(each[0]) for each in cursor.description], rows

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        from dbt_common.exceptions import DbtBaseException

        try:
            with self.adapter.connection_named("scorehouse"):
                yield
        except DbtBaseException as error:
            raise _not_read(self.target, error) from error


def reading_of(dialect: Dialect) -> Reading:
    """How a database reads statements that are shown to people."""
    return Reading(
        mark=dialect.mark,
        backslash=dialect.backslash,
        text=dialect.types["text"],
        capitals=dialect.name == "snowflake",
    )


def read_by_dbt(
    project: Path, target: str, profile: str | None = None, profiles_dir: Path | None = None
) -> ByDbt:
    """Let dbt parse the project, whose packages must be installed, with this target."""
    from dbt.adapters.factory import FACTORY

    logs = ("--log-path", f"{project}/logs", "--project-dir", str(project))
    options = (*logs, *dbt_options(target, profile, profiles_dir))
    manifest = _by_dbt(options, target, "--quiet", "--no-write-json", "parse")
    (adapter,) = FACTORY.adapters.values()
    return ByDbt(adapter, {**manifest.nodes, **manifest.sources}, project, target, options)


def _by_dbt(options: tuple[str, ...], target: str, *command: str) -> Any:
    """The result of a command of dbt in this process, which stays in its folder."""
    from dbt.cli.main import dbtRunner

    here = Path.cwd()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            ended = dbtRunner().invoke(["--no-send-anonymous-usage-stats", *command, *options])
    finally:
        os.chdir(here)  # dbt changes into the project
    if not ended.success:
        failed = next((each.message for each in getattr(ended.result, "results", [])), "")
        raise _not_read(target, ended.exception or failed)
    return ended.result


def _is_registry(node: Any) -> bool:
    """Whether a node is a seed that a registration wrote."""
    return node.resource_type == "seed" and node.name.startswith("ml_")


def _attach(connection: duckdb.DuckDBPyConnection, database: str | None) -> None:
    """A database in memory of this name, which DuckDB compares without case."""
    known = connection.execute("select lower(database_name) from duckdb_databases()").fetchall()
    if database and (database.lower(),) not in known:
        connection.execute(f"attach ':memory:' as {DUCKDB.quote(database)}")


def _not_read(target: str, error: BaseException | str) -> ConfigurationError:
    from dbt.adapters.exceptions import FailedToConnectError

    action = "run `dbt deps` and `dbt build` first, or correct the target"
    if isinstance(error, FailedToConnectError):
        action = "see that the server runs, and check host, port, user and password in profiles.yml"
    return ConfigurationError(
        this_call(),
        f"dbt cannot read the target {target!r} ({' '.join(str(error or 'it failed').split())[:300]})",
        expected="a project that dbt can parse, and a target that it can query",
        action=action,
    )


def _name(name: str) -> str:
    """As SQL without quotes means it: Snowflake shows such names in capitals."""
    return name.lower() if name.isupper() else name
