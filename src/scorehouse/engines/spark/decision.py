"""Decisions on Spark that depend on rows outside of one run."""

from __future__ import annotations

from typing import Any

from scorehouse.dialect import SPARK
from scorehouse.engines.spark.source import matching, quote
from scorehouse.scoring.options import ScoreOptions

NEW = "new:"  # prefix of the columns of the policy, decided again


def decided_again(options: ScoreOptions, old: Any, staged: Any, gone: Any = None) -> Any:
    """The rows of a run, and older rows whose decision changes, decided over the whole table.

    `old` is the prediction table and `staged` the rows of the run, which replace the rows with the same
    key. `gone` has the keys of rows that do not take part; None: there are none. Scores are not changed.
    """
    policy = options.decision
    if policy is None:
        return staged
    key = options.table_key
    stays = matching(old, staged, key, "left_anti")
    if gone is not None:
        stays = matching(stays, gone, key, "left_anti")
    if options.rescore.vanished == "flag":
        stays = stays.where("not is_vanished")
    whole = stays.selectExpr("*", "false as is_staged").unionByName(
        staged.selectExpr("*", "true as is_staged")
    )
    within = ["model_alias"] if options.in_parts else []
    keys = [quote(name) for name in options.row_key]
    made = policy.expressions("row_status = 'scored'", keys, within, SPARK)
    decided = whole.selectExpr("*", *(f"{sql} as {quote(NEW + name)}" for name, sql in made.items()))
    differs = " or ".join(f"not {quote(name)} <=> {quote(NEW + name)}" for name in made)
    columns = [
        f"{quote(NEW + name)} as {quote(name)}" if name in made else quote(name) for name in staged.columns
    ]
    return decided.where(f"is_staged or {differs}").selectExpr(*columns)
