"""The decision policy outside the warehouse: the expressions of a prediction table, evaluated on Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.errors import ConfigurationError
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.scoring.decision import DecisionPolicy


def decider(decision: Mapping[str, Any], columns: Sequence[str], call: str) -> Callable[[pa.Table], pa.Table]:
    """A function that adds `decision`, `band` and `decision_policy` to a finished table.

    `columns` are the columns that scoring returns; the policy's `score` must be one of them. DuckDB evaluates
    exactly the SQL of the prediction table, in memory, with one cursor per call, so threads may share the
    function.
    """
    policy = DecisionPolicy.checked(call, decision)
    if policy.top_n is not None:
        raise ConfigurationError(
            call,
            "decision has top_n, which chooses among all rows of a table",
            expected="a policy of threshold, abstain and bands",
            action="use top_n and per only for the prediction table",
        )
    if policy.score not in columns:
        raise ConfigurationError(
            call,
            f"decision uses the score {policy.score!r}, which this ML model does not output",
            expected=f"one of {list(columns)}",
            action="name the column as `score` in the policy",
        )
    made = policy.expressions(f"{REJECT_REASON} is null", key=[])
    columns_sql = ", ".join(f"{sql} as {name}" for name, sql in made.items())
    connection = duckdb.connect()

    def decide(table: pa.Table) -> pa.Table:
        with connection.cursor() as cursor:
            decided = cursor.from_arrow(table).project(columns_sql).to_arrow_table()
        for name in made:
            table = table.append_column(name, decided.column(name))
        return table

    return decide
