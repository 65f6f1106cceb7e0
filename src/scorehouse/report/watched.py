"""Facts about pairs of features, about slices of rows, and of monitors with one error rate for life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scorehouse.report import limits
from scorehouse.report.alerts import Alert, value_sql
from scorehouse.report.gather import Long, ModelData, table_name
from scorehouse.report.history import since
from scorehouse.report.row_sql import Rows
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import (
    lower_first,
    metric_limit,
    metric_name,
    metric_value,
    number,
    p_value,
    percent,
    window_text,
)


def watched_facts(warehouse: Warehouse, data: ModelData, causes: set[str]) -> list[Alert]:
    """Facts that join the `causes` that are known already, where they are about the same thing."""
    behind = Rows(warehouse, data)
    facts = [_anytime_fact(data, long, row) for long in data.anytime for row in alarms(long)]
    facts += [
        _slice_fact(data, long, row, behind)
        for long in data.slices
        for row in long.rows
        if limits.slice_state(row) == "warn"
    ]
    return facts + _pair_facts(data, behind, causes) + _driver_facts(data)


def alarms(long: Long) -> list[Row]:
    """The series of an anytime monitor that have ever alarmed; an alarm stays."""
    return [row for row in long.rows if row["status"] == "alarm"]


def pairs_of(data: ModelData) -> list[Row]:
    """The pairs of the newest window of each table, the one that has changed most first."""
    rows = [row for long in data.joint for row in long.at(long.newest()) if row["segment"] == "all"]
    order = {"drift": 0, "too_small": 2}
    return sorted(rows, key=lambda row: (order.get(row["status"], 1), -(row["value"] or 0), row["feature"]))


def series_name(row: Row) -> str:
    """What an anytime monitor watches in one series, for the start of a sentence."""
    metric = metric_name(row["metric"])
    if row["metric"] == "mean":
        name = f"The mean of {row['feature']}"
    elif row["feature"] and row["metric"] != "rejected_share":
        name = f"{row['feature']}: {lower_first(metric)}"
    else:
        name = metric
    return name if row["segment"] == "all" else f"{name} of {row['segment']}"


def _anytime_fact(data: ModelData, long: Long, row: Row) -> Alert:
    moved = "above" if row["side"] == "above" else "below"
    began = row["alarm_since"]
    text = (
        f"{metric_value(row['metric'], row['value'])} in "
        f"{window_text(row['window_start'], row['window_end'])}; certain since {began:%d %b %Y}; "
        f"p {p_value(row['p_value'])} over all windows, however often one looks"
    )
    return Alert(
        "anytime",
        "bad",
        f"{series_name(row)} has gone {moved} {metric_limit(row['metric'], row['threshold'])} for certain",
        text,
        value_sql(long.table, row) + f"\n    and side = '{row['side']}'",
        row["value"],
        row,
        cause=_anytime_cause(data, row),
        state="new" if began >= row["window_start"] else "continuing",
        since="" if began >= row["window_start"] else f"{began:%d %b %Y}",
        anchor=f"{data.name}-anytime",
    )


def _anytime_cause(data: ModelData, row: Row) -> str:
    if row["metric"] == "rejected_share" and row["feature"]:
        return f"run {table_name({'prediction_table': row['feature']})}"
    if row["feature"] in {one["feature"] for one in data.signature}:
        return f"feature {row['feature']}"
    return "scores" if row["feature"] else "performance"


def _slice_fact(data: ModelData, long: Long, row: Row, behind: Rows) -> Alert:
    metric, where = row["metric"], row["segment"]
    if metric == "rejected_share":
        title = f"More rows are rejected where {where}"
    elif metric == "score_shift":
        title = f"Scores have shifted where {where}"
    else:
        title = f"{metric_name(metric)} is worse where {where}"
    others = "before" if metric == "score_shift" else "in all other rows"
    text = (
        f"{metric_value(metric, row['value'])}, and {metric_value(metric, row['rest_value'])} {others}; "
        f"the difference is at least {metric_value(metric, row['difference_low'])}, "
        f"limit {metric_limit(metric, limits.slice_limit(row))}; "
        f"{row['n_current']:,} rows, {percent(row['share_of_rows'])} of all"
    )
    return Alert(
        "slices",
        "warn",
        title,
        text,
        value_sql(long.table, row),
        row["value"],
        row,
        cause=f"slices {metric}",
        rows_sql=behind.of_slice(row),
        anchor=f"{data.name}-slices",
    )


def _pair_facts(data: ModelData, behind: Rows, causes: set[str]) -> list[Alert]:
    """Pairs that go together no more. Pairs of one feature have one cause; a feature that drifts is it."""
    broken = [(long, row) for long in data.joint for row in _broken(long)]
    weights = {row["feature"]: row.get("importance") or 0.0 for row in data.signature}
    counts = Counter(name for _, row in broken for name in _names(data, row))
    found = []
    for long, row in broken:
        names = sorted(_names(data, row), key=lambda name: (-counts[name], -weights.get(name, 0.0), name))
        drifting = next((name for name in names if f"feature {name}" in causes), None)
        state, began = since(long, row, "drift")
        text = (
            f"Correlation {number(row['reference_correlation'], 2)} in training, "
            f"{number(row['correlation'], 2)} in {window_text(row['window_start'], row['window_end'])}; "
            f"limit of the change {metric_limit(row['metric'], row['threshold'])}; "
            f"p {p_value(row['p_value'])}; {row['n_current']:,} rows"
        )
        found.append(
            Alert(
                "drift",
                "warn",
                f"{row['feature']} go together in another way than in training",
                text,
                value_sql(long.table, row),
                row["value"],
                row,
                cause=f"feature {drifting}" if drifting else f"pair {names[0]}" if names else "pair",
                rows_sql=behind.of_pair(names),
                state=state,
                since=began,
                anchor=f"{data.name}-drift",
            )
        )
    return found


def _driver_facts(data: ModelData) -> list[Alert]:
    """Windows in which other features drive the scores than in the reference window."""
    found = []
    for long in data.attribution:
        for row in _broken(long):
            state, began = since(long, row, "drift")
            text = (
                f"Agreement of the order {number(row['value'], 2)} in "
                f"{window_text(row['window_start'], row['window_end'])}, compared with the window from "
                f"{row['reference_start']:%d %b %Y} on; "
                f"limit {metric_limit(row['metric'], row['threshold'])}; {row['n_current']:,} rows"
            )
            found.append(
                Alert(
                    "scores",
                    "warn",
                    "Other features drive the scores than before",
                    text,
                    value_sql(long.table, row),
                    row["value"],
                    row,
                    cause="scores",
                    state=state,
                    since=began,
                    anchor=f"{data.name}-attribution",
                )
            )
    return found


def _broken(long: Long) -> Sequence[Row]:
    return [row for row in long.at(long.newest()) if row["status"] == "drift" and row["segment"] == "all"]


def _names(data: ModelData, row: Row) -> list[str]:
    """The two features of a pair. Their names may hold ` and ` themselves, so the reference is asked."""
    return next(
        (
            [one["name"], one["category"]]
            for one in data.reference
            if one["kind"] == "pair" and f"{one['name']} and {one['category']}" == row["feature"]
        ),
        [],
    )
