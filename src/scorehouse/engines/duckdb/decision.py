"""Decisions that depend on rows outside of one run."""

from __future__ import annotations

from scorehouse.engines.duckdb.sql import quote, same
from scorehouse.scoring.options import ScoreOptions


def decide_again(options: ScoreOptions, table: str, staging: str, vanished: str | None) -> list[str]:
    """Statements that update the decisions of rows that are not scored again.

    Rows of `table` whose decision changes are added to `staging`, with unchanged scores. `vanished` is the
    table of keys whose rows do not take part, if there is one.
    """
    policy = options.decision
    if policy is None:
        return []
    key = options.table_key
    within = ["model_alias"] if options.in_parts else []
    made = policy.expressions("row_status = 'scored'", [quote(name) for name in options.row_key], within)
    gone = f" anti join {vanished} as gone on {same('old', 'gone', key)}" if vanished else ""
    flagged = " where not is_vanished" if options.rescore.vanished == "flag" else ""
    decided = ", ".join(f"{sql} as new_{name}" for name, sql in made.items())
    differs = " or ".join(f"{name} is distinct from new_{name}" for name in made)
    replaced = ", ".join(f"new_{name} as {name}" for name in made)
    dropped = ", ".join(f"new_{name}" for name in made)
    whole = (
        f"(select *, {decided} from (select old.*, false as is_staged from {table} as old "
        f"anti join {staging} as staged on {same('old', 'staged', key)}{gone}{flagged} "
        f"union all by name select *, true as is_staged from {staging}))"
    )
    insert = (
        f"insert into {staging} by name select * exclude (is_staged, {dropped}) "
        f"replace ({replaced}) from {whole} where not is_staged and ({differs})"
    )
    if policy.top_n is None:
        return [insert]
    # the positions of staged rows depend on the rows that stay
    places = ", ".join(f"{name} = decided.new_{name}" for name in made)
    keys = ", ".join(quote(name) for name in key)
    update = (
        f"update {staging} as staged set {places} from (select {keys}, {dropped} from {whole} "
        f"where is_staged and ({differs})) as decided where {same('staged', 'decided', key)}"
    )
    return [update, insert]
