"""What the run after a promotion will cost, by the seconds per row of the last runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import duckdb

from scorehouse.engines.duckdb.sql import literal
from scorehouse.impact.move import Move

RUNS = 5


@dataclass(frozen=True)
class Cost:
    """The next run scores `rows` in about `seconds`, in `runs` runs if a budget limits each.

    `version` is that of the runs that this was learned from, of `of_rows` rows; None where no run had a row.
    """

    rows: int
    runs: int
    seconds: float | None = None
    version: int | None = None
    of_rows: int = 0


def cost_of(connection: duckdb.DuckDBPyConnection, run_log: str, move: Move, rows: int) -> Cost:
    """The cost of scoring `rows` once, by the newest runs of this table, of the new version if it has any.

    Without them, by those of the new version elsewhere. What a run takes for a few changed rows, most of it
    no scoring, says nothing of many: a run counts from a tenth of the rows of the next one.
    """
    budget = move.rescore.max_rows
    least = max(min(rows, budget or rows) / 10, 1)
    runs = math.ceil(rows / budget) if budget else 1
    here = f" and node = {literal(move.run['node'])}"
    for version, where in ((move.after, here), (move.before, here), (move.after, "")):
        (found,) = connection.execute(
            f"select sum(seconds), sum(rows_in) from (select seconds, rows_in from {run_log} "
            f"where model_name = ? and model_digest = ? and status = 'success' and rows_in >= {least}{where} "
            f"order by started_at desc limit {RUNS})",
            [version.name, version.sha256],
        ).fetchall()
        if found[1]:
            return Cost(rows, runs, found[0] / found[1] * rows, version.version, int(found[1]))
    return Cost(rows, runs)
