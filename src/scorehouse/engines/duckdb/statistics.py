"""Statistics that are counted as batches pass: rows, reasons, range of the score, input fingerprint."""

from __future__ import annotations

import math
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.scoring.runlog import RunRecord


class BatchStatistics:
    """Adds up batches into a RunRecord."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.fingerprint = Fingerprint(record.input_types)
        self.count = 0
        self.sums: list[float] = []

    def add(self, scored: pa.RecordBatch, row_hashes: pa.Array) -> None:
        """Count one batch of kernel output, with the hashes of its input rows."""
        reasons = scored.column(REJECT_REASON)
        rejected = scored.num_rows - reasons.null_count
        self.record.rows_rejected += rejected
        self.record.rows_scored += scored.num_rows - rejected
        if rejected:
            for item in pc.value_counts(reasons.drop_null()).to_pylist():
                self.record.reject_reasons[item["values"].split("=")[0]] += item["counts"]
        self.fingerprint.add(row_hashes)
        self._add_score(scored)

    def _add_score(self, scored: pa.RecordBatch) -> None:
        name = score_column({field.name for field in scored.schema if pa.types.is_floating(field.type)})
        if name is None:
            return
        values = arrays.to_numpy(scored.column(name).drop_null())
        if not len(values):
            return
        record = self.record
        low, high = float(values.min()), float(values.max())
        record.score_min = low if record.score_min is None else min(low, record.score_min)
        record.score_max = high if record.score_max is None else max(high, record.score_max)
        self.sums.append(float(values.sum()))
        self.count += len(values)

    def finish(self) -> None:
        """Write mean and fingerprint into the record."""
        self.record.fingerprint = self.fingerprint.text()
        if self.count:
            self.record.score_mean = math.fsum(self.sums) / self.count


def count_table(
    connection: duckdb.DuckDBPyConnection, records: list[RunRecord], keys: list[str], suffixes: Sequence[str]
) -> None:
    """The counts of BatchStatistics, from the staging table that one statement wrote.

    `suffixes` are the suffixes of the versions' columns if versions share rows, otherwise there are none.
    """
    staging = records[0].request.staging
    described = connection.execute(f"describe {staging}").fetchall()
    name = score_column({row[0] for row in described if row[1] == "DOUBLE"})
    row_hash = f"hash({', '.join(keys)}, feature_hash)"
    for suffix, record in zip(suffixes or [""] * len(records), records, strict=True):
        run_id = literal(str((records[0] if suffixes else record).row_run_id))
        rows = f"from {staging} where scoring_run_id = {run_id}"
        score = quote(name + suffix) if name else "null::double"
        reason = quote(REJECT_REASON + suffix)
        count, record.rows_rejected, *of_score, hash_sum, hash_xor = connection.execute(
            f"select count(*), count({reason}), min({score}), max({score}), favg({score}), "
            f"sum({row_hash}::hugeint), bit_xor({row_hash}) {rows}"
        ).fetchall()[0]
        record.score_min, record.score_max, record.score_mean = of_score
        record.rows_scored = count - record.rows_rejected
        record.fingerprint = Fingerprint(record.input_types, count, hash_sum or 0, hash_xor or 0).text()
        if record.rows_rejected:
            counted = connection.execute(
                f"select split_part({reason}, '=', 1), count(*) {rows} and {reason} is not null group by all"
            ).fetchall()
            record.reject_reasons.update(dict(counted))
