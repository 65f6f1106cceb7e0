"""One row of a prediction table, the run that scored it, and its features as they are now."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.engines.columns import FEATURE_HASH, find_columns, types_digest
from scorehouse.engines.duckdb.source import HASH_CANARY
from scorehouse.engines.duckdb.staging import described
from scorehouse.errors import ConfigurationError, listed
from scorehouse.project.forgotten import is_listed
from scorehouse.replay.logged_run import WIDEN, Known, logged_options, run_row
from scorehouse.scoring.options import AS_OF

literal, quote = DUCKDB.literal, DUCKDB.quote


@dataclass(frozen=True)
class LoggedRow:
    """A row of the prediction table, the row of the run log, and one row of the feature table."""

    run: Mapping[str, Any]
    prediction: Mapping[str, Any]
    features: pa.RecordBatch

    def has_moved(self, hashed: Sequence[str], memory: duckdb.DuckDBPyConnection) -> bool:
        """Whether the columns that a run hashed have another hash now; False where that is not known.

        `memory` is a database of its own, since no table of the project may stand in for the row.
        """
        with memory.cursor() as connection:
            connection.register("now", pa.Table.from_batches([self.features]))
            types = described(connection, "from now")
            query = f"select {HASH_CANARY}, hash({DUCKDB.column_list(hashed)}) from now"
            canary, now = connection.execute(query).fetchall()[0]
            connection.unregister("now")
        kind = f"duckdb:{canary}:{types_digest(hashed, types)}"
        was = self.prediction.get(FEATURE_HASH)
        return was not in (None, now) and kind == self.run.get("feature_hash_kind")


def find_row(
    connection: duckdb.DuckDBPyConnection,
    run_log: str,
    name: str,
    table: str | None,
    keys: Sequence[str],
    project: Path,
    call: str,
) -> LoggedRow:
    """The prediction of the ML model `name` with these values of its key.

    `table` is a prediction table; None: the one with such a row that was scored last. Raises
    ConfigurationError where there is not exactly one such row, and says so if the key was forgotten.
    """
    looked: list[tuple[pa.Table, str, dict[str, str]]] = []
    first: ConfigurationError | None = None
    for newest in newest_runs(connection, run_log, name, table, call):
        of = str(newest["prediction_table"])
        try:
            wanted = wanted_key(keys, logged_options(newest, call).row_key, call)
        except ConfigurationError as error:  # a table of other keys, such as a history
            first = first or error
            continue
        try:
            looked.append((_rows(connection, f"select * from {of} where {_where(wanted)}", call), of, wanted))
        except ConfigurationError:
            if not looked:
                raise
            continue  # a table that is gone
        if looked[-1][0].num_rows:
            break
    if first and not looked:
        raise first
    rows, of, wanted = looked[-1]
    if not rows.num_rows and is_listed(connection, run_log, wanted, project):
        raise ConfigurationError(
            call,
            f"{_said(wanted)} is on the list of forgotten keys: `scorehouse forget` took its rows out",
            expected="a key that has a prediction",
            action="nothing, since later runs leave this key out; the certificates of `scorehouse forget` in "
            "evidence/ have its digest",
        )
    if not rows.num_rows:  # of all tables that were looked at, the first is the one to name
        of, wanted = ", ".join(dict.fromkeys(each for _, each, _ in looked)), looked[0][2]
    if rows.num_rows > 1 and "is_live" in rows.column_names:
        rows = rows.filter(rows.column("is_live"))
    prediction = _only(rows, of, wanted, call).to_pylist()[0]
    run = run_row(connection, run_log, _run_id(prediction, of, call))
    query = f"select * from ({_features(run, call)}) where {_where(wanted)}"
    found = _only(_rows(connection, query, call), "the feature table", wanted, call)
    return LoggedRow(run, prediction, found.combine_chunks().to_batches()[0])


def find_rows(
    connection: duckdb.DuckDBPyConnection,
    run_log: str,
    name: str,
    table: str | None,
    keys: Sequence[Mapping[str, str]],
    call: str,
) -> list[LoggedRow | None]:
    """The rows of the newest prediction table that has these columns as its key, or of `table`.

    None for a key that has not exactly one live row of predictions and one of features. Raises
    ConfigurationError for other columns than those of the key, and where the tables cannot be read.
    """
    spelled = [{name.lower(): value for name, value in key.items()} for key in keys]
    runs = list(newest_runs(connection, run_log, name, table, call))
    named = {name for key in spelled for name in key}

    def has_key(run: Mapping[str, Any]) -> bool:
        with contextlib.suppress(ConfigurationError):  # another table's run, which nobody asked for
            return named == {*map(str.lower, logged_options(run, call).row_key)}
        return False

    newest = next(filter(has_key, runs), runs[0])
    columns = logged_options(newest, call).row_key
    lower = [column.lower() for column in columns]
    if wrong := next((key for key in spelled if sorted(key) != sorted(lower)), None):
        raise ConfigurationError(
            call,
            f"--keys has the columns {listed(wrong)}, and a row is identified by {listed(columns)}",
            expected="these columns and no others, a value of each in every line",
            action="correct the file of keys",
        )
    asked = [tuple(key[column] for column in lower) for key in spelled]
    texts = [f"{quote(column)}::varchar" for column in columns]
    values = ", ".join(f"({', '.join(map(literal, key))})" for key in dict.fromkeys(asked))

    def by_key(query: str, *, live: bool = False) -> dict[tuple[str, ...], list[pa.RecordBatch]]:
        as_keys = ", ".join(f"{text} as scorehouse_key_{place}" for place, text in enumerate(texts))
        matching = f"({', '.join(texts)}) in (values {values})" if values else "false"
        found = _rows(connection, f"select *, {as_keys} from ({query}) where {matching}", call)
        if live and "is_live" in found.column_names:
            found = found.filter(found.column("is_live"))
        own = found.select(found.column_names[-len(texts) :]).to_pylist()
        rest = found.select(found.column_names[: -len(texts)]).combine_chunks()
        made: dict[tuple[str, ...], list[pa.RecordBatch]] = {}
        for place, key in enumerate(own):
            made.setdefault(tuple(key.values()), []).extend(rest.slice(place, 1).to_batches())
        return made

    predictions = by_key(f"select * from {newest['prediction_table']}", live=True)
    run_of, features_of = cache(partial(run_row, connection, run_log)), cache(by_key)  # rows share runs
    found: list[LoggedRow | None] = []
    for key in asked:
        same = predictions.get(key, [])
        prediction = same[0].to_pylist()[0] if len(same) == 1 else {}
        if not prediction:
            found.append(None)
            continue
        run = run_of(_run_id(prediction, str(newest["prediction_table"]), call))
        features = features_of(_features(run, call)).get(key, [])
        found.append(LoggedRow(run, prediction, features[0]) if len(features) == 1 else None)
    return found


def _features(run: Mapping[str, Any], call: str) -> str:
    """SQL of the rows that a run read, with the date of a history that is no column of theirs."""
    query, date = str(run["feature_query"]), logged_options(run, call).as_of_value
    if date is None:
        return query
    return (
        f"select *, {literal(date)}::{'date' if len(date) <= 10 else 'timestamp'} as {AS_OF} from ({query})"
    )


def newest_runs(
    connection: duckdb.DuckDBPyConnection, run_log: str, name: str, table: str | None, call: str
) -> Iterator[dict[str, Any]]:
    """The newest successful run into each prediction table of an ML model, or into `table`.

    Runs that had rows come first, then those of the live version, those of tables that only live versions
    score, and the newest: a table of shadows has other rows than those that were decided by.
    """
    log = f"from {run_log} where model_name = {literal(name)} and status = 'success'"
    of = f" and split_part(node, '.', -1) = {literal(table)}" if table else ""
    held = Known(described(connection, f"from {run_log}"), f"the run log {run_log}", WIDEN, call)
    held.require("run_id", "model_name", "status", "node", "is_live", "started_at")
    counts = [
        f"coalesce({name}, 0) > 0" for name in ("rows_in", "rows_unchanged", "rows_left") if name in held
    ]
    order = f"order by {' or '.join(counts)} desc, coalesce(is_live, true) desc"
    of_each = f"qualify row_number() over (partition by node {order}, started_at desc) = 1"
    order += ", bool_and(coalesce(is_live, true)) over (partition by node) desc, started_at desc"
    found = connection.execute(f"select run_id {log}{of} {of_each} {order}").fetchall()
    if found:
        yield from (run_row(connection, run_log, str(run_id)) for (run_id,) in found)
        return
    known = [
        row[0] for row in connection.execute(f"select distinct split_part(node, '.', -1) {log}").fetchall()
    ]
    raise ConfigurationError(
        call,
        f"the run log has no successful run of {name!r}" + (f" into {table!r}" if table else ""),
        expected=f"one of the prediction tables {listed(sorted(known))}"
        if known
        else "an ML model that was scored",
        action="correct the name, or score it first; `scorehouse runs` lists all runs",
    )


def wanted_key(keys: Sequence[str], columns: Sequence[str], call: str) -> dict[str, str]:
    """The value of each column of the key, from `value` or `column=value`."""
    if len(columns) == 1 and len(keys) == 1 and not keys[0].lower().startswith(f"{columns[0].lower()}="):
        return {columns[0]: keys[0]}
    pairs = dict(key.split("=", 1) for key in keys if "=" in key)
    if len(pairs) == len(keys) and len(pairs) == len(columns):
        return {found: pairs[name] for name, found in find_columns("--key", [*pairs], columns, call).items()}
    raise ConfigurationError(
        call,
        f"--key is {listed(keys)}, and a row is identified by {listed(columns)}",
        expected="a value for each column of the key",
        action=f"write {' '.join('--key ' + shlex.quote(f'{column}=...') for column in columns)}",
    )


def _run_id(prediction: Mapping[str, Any], table: str, call: str) -> str:
    if (found := prediction.get("scoring_run_id")) is not None:
        return str(found)
    raise ConfigurationError(
        call,
        f"{table} does not say which run scored this row",
        expected="the column scoring_run_id, which every scoring run writes",
        action="build the table again as a prediction table, or name another one with --table",
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str, call: str) -> pa.Table:
    try:
        return connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise ConfigurationError(
            call,
            f"the tables of this run cannot be read ({str(error).splitlines()[0]})",
            expected="the feature table and the prediction table of the run, as dbt made them",
            action="build them again; if they read from another database, name the --target that attaches it",
        ) from error


def _where(key: Mapping[str, str]) -> str:
    return " and ".join(f"{quote(column)}::varchar = {literal(value)}" for column, value in key.items())


def _said(key: Mapping[str, str]) -> str:
    return " and ".join(f"{column} = {value!r}" for column, value in key.items())


def _only(rows: pa.Table, where: str, key: Mapping[str, str], call: str) -> pa.Table:
    if rows.num_rows == 1:
        return rows
    raise ConfigurationError(
        call,
        f"there are {rows.num_rows or 'no'} rows in {where} with {_said(key)}",
        expected="one row",
        action="look the key up in the prediction table; a row may have left the feature table since",
    )
