"""The run after which the rule `feed` reads changes: the last one that left nothing to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import duckdb

from scorehouse.engines.duckdb.lake import SnapshotRead
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.scoring.runlog import SUCCESS, RunRecord

COLUMNS = (
    "parent_run_id",
    "rescore_rule",
    "write_mode",
    "rows_left",
    "feature_snapshot",
    "feature_query",
    "key_columns",
    "configuration",
    "scoring_basis",
    "feature_hash_kind",
    "slice_from",
)
SAME_ARGUMENTS = ("alias", "version", "layout")  # the others are in the basis or in the kind of the hash


def base_of(
    cursor: duckdb.DuckDBPyConnection, source: DuckDBSource, records: Sequence[RunRecord]
) -> list[SnapshotRead] | str:
    """What was read by the last run that scored everything that is scored now; or why there is none.

    Runs after it that a budget ended stand before it, the newest first. They may have scored a part of what
    changed: the feed shows these rows again, and their hashes show that they are done. For that, the lake
    must still have the snapshots that they read.
    """
    logged = cursor.execute(
        f"select {', '.join(COLUMNS)}, epoch_us(feature_snapshot_at) as written_us "
        f"from {source.request.run_log} "
        "where prediction_table = ? and status = ? order by started_at desc, parent_run_id",
        [source.request.relation, SUCCESS],
    )
    names = [column[0] for column in logged.description]
    rows = (dict(zip(names, row, strict=True)) for row in logged.fetchall())
    reads = []
    for _, scan in groupby(rows, key=lambda row: row["parent_run_id"]):
        versions = list(scan)
        if why := _differs(versions, source, records):
            return why
        row = versions[0]
        reads.append(SnapshotRead(row["feature_snapshot"], row["written_us"]))
        if not any(row["rows_left"] for row in versions):
            return reads
    return "no run has scored every row yet"


def _differs(versions: Sequence[dict[str, Any]], source: DuckDBSource, records: Sequence[RunRecord]) -> str:
    """What a run did otherwise than this run does, so that it may have left rows to score; or empty.

    `versions` are the rows of its scan in the run log.
    """
    row, options = versions[0], source.options
    asked = json.loads(row["configuration"])
    now = json.loads(options.to_json())
    replaced = row["write_mode"] == "replace"
    if row["feature_snapshot"] is None or row["slice_from"]:
        return "the last run did not read the whole table of the lake"
    if row["feature_query"] != source.query:
        return "the last run read other features"
    if {(each["scoring_basis"], each["feature_hash_kind"]) for each in versions} != {
        (each.scoring_basis, each.feature_hash_kind) for each in records
    } or any(asked.get(name) != now[name] for name in SAME_ARGUMENTS):
        return "the last run had another version, other settings or other types of columns"
    if row["key_columns"] != json.dumps(options.table_key):
        return "the last run had another key"
    if not replaced and row["rescore_rule"] not in ("changed", "feed"):
        return f"the last run had the rule {row['rescore_rule']!r}, which may leave changed rows"
    if not replaced and options.rescore.vanished not in ("keep", asked["rescore"]["vanished"]):
        return f"the last run had vanished={asked['rescore']['vanished']!r}"
    return ""
