"""Persons in the run log: what of a run could be traced to their rows.

Its fingerprint becomes that of the other rows, its scores theirs, texts that name a key lose it, and the salt
of its digest is a new one. A run of which later ones have overwritten rows may have had the person in these:
it loses fingerprint and scores.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from scorehouse.engines.duckdb.source import HASH_CANARY
from scorehouse.engines.statistics import MASK, score_column
from scorehouse.forgetting.people import People
from scorehouse.forgetting.renamed import names_today, plain
from scorehouse.forgetting.tables import Table, condition, database_of, q
from scorehouse.project.run_log_place import rows_of

TEXTS = ("error", "feed_reason", "backend_reason")  # which may name a key
SCORES = ("score_min", "score_mean", "score_max")


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
    today = names_today(connection, log, table.names[0])
    named = connection.execute(
        f"select key_columns from {log} where lower(replace(prediction_table, '\"', '')) "
        "in (select unnest(?)) and key_columns is not null order by started_at desc limit 1",
        [[old for old, new in today.items() if new == table.place.lower()]],
    ).fetchall()
    keys = [q(name) for name in json.loads(named[0][0]) if name != "model_alias"]
    row_hash = f"hash({', '.join(keys)}, feature_hash)"
    rows = connection.execute(
        f"select scoring_run_id::varchar, count(*), sum({row_hash}::hugeint), bit_xor({row_hash}) "
        f"from {table.sql} where {condition(people, table.types)} group by all"
    ).fetchall()
    return {run: Traces(rows, int(total), int(xor)) for run, rows, total, xor in rows}


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
    done, today = dict[str, int](), names_today(connection, log, database_of(connection, log))
    for run in rows_of(connection.execute(f"select * from {log} where status <> 'started'")):
        run_id, parent = str(run["run_id"]), str(run["parent_run_id"])
        is_wide = json.loads(run["configuration"] or "{}").get("layout") == "wide"
        scored_by = parent if is_wide else run_id
        table, own = traces.get(scored_by, (None, Traces()))
        changed = {name: people.redacted(str(run[name])) for name in TEXTS if run[name]}
        new: dict[str, Any] = {name: text for name, (text, hits) in changed.items() if hits}
        forgotten_rows = (run["rows_forgotten"] or 0) + own.rows
        there = kept.get(today.get(plain(str(run["prediction_table"])), ""))
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


def forgotten_before(connection: duckdb.DuckDBPyConnection, log: str) -> dict[str, int]:
    """The rows that earlier calls have forgotten, of all persons, by run."""
    rows = connection.execute(f"select run_id::varchar, rows_forgotten from {log} where rows_forgotten > 0")
    return dict(rows.fetchall())


def texts_of(connection: duckdb.DuckDBPyConnection, log: str, people: People) -> Iterator[tuple[str, int]]:
    """The columns of text of the run log, and how often each names a person."""
    for name in (*TEXTS, "feature_query", "configuration", "reject_reasons"):
        texts = connection.execute(f"select {name} from {log} where {name} is not null").fetchall()
        yield name, sum(sum(1 for _ in people.found_in(str(text))) for (text,) in texts)
