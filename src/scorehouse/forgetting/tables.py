"""Rows of persons in the tables of a DuckDB file: found, and deleted.

Background rows of registered versions that have the features of a person are only found: they stand in Git.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.forgetting.people import Key, People
from scorehouse.forgetting.renamed import STALE, names_today, plain
from scorehouse.program.reasons.stored_reasons import of_array
from scorehouse.project import forgotten
from scorehouse.project.folder import reached
from scorehouse.project.forgotten import Secret, key_texts, list_beside
from scorehouse.project.run_log_place import TABLE as RUN_LOG

q, literal = DUCKDB.quote, DUCKDB.literal
PERSONS = "scorehouse_persons"
BACKGROUND = "background"
BACKGROUND_ROWS = "scorehouse_background"
TRAINING_SET, OUR_TESTS = "macro.scorehouse.training_set", "macro.scorehouse.test_"
STAGING = "__scorehouse_"  # in the names of tables that a killed run left
WITHOUT_KEY = "not: made from predictions without the key (build again, or forget by its column: email=...)"
PREDICTIONS, DERIVED, OTHER = "prediction table", "table made from predictions", "table"
TABLES = """
select columns.database_name, columns.schema_name, columns.table_name,
    list(column_name order by column_index), list(data_type order by column_index)
from duckdb_columns() as columns
semi join duckdb_tables() as tables using (database_name, schema_name, table_name)
where not internal and database_name not in ('temp', 'system')
group by all order by all
"""
Names = tuple[str, str, str]


@dataclass(frozen=True)
class Table:
    """A table: its names, the types of its columns, its kind, and why its rows are not ours to delete.

    A mart is made from predictions by the project's own SQL, without a macro of ours, such as a monitor.
    """

    names: Names
    types: Mapping[str, str]
    kind: str
    why: str = ""
    is_mart: bool = False

    @property
    def sql(self) -> str:
        return ".".join(map(q, self.names))

    @property
    def place(self) -> str:
        return ".".join(self.names)

    def is_named(self, name: str) -> bool:
        """Whether the end of its names is this one."""
        return f".{self.place.lower()}".endswith(f".{plain(name)}")


def tables_of(
    connection: duckdb.DuckDBPyConnection, log: str, nodes: Mapping[str, Any], also: Sequence[str]
) -> list[Table]:
    """All tables that the connection sees, but for the run log and the list beside it.

    Ours are prediction tables, what dbt makes from them, training sets and kept failures of our tests
    (`nodes` are those of its manifest), what a killed run left, and the tables `also`; but only in the
    database of the run log.
    """
    home = database_of(connection, log)
    today = names_today(connection, log, home)
    predicted, former = {*today.values()}, {old.split(".")[0] for old, new in today.items() if old != new}
    relations = {key: plain(str(node.get("relation_name") or "")) for key, node in nodes.items()}
    relations = {key: today.get(name, name) for key, name in relations.items()}
    children: dict[str, set[str]] = {}
    for key, node in nodes.items():
        for parent in node.get("depends_on", {}).get("nodes", []):
            children.setdefault(parent, set()).add(key)
    below = reached([key for key, name in relations.items() if name in predicted], children)
    below |= {key for key, node in nodes.items() if _is_made_by_us(node)}
    derived = {relations[key] for key in below if nodes[key].get("resource_type") != "seed"} - {""}
    marts = derived - {relations[key] for key in below if any(map(_is_ours, _macros(nodes[key])))}
    split = (each.partition(".") for each in derived)
    stale, found = {f"{home.lower()}.{rest}" for old, _, rest in split if old in former}, []
    for *names, columns, types in connection.execute(TABLES).fetchall():
        name = ".".join(names).lower()
        kind = PREDICTIONS if name in predicted else DERIVED if name in derived else OTHER
        columns = dict(zip(columns, types, strict=True))
        table = Table((names[0], names[1], names[2]), columns, kind, is_mart=name in marts)
        is_ours = kind != OTHER or STAGING in name or any(map(table.is_named, also))
        why = "none of ours: delete the rows where they come from, or name it with --also"
        why = "" if is_ours else STALE if name in stale else why
        why = (
            why
            if names[0].lower() == home.lower()
            else "in another database, which is only read: delete the rows there"
        )
        if names[2] not in (RUN_LOG, forgotten.TABLE):
            found.append(replace(table, why=why))
    return found


def database_of(connection: duckdb.DuckDBPyConnection, log: str) -> str:
    """The name of the run log's database."""
    *database, _, _ = (quoted or bare for quoted, bare in forgotten.NAMES.findall(log))
    return database[0] if database else str(connection.execute("select current_database()").fetchall()[0][0])


def _is_made_by_us(node: Mapping[str, Any]) -> bool:
    """Whether a node is a training set, or the failures of one of our tests."""
    return any(each == TRAINING_SET or each.startswith(OUR_TESTS) for each in _macros(node))


def _macros(node: Mapping[str, Any]) -> list[str]:
    return list(node.get("depends_on", {}).get("macros", []))


def _is_ours(macro: str) -> bool:
    return macro.startswith("macro.scorehouse.")


def hold(connection: duckdb.DuckDBPyConnection, people: People) -> None:
    """Put the keys into a temporary table."""
    persons = people.table()
    connection.register("scorehouse_keys", persons)
    columns = ", ".join(f'{name} as "persons:{name}"' for name in persons.column_names)
    connection.execute(f"create or replace temp table {PERSONS} as select {columns} from scorehouse_keys")
    connection.unregister("scorehouse_keys")


def condition(people: People, types: Mapping[str, str]) -> str | None:
    """SQL that is true for rows of the persons; None for a table without the columns of their key."""
    texts = key_texts(people.columns, types)
    if texts is None:
        return None
    same = " and ".join(f'{text} = "persons:key_{place}"' for place, text in enumerate(texts.values()))
    return f"exists (select 1 from {PERSONS} where {same})"


def count(connection: duckdb.DuckDBPyConnection, table: Table, people: People) -> tuple[int, str, set[Key]]:
    """How many rows of the persons a table has, how that was searched, and who was found.

    A table without the key's columns is searched for the value in its columns of text.
    """
    if where := condition(people, table.types):
        columns = ", ".join((key_texts(people.columns, table.types) or {}).values())
        rows = connection.execute(
            f"select {columns}, count(*) from {table.sql} where {where} group by all"
        ).fetchall()
        spelled = [f"{n} {k}" for n, k in table.types.items() if n.lower() in map(str.lower, people.columns)]
        return sum(row[-1] for row in rows), f"by {', '.join(spelled)}", {row[:-1] for row in rows}
    if lack := lacks(people, table.types):
        return 0, lack, set()
    texts = [name for name, kind in table.types.items() if kind == "VARCHAR"]
    if not texts or not people.telling:
        return 0, WITHOUT_KEY if table.is_mart else "not: it has no such column", set()
    any_text = " or ".join(f"{q(name)} in (select unnest(?))" for name in texts)
    rows = connection.execute(
        f"select count(*) from {table.sql} where {any_text}", [people.telling] * len(texts)
    ).fetchall()
    how = WITHOUT_KEY if table.is_mart and not rows[0][0] else "by texts that are a key alone"
    return rows[0][0], how, set()


def check_named(call: str, names: Sequence[str], searched: Sequence[Table]) -> None:
    """Refuse a name of --also that no table has, or several: rows of one that is not meant would go too."""
    for name in names:
        found = [table.place for table in searched if table.is_named(name)]
        if not found:
            raise ConfigurationError(
                call,
                f"--also {name} is neither a table nor a file or folder",
                expected="the name of a table, or a path that is there; nothing was changed",
                action="correct it, or leave it out",
            )
        if len(found) > 1:
            raise ConfigurationError(
                call,
                f"--also {name} is the name of {len(found)} tables: {', '.join(found)}",
                expected="the name of one; nothing was changed",
                action="write it with its schema, and --also again for each other that is meant",
            )


def lacks(people: People, columns: Iterable[str]) -> str:
    """Why a table with a part of the key's columns is not searched; empty if it has none of them."""
    part = [name for name in columns if name.lower() in map(str.lower, people.columns)]
    return f"not: it has only {', '.join(part)} of the key" if part else ""


def delete(connection: duckdb.DuckDBPyConnection, table: Table, people: People) -> str:
    """Delete the persons' rows, or drop what a killed run left; returns what was done."""
    if STAGING in table.names[2]:
        connection.execute(f"drop table {table.sql}")
        return "dropped"
    connection.execute(f"delete from {table.sql} where {condition(people, table.types)}")
    return "deleted"


def widen(connection: duckdb.DuckDBPyConnection, log: str) -> None:
    """Add the columns that a run log of an earlier release lacks, and the list beside it."""
    for name, kind in (("rows_barred", "bigint"), ("rows_forgotten", "bigint"), ("digest_salt", "varchar")):
        connection.execute(f"alter table {log} add column if not exists {name} {kind}")
    connection.execute(f"create table if not exists {list_beside(log)} ({forgotten.COLUMNS})")


def note_in_list(connection: duckdb.DuckDBPyConnection, log: str, people: People, secret: Secret) -> None:
    """Put the digests of the keys into the list, once each."""
    columns = json.dumps(list(people.columns))
    table = list_beside(log)
    known = {row[0] for row in connection.execute(f"select key_digest from {table}").fetchall()}
    now = datetime.now(UTC).replace(tzinfo=None)
    keys = [dict(zip(people.columns, key, strict=True)) for key in people.keys]
    rows = ((columns, secret.digest(key), secret.hint(key), secret.id, now) for key in keys)
    if new := [row for row in rows if row[1] not in known]:
        connection.executemany(f"insert into {table} values (?, ?, ?, ?, ?)", new)


def listed(
    connection: duckdb.DuckDBPyConnection, log: str, people: People, project: Path, call: str
) -> set[Key]:
    """The persons who are in the list. Raises ConfigurationError if its secret is not here."""
    table = list_beside(log)
    if not forgotten.is_there(connection, table):
        return set()
    rows = connection.execute(f"select key_digest, secret_id from {table}").fetchall()
    found: set[Key] = set()
    for secret in (forgotten.needed_secret(project, each, table, call) for each in {row[1] for row in rows}):
        digests = {row[0] for row in rows}
        found |= {
            key
            for key in people.keys
            if secret.digest(dict(zip(people.columns, key, strict=True))) in digests
        }
    return found


def background_rows(
    connection: duckdb.DuckDBPyConnection, project: Path, tables: Sequence[Table], people: People
) -> Iterator[tuple[Path, int, str]]:
    """The files with background rows, how many of these have a person's features, and how that was searched.

    The features are those of the person's rows in `tables`, which have to be there still.
    """
    for file in sorted(project.glob("artifacts/*/*/program.npz")):
        for rows in _backgrounds(file):
            connection.register(BACKGROUND_ROWS, pa.table(rows))
            alike = [table for table in tables if set(rows.schema.names) <= set(table.types)]
            try:
                hits = sum(_alike(connection, table, rows.schema.names, people) for table in alike)
                how = "by the features of the person's rows" if alike else "not: no table has the features"
            except duckdb.Error as error:  # such as a text where the version reads numbers
                hits, how = 0, f"not: {str(error).splitlines()[0]}"
            connection.unregister(BACKGROUND_ROWS)
            yield file, hits, how


def _backgrounds(file: Path) -> Iterator[pa.RecordBatch]:
    with np.load(file, allow_pickle=False) as arrays:
        for name in arrays.files:
            if name.endswith(BACKGROUND):
                yield of_array(arrays[name])


def _alike(connection: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str], people: People) -> int:
    """How many background rows equal a row of a person in all features."""
    same = " and ".join(f"own.{name} is not distinct from background.{name}" for name in map(q, names))
    own = f"(select * from {table.sql} where {condition(people, table.types)})"
    query = f"select count(*) from {BACKGROUND_ROWS} as background semi join {own} as own on {same}"
    return int(connection.execute(query).fetchall()[0][0])
