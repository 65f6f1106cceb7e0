"""Rows of persons in the tables of a DuckDB file: found, deleted, and counted by the runs that scored them.

What of a run could be traced to one of its rows goes too: its fingerprint becomes that of the other rows, its
scores theirs, texts that name a key lose it, and the salt of its digest is a new one. A run of which later ones
have overwritten rows may have had the person in these: it loses fingerprint and scores.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.engines.duckdb.source import HASH_CANARY
from scorehouse.engines.statistics import MASK, score_column
from scorehouse.forgetting.people import Key, People
from scorehouse.project import forgotten
from scorehouse.project.folder import reached
from scorehouse.project.forgotten import Secret, key_texts, list_beside
from scorehouse.project.run_log_place import TABLE as RUN_LOG
from scorehouse.project.run_log_place import rows_of

q, literal = DUCKDB.quote, DUCKDB.literal
PERSONS = "scorehouse_persons"
TRAINING_SET, OUR_TESTS = "macro.scorehouse.training_set", "macro.scorehouse.test_"
STAGING = "__scorehouse_"  # in the names of tables that a killed run left
PREDICTIONS, DERIVED, OTHER = "prediction table", "table made from predictions", "table"
TEXTS = ("error", "feed_reason", "backend_reason")  # of the run log, which may name a key
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
    """A table: its names, the types of its columns, its kind, and why its rows are not ours to delete."""

    names: Names
    types: Mapping[str, str]
    kind: str
    why: str = ""

    @property
    def sql(self) -> str:
        return ".".join(map(q, self.names))

    @property
    def place(self) -> str:
        return ".".join(self.names)


def tables_of(
    connection: duckdb.DuckDBPyConnection, log: str, nodes: Mapping[str, Any], also: Sequence[str]
) -> list[Table]:
    """All tables that the connection sees, but for the run log and the list beside it.

    Ours are prediction tables, what dbt makes from them, training sets and kept failures of our tests
    (`nodes` are those of its manifest), what a killed run left, and the tables `also`; but only in the
    database of the run log.
    """
    logged = connection.execute(
        f"select distinct prediction_table from {log} where prediction_table is not null"
    )
    predicted = {_plain(str(row[0])) for row in logged.fetchall()}
    relations = {key: _plain(str(node.get("relation_name") or "")) for key, node in nodes.items()}
    children: dict[str, set[str]] = {}
    for key, node in nodes.items():
        for parent in node.get("depends_on", {}).get("nodes", []):
            children.setdefault(parent, set()).add(key)
    below = reached([key for key, name in relations.items() if name in predicted], children)
    below |= {key for key, node in nodes.items() if _is_made_by_us(node)}
    derived = {relations[key] for key in below if nodes[key].get("resource_type") != "seed"} - {""}
    home, found = database_of(connection, log), []
    for *names, columns, types in connection.execute(TABLES).fetchall():
        name = ".".join(names).lower()
        kind = PREDICTIONS if name in predicted else DERIVED if name in derived else OTHER
        is_named = any(f".{name}".endswith(f".{_plain(each)}") for each in also)
        is_ours = kind != OTHER or STAGING in name or is_named
        why = "" if is_ours else "none of ours: delete the rows where they come from, or name it with --also"
        why = why if names[0] == home else "in another database, which is only read: delete the rows there"
        if names[2] not in (RUN_LOG, forgotten.TABLE):
            columns = dict(zip(columns, types, strict=True))
            found.append(Table((names[0], names[1], names[2]), columns, kind, why))
    return found


def database_of(connection: duckdb.DuckDBPyConnection, log: str) -> str:
    """The name of the run log's database."""
    *database, _, _ = (quoted or bare for quoted, bare in forgotten.NAMES.findall(log))
    return database[0] if database else str(connection.execute("select current_database()").fetchall()[0][0])


def _plain(name: str) -> str:
    return name.replace('"', "").lower()


def _is_made_by_us(node: Mapping[str, Any]) -> bool:
    """Whether a node is a training set, or the failures of one of our tests."""
    macros = node.get("depends_on", {}).get("macros", [])
    return any(each == TRAINING_SET or each.startswith(OUR_TESTS) for each in macros)


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
    texts = [name for name, kind in table.types.items() if kind == "VARCHAR"]
    if not texts or not people.telling:
        return 0, "not: it has no such column", set()
    any_text = " or ".join(f"{q(name)} in (select unnest(?))" for name in texts)
    rows = connection.execute(
        f"select count(*) from {table.sql} where {any_text}", [people.telling] * len(texts)
    ).fetchall()
    return rows[0][0], "by its texts", set()


def delete(connection: duckdb.DuckDBPyConnection, table: Table, people: People) -> str:
    """Delete the persons' rows, or drop what a killed run left; returns what was done."""
    if STAGING in table.names[2]:
        connection.execute(f"drop table {table.sql}")
        return "dropped"
    connection.execute(f"delete from {table.sql} where {condition(people, table.types)}")
    return "deleted"


@dataclass
class Traces:
    """What a run has of rows that are forgotten: their number, and the two sums of their hashes."""

    rows: int = 0
    hash_sum: int = 0
    hash_xor: int = 0


def traces_of(
    connection: duckdb.DuckDBPyConnection, log: str, table: Table, people: People
) -> dict[str, Traces]:
    """By run, what it has of the persons' rows in a prediction table."""
    named = connection.execute(
        f"select key_columns from {log} where lower(replace(prediction_table, '\"', '')) = ? "
        "and key_columns is not null order by started_at desc limit 1",
        [table.place.lower()],
    ).fetchall()
    keys = [q(name) for name in json.loads(named[0][0]) if name != "model_alias"]
    row_hash = f"hash({', '.join(keys)}, feature_hash)"
    rows = connection.execute(
        f"select scoring_run_id::varchar, count(*), sum({row_hash}::hugeint), bit_xor({row_hash}) "
        f"from {table.sql} where {condition(people, table.types)} group by all"
    ).fetchall()
    return {run: Traces(rows, int(total), int(xor)) for run, rows, total, xor in rows}


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
    digests = (secret.digest(dict(zip(people.columns, key, strict=True))) for key in people.keys)
    if new := [(columns, digest, secret.id, now) for digest in digests if digest not in known]:
        connection.executemany(f"insert into {table} values (?, ?, ?, ?)", new)


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


def forget_in_runs(
    connection: duckdb.DuckDBPyConnection,
    log: str,
    traces: Mapping[str, tuple[Table, Traces]],
    people: People,
) -> dict[str, int]:
    """Take the persons out of the rows of the run log; returns the number of rows by run.

    The rows of a run that names a person in a text are changed too. The prediction tables have lost the rows.
    """
    canary = connection.execute(f"select {HASH_CANARY}").fetchall()[0][0]
    kept = {table.place.lower(): _rows_by_run(connection, table) for table, _ in traces.values()}
    done: dict[str, int] = {}
    for run in rows_of(connection.execute(f"select * from {log} where status <> 'started'")):
        run_id, parent = str(run["run_id"]), str(run["parent_run_id"])
        is_wide = json.loads(run["configuration"] or "{}").get("layout") == "wide"
        scored_by = parent if is_wide else run_id
        table, own = traces.get(scored_by, (None, Traces()))
        changed = {name: people.redacted(str(run[name])) for name in TEXTS if run[name]}
        new: dict[str, Any] = {name: text for name, (text, hits) in changed.items() if hits}
        forgotten_rows = (run["rows_forgotten"] or 0) + own.rows
        there = kept.get(_plain(str(run["prediction_table"])))
        written = (run["rows_scored"] or 0) + (run["rows_rejected"] or 0)
        if there is not None and there.get(scored_by, 0) + forgotten_rows != written:
            new |= {name: None for name in (*SCORES, "input_fingerprint") if run[name] is not None}
        elif table is not None:
            is_same = str(run["feature_hash_kind"]).startswith(f"duckdb:{canary}:")
            new["input_fingerprint"] = _without(run["input_fingerprint"], own) if is_same else None
            new |= _scores(connection, table, run_id) if not is_wide else dict.fromkeys(SCORES)
        if table is not None:
            new["rows_forgotten"] = forgotten_rows
        if new:
            new["digest_salt"] = secrets.token_hex(16)
            assigned = ", ".join(f"{name} = ?" for name in new)
            values = [*new.values(), run_id]
            connection.execute(
                f"update {log} set {assigned} where run_id = ? and status <> 'started'", values
            )
            done[run_id] = own.rows
    return done


def _rows_by_run(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, int]:
    """How many rows a prediction table has of each run."""
    query = f"select scoring_run_id::varchar, count(*) from {table.sql} group by all"
    return dict(connection.execute(query).fetchall())


SCORES = ("score_min", "score_mean", "score_max")


def _without(fingerprint: str | None, traces: Traces) -> str | None:
    """The fingerprint of the other rows."""
    if not fingerprint:
        return None
    rows, total, xor, types = fingerprint.split(":", 3)
    left = int(rows) - traces.rows, int(total, 16) - traces.hash_sum & MASK, int(xor, 16) ^ traces.hash_xor
    return f"{left[0]}:{left[1]:016x}:{left[2]:016x}:{types}"


def _scores(connection: duckdb.DuckDBPyConnection, table: Table, run_id: str) -> dict[str, float | None]:
    """Smallest, mean and largest score of the rows that a run still has."""
    score = score_column([name for name, kind in table.types.items() if kind == "DOUBLE"])
    of = q(score) if score else "null::double"
    (row,) = connection.execute(
        f"select min({of}), favg({of}), max({of}) from {table.sql} where scoring_run_id::varchar = ?",
        [run_id],
    ).fetchall()
    return dict(zip(SCORES, row, strict=True))


def texts_of(connection: duckdb.DuckDBPyConnection, log: str, people: People) -> Iterator[tuple[str, int]]:
    """The columns of text of the run log, and how often each names a person."""
    for name in (*TEXTS, "feature_query", "configuration", "reject_reasons"):
        texts = connection.execute(f"select {name} from {log} where {name} is not null").fetchall()
        yield name, sum(sum(1 for _ in people.found_in(str(text))) for (text,) in texts)
