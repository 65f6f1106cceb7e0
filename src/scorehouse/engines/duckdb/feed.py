"""The rule `feed`: rows to score from the change feed of a DuckLake, proven on rows that it leaves out.

What the feed shows is compared with the predictions as the rule `changed` compares the whole table. A stretch
of rows that the feed does not show is compared too: they must be unchanged. And predictions, new rows and
vanished rows must add up to the rows of the table. If either fails, the whole table is compared instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from scorehouse.engines.duckdb.lake import RESERVED, LakeTable, SnapshotRead
from scorehouse.engines.duckdb.rescore_sql import TODO, VANISHED, RescorePlan
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import column_list, quote, same
from scorehouse.errors import listed
from scorehouse.project.log import logger
from scorehouse.project.run_log_place import SUCCESS
from scorehouse.scoring.request import RunRecord

SAMPLE_ROWS = 1000
INSERTED, DELETED, MOVED, LIVE, ROWS, GONE, SAMPLE, KNOWN = (
    f"scorehouse_feed_{name}"
    for name in ("inserted", "deleted", "moved", "live", "rows", "gone", "sample", "known")
)
SNAPSHOT, ROW, NET = '"feed:snapshot"', '"feed:row"', '"feed:net"'

LOGGED = (
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


class Feed:
    """The change feed of one run, in temporary tables of the source's cursor.

    `rows` is the number of rows of the feature table.
    """

    def __init__(
        self, source: DuckDBSource, lake: LakeTable, records: Sequence[RunRecord], rows: int
    ) -> None:
        self.source = source
        self.lake = lake
        self.records = records
        self.rows = rows
        self.keys = list(source.columns.key.values())

    def find(self, plan: RescorePlan) -> str:
        """Create the tables of keys to score and of vanished keys; or return why that cannot be done.

        The rows to score are in ROWS. Raises RowKeyError for a key that is NULL or not unique.
        """
        reads = base_of(self.source, self.records)
        if isinstance(reads, str):
            logger.info(f"{self.source.call}: the whole feature table is compared: {reads}")
            return reads
        snapshot = reads[-1].snapshot
        if names := [name for name in self.source.table_types if name.lower() in RESERVED]:
            why = f"the feature table has columns that a lake uses itself: {listed(names)}"
        else:
            why = self.lake.unusable_since(self.source.cursor, reads) or self._find_after(snapshot, plan)
        if why:
            logger.warning(f"{self.source.call}: the whole feature table is compared: {why}")
            return why
        for record in self.records:
            record.feed_from = snapshot
        return ""

    def _find_after(self, snapshot: int, plan: RescorePlan) -> str:
        self.source.run(*self._read(snapshot, plan))
        near = self.lake.stretch(self.source.cursor, self.rows, SAMPLE_ROWS, self.records[0].row_run_id)
        read = self._draw(near) or self._draw("true")
        self.source.run(self._look_up(plan))
        few = replace(plan, old=KNOWN, both_ways=False)
        if why := self._contradiction(replace(few, features=SAMPLE), read):
            return why
        self._check_keys(plan)
        self.source.run(
            replace(few, features=ROWS).todo(),
            f"create or replace temp table {VANISHED} as select {plan.vanished_columns()} "
            f"from {KNOWN} as old semi join {GONE} as gone on {same('old', 'gone', plan.key)}",
        )
        return self._miscount(plan)

    def _read(self, after: int, plan: RescorePlan) -> list[str]:
        """Creates the tables of what the feed shows, and a view of the rows that are there now.

        An update is a deletion and an insertion of a row with the same id, in one snapshot. `feed:net` is how
        many more rows of a key were inserted than deleted: 0 for a row that was there before and still is.
        The tables have only the keys: to read the rows again takes less time than to hold a copy.
        """
        keys = column_list(self.keys)
        inserted, deleted = (self.lake.feed(what, after) for what in ("insertions", "deletions"))
        if kept := self.source.kept_keys:
            kept_rows = f"(select *, snapshot_id, rowid from {{}} where {kept})"
            inserted, deleted = kept_rows.format(inserted), kept_rows.format(deleted)
        if after == self.lake.snapshot:  # the functions of the feed know no empty range
            inserted = deleted = f"(select *, 0 as snapshot_id, 0 as rowid from {self.source.table} limit 0)"
        ids = f"snapshot_id as {SNAPSHOT}, rowid as {ROW}"
        return [
            f"create or replace temp table {INSERTED} as select {ids}, {keys} from {inserted}",
            f"create or replace temp table {DELETED} as select {ids}, {keys} from {deleted}",
            f"create or replace temp table {MOVED} as select {keys}, sum(moves) as {NET} from "
            f"(select {keys}, 1 as moves from {INSERTED} union all select {keys}, -1 from {DELETED}) "
            f"group by {keys}",
            f"create or replace temp table {LIVE} as select inserted.*, moved.{NET} "
            f"from {INSERTED} as inserted anti join {DELETED} as later on inserted.{ROW} = later.{ROW} "
            f"and later.{SNAPSHOT} > inserted.{SNAPSHOT} "
            f"join {MOVED} as moved on {self._is_key('inserted', 'moved')}",
            f"create or replace temp view {ROWS} as "
            f"select * from (select {ids}, {self.source.read_columns()} from {inserted}) as inserted "
            f"semi join {LIVE} as live "
            f"on inserted.{ROW} = live.{ROW} and inserted.{SNAPSHOT} = live.{SNAPSHOT}",
            f"create or replace temp table {GONE} as select {plan.named()} from {MOVED} as features "
            f"where {NET} < 0",
        ]

    def _draw(self, near: str) -> int:
        """Create the sample, of rows near each other that the feed does not show; returns how many there are.

        `near` is SQL of a condition.
        """
        read = self.source.read_columns()
        kept = f" and {self.source.kept_keys}" if self.source.kept_keys else ""
        rows = f"(select {read} from {self.lake.relation} where {near}{kept} limit {SAMPLE_ROWS})"
        self.source.run(
            f"create or replace temp table {SAMPLE} as select near.* from {rows} as near "
            f"anti join {MOVED} as moved on {self._is_key('near', 'moved')}"
        )
        return int(self.source.row(f"select count(*) from {SAMPLE}")[0])

    def _is_key(self, left: str, right: str) -> str:
        """SQL that is true for the same key in two relations with the columns of the feature table."""
        return " and ".join(
            f"{left}.{name} is not distinct from {right}.{name}" for name in map(quote, self.keys)
        )

    def _look_up(self, plan: RescorePlan) -> str:
        """Creates the table of the predictions of all keys that were read."""
        names = [*plan.key, "scoring_run_id", "scored_at", "feature_hash"]
        names += ["model_alias"] if plan.parts[0].alias is not None else []
        names += ["is_vanished"] if plan.flags else []
        met = " union all ".join(
            f"select {plan.named()} from {table} as features" for table in (MOVED, SAMPLE)
        )
        return (
            f"create or replace temp table {KNOWN} as select {', '.join(f'old.{quote(n)}' for n in names)} "
            f"from {plan.old} as old semi join ({met}) as met on {same('old', 'met', plan.key)}"
        )

    def _contradiction(self, plan: RescorePlan, read: int) -> str:
        """How `read` rows that the feed does not show differ from their predictions; empty if they do not."""
        self.source.run(plan.todo())
        found = self.source.rows(f"select {column_list(plan.key)} from {TODO} order by all limit 3")
        if not found:
            return ""
        (wrong,) = self.source.row(f"select count(*) from {TODO}")
        named = ", ".join(repr(row if len(row) > 1 else row[0]) for row in found)
        return (
            f"the change feed of the lake is contradicted: of {read} rows that it does not show, {wrong} "
            "differ from their prediction or have none, "
            f"such as those with the key {listed(plan.key)} {named}"
        )

    def _check_keys(self, plan: RescorePlan) -> None:
        """Refuse keys that are NULL or not unique, among the rows of the feed and with rows that stayed."""
        source = self.source
        source.check_keys(table=f"(select * from {LIVE})")
        known = replace(plan, old=KNOWN).live
        # more of them came than went, though there is a prediction: of a row that is still there, or of a key
        # that vanished and came back
        more = (
            f"select {plan.named()} from {LIVE} as features where {NET} > 1 or ({NET} = 1 and exists "
            f"(select 1 from {known} as old where {plan.is_key('features', 'old')}))"
        )
        if source.rows(f"{more} limit 1"):
            met = f"semi join ({more}) as more on {plan.is_key('features', 'more')}"
            source.check_keys(table=f"(select * from {source.table} as features {met})")

    def _miscount(self, plan: RescorePlan) -> str:
        """Whether predictions, new rows and vanished rows do not add up to the rows of the table.

        Predictions whose row had left before may be kept, so that there may be more of them.
        """
        counted = f"select {'null' if plan.parts[0].alias is None else 'model_alias'}, count(*) from"
        old = dict(self.source.rows(f"{counted} {plan.live} group by all"))
        gone = dict(self.source.rows(f"{counted} {VANISHED} where not was_flagged group by all"))
        for number, part in enumerate(plan.parts):
            (new,) = self.source.row(f"select count(*) from {TODO} where state_{number} = 'new'")
            there = old.get(part.alias, 0) + new - gone.get(part.alias, 0)
            if there < self.rows or (plan.rescore.vanished != "keep" and there > self.rows):
                return (
                    f"predictions and the change feed do not add up: {there} rows by them, {self.rows} in "
                    "the feature table"
                )
        return ""


def base_of(source: DuckDBSource, records: Sequence[RunRecord]) -> list[SnapshotRead] | str:
    """What was read by the last run that scored everything that is scored now; or why there is none.

    Runs after it that a budget ended stand before it, the newest first. They may have scored a part of what
    changed: the feed shows these rows again, and their hashes show that they are done. For that, the lake
    must still have the snapshots that they read.
    """
    logged = source.cursor.execute(
        f"select {', '.join(LOGGED)}, epoch_us(feature_snapshot_at) as written_us "
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
    asked, now = json.loads(row["configuration"]), json.loads(options.to_json())
    logged_basis = {(each["scoring_basis"], each["feature_hash_kind"]) for each in versions}
    own_basis = {(each.scoring_basis, each.feature_hash_kind) for each in records}
    merged, rule, vanished = row["write_mode"] != "replace", row["rescore_rule"], asked["rescore"]["vanished"]
    differences = (
        (
            row["feature_snapshot"] is None or row["slice_from"],
            "the last run did not read the whole table of the lake",
        ),
        (row["feature_query"] != source.query, "the last run read other features"),
        (
            logged_basis != own_basis or any(asked.get(name) != now[name] for name in SAME_ARGUMENTS),
            "the last run had another version, other settings or other types of columns",
        ),
        (row["key_columns"] != json.dumps(options.table_key), "the last run had another key"),
        (
            merged and rule not in ("changed", "feed"),
            f"the last run had the rule {rule!r}, which may leave changed rows",
        ),
        (
            merged and options.rescore.vanished not in ("keep", vanished),
            f"the last run had vanished={vanished!r}",
        ),
    )
    return next((why for differs, why in differences if differs), "")
