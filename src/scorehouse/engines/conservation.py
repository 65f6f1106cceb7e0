"""Check that every row that goes in comes out, scored or rejected, and that not too many are rejected."""

from __future__ import annotations

from scorehouse.errors import ConservationError
from scorehouse.scoring.runlog import RunRecord


def check_conserved(record: RunRecord, limit: float | None, call: str) -> None:
    """Raise ConservationError if a row was lost, or more than the share `limit` was rejected."""
    if record.rows_scored + record.rows_rejected != record.rows_in:
        raise ConservationError(
            call,
            f"{record.rows_in} rows went in, {record.rows_scored} scored and "
            f"{record.rows_rejected} rejected rows came out",
            expected="every row exactly once",
            action="report this as a bug in scorehouse; the previous table is unchanged",
        )
    share = record.rows_rejected / record.rows_in if record.rows_in else 0.0
    if limit is not None and share > limit:
        raise ConservationError(
            call,
            f"{record.rows_rejected} of {record.rows_in} rows were rejected ({share:.4f}), "
            f"mostly for {record.reject_reasons.most_common(3)}",
            expected=f"a share of at most {limit}",
            action="fix the feature table, or raise max_rejected_share",
        )
