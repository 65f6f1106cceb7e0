"""Decisions that depend on other rows: made on Spark from the scores that were written.

The best `top_n` rows are those up to a cut, the last of them. A window over all rows would sort them in one
task. To find the cut, each task passes on its own best rows; a row is compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scorehouse.dialect import SPARK
from scorehouse.engines.base import Scan
from scorehouse.engines.output import TABLE_SCORED
from scorehouse.engines.spark.source import SparkSource, matching, quote
from scorehouse.engines.spark.tables import SparkTables
from scorehouse.scoring.decision import DecisionPolicy

CUT = "cut:"
NEW = "new:"  # prefixes of columns that no table has
LIMIT_SETTING, LIMIT = "spark.sql.optimizer.windowGroupLimitThreshold", 1000  # Spark's default


def decides_later(policy: DecisionPolicy | None) -> bool:
    """Whether decisions are made once the scores are written. Groups of `per` are sorted side by side."""
    return policy is not None and policy.top_n is not None and not policy.per


def task_limit(policy: DecisionPolicy | None) -> str | None:
    """The setting with which tasks pass on only their best rows; None: that of the session will do."""
    found = policy.top_n if policy is not None else None
    return str(found) if found is not None and found > LIMIT else None


def decided(scan: Scan[SparkSource], rows: Any) -> Any:
    """The rows of a staging table with their decision, among themselves."""
    made = set(scan.output.decided_again())
    return _with_decision(scan, rows).selectExpr(*_chosen(rows.columns, made))


def decided_again(scan: Scan[SparkSource], tables: SparkTables, gone: Any) -> Any:
    """The rows of the run, and older rows whose decision changes, decided over the whole table.

    `gone` has the keys of rows that do not take part; None: there are none. Those that are kept without a
    place lose it. Scores are not changed.
    """
    key, made = scan.options.table_key, set(scan.output.decided_again())
    staged = tables.session.table(tables.staging)
    old = tables.session.table(tables.relation).unionByName(staged.limit(0), allowMissingColumns=True)
    stays = matching(old, staged, key, "left_anti")
    if gone is not None:
        stays = matching(stays, gone, key, "left_anti")
    if scan.options.rescore.vanished == "flag":
        stays = stays.where("not is_vanished")
    if scan.plan.skips_undecided:
        stays = stays.where("decision is not null")
    whole = stays.selectExpr("*", "false as is_staged").unionByName(
        staged.selectExpr("*", "true as is_staged"), allowMissingColumns=True
    )
    differs = " or ".join(f"not {quote(name)} <=> {quote(NEW + name)}" for name in made) or "false"
    changed = _with_decision(scan, whole).where(f"is_staged or {differs}")
    changed = changed.selectExpr(*_chosen(old.columns, made))
    places = scan.plan.unplaced
    if gone is None or not places:
        return changed
    columns = [f"{'null as ' if name in places else ''}{quote(name)}" for name in old.columns]
    has_place = " or ".join(f"{quote(name)} is not null" for name in places)
    unplaced = matching(old, gone, key, "left_semi").where(has_place).selectExpr(*columns)
    return changed.unionByName(unplaced)


def _with_decision(scan: Scan[SparkSource], rows: Any) -> Any:
    """The rows, with the columns of the policy under the prefix NEW."""
    policy, output, beyond = scan.options.decision, scan.output, ""
    if policy is not None and decides_later(policy):
        rows, beyond = with_cut(rows, policy, TABLE_SCORED, output.keys, output.table_parts)
    made = output.decided_again(beyond)
    return rows.selectExpr("*", *(f"{sql} as {quote(NEW + name)}" for name, sql in made.items()))


def _chosen(columns: Sequence[str], made: set[str]) -> list[str]:
    """Columns of a table, those that were `made` anew among them."""
    return [f"{quote(NEW + name)} as {quote(name)}" if name in made else quote(name) for name in columns]


def with_cut(
    rows: Any, policy: DecisionPolicy, scored: str, key: Sequence[str], within: Sequence[str]
) -> tuple[Any, str]:
    """The rows, each with the cut of its group, and SQL that is true for rows beyond it.

    `scored`, `key` and `within` are as in `DecisionPolicy.expressions`. A group of fewer than `top_n` rows
    has no cut, and no row beyond it.
    """
    from pyspark.sql.functions import expr

    score, number = quote(policy.score), quote(f"{CUT}place")
    competing = f"({policy.competing(scored, SPARK)})"
    # with bounds, it is NULL for a score that is NULL, and those rows are a group of their own
    within = [*within, competing] if policy.abstain else within
    groups = f"partition by {', '.join(within)} " if within else ""
    order = f"order by {', '.join([f'{score} desc', *key])}"
    place = f"row_number() over ({groups}{order} rows between unbounded preceding and current row)"
    cut = {column: quote(f"{CUT}{place}") for place, column in enumerate([*within, score, *key])}
    placed = rows.where(f"{competing} is not false").selectExpr(
        *(f"{column} as {name}" for column, name in cut.items()), f"{place} as {number}"
    )
    last = placed.where(f"{number} = {policy.top_n}").hint("broadcast")
    same = " and ".join(f"{column} <=> {cut[column]}" for column in within) or "true"
    # after the cut in the order by score, where NULL comes last, and by key
    is_less = f"coalesce({score} < {cut[score]}, {score} is null and {cut[score]} is not null)"
    is_later = "false"
    for column in reversed(key):
        is_later = f"({column} > {cut[column]} or ({column} <=> {cut[column]} and {is_later}))"
    beyond = f"({number} is not null and ({is_less} or ({score} <=> {cut[score]} and {is_later})))"
    return rows.join(last, expr(same), "left"), beyond
