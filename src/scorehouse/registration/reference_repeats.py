"""How many training rows have the features of another training row.

The reference has rows of the kinds `repeated` and `single` for them, which add up to all rows, under the name
`(all features)`; and one of the kind `window`, as other metrics have it: how many rows on average have the
features of a row, by which the number of repeated rows varies more than that of independent rows.
"""

from __future__ import annotations

import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.program.sql.in_duckdb import scratch

ALL_FEATURES = "(all features)"
METRIC = "repeated_share"
COUNTED = """
select coalesce(sum(copies) filter (copies > 1), 0), sum(copies), sum(copies * copies)
from (select count(*) as copies from training group by hash({columns}))
"""

Row = dict[str, str]


def repeat_rows(version: int, batch: pa.RecordBatch) -> list[Row]:
    """Rows of `ml_<name>__reference` for the features of `batch`; none without rows or features."""
    if not len(batch) or not batch.num_columns:
        return []
    columns = ", ".join(DUCKDB.quote(name) for name in batch.schema.names)
    with scratch() as connection:
        connection.register("training", batch)
        ((repeated, total, squares),) = connection.execute(COUNTED.format(columns=columns)).fetchall()
    counts = {"repeated": int(repeated), "single": int(total - repeated), "window": int(total)}
    effect = {"lower": f"{squares / total:.6g}", "category": f"rows {METRIC}"}
    head = {"version": str(version), "part": "feature", "name": ALL_FEATURES, "upper": ""}
    return [
        {
            **head,
            "bin": str(number),
            "kind": kind,
            "row_count": str(count),
            **(effect if kind == "window" else {"lower": "", "category": ""}),
        }
        for number, (kind, count) in enumerate(counts.items())
    ]
