"""Champion against challenger in words, as `compare_metric` compares them: by output and by segment too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scorehouse.report import words

TOO_FEW = "too_few_rows"  # has refused nothing yet, and labels to come may end it
# Why the gate refuses, by the `problem` of `challenger_not_worse`.
REFUSED = {
    "worse": "its lead may be as low as {low}, and the gate allows {margin}",
    "segment_worse": "its lead is at most {high}, and the gate allows {margin}",
    "below_floor": "guessing, or the floor that is set, is better than it",
    "no_gain": "its lead may be as low as {low}, less than the gain that is asked for",
    TOO_FEW: "too few rows have labels",
    "not_compared": "it has not scored this table beside the champion",
}
ALL, MEAN, SMALL = "all", "(mean)", "(small groups)"  # as in the macros


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether a row is about all rows, and about the only output or the mean of several."""
    return row.get("segment") in (None, ALL) and row.get("output") in (None, MEAN)


def has_parts(row: Mapping[str, Any]) -> bool:
    """Whether rows of this comparison are about outputs or segments."""
    return "output" in row or "segment" in row


def part_of(row: Mapping[str, Any]) -> str:
    """What a row is about: `week_2`, `shop=south`, or all rows."""
    output, segment, value = row.get("output"), row.get("segment") or ALL, row.get("segment_value")
    parts = [] if segment == ALL else [f"{segment}={value}"]
    if value == SMALL:
        values = "values" if row["n_segments"] > 1 else "value"
        parts = [f"{row['n_segments']:,} {values} of {segment} with few rows"]
    if output is not None and not (parts and output == MEAN):
        parts.append("mean of the outputs" if output == MEAN else str(output))
    return ", ".join(parts) or "all rows"


def place_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """All rows first, outputs in the order of their names, their mean behind them, and small groups last."""
    alias, segment, value, output = (
        str(row.get(name) or "") for name in ("model_alias", "segment", "segment_value", "output")
    )
    return alias, segment not in ("", ALL), segment, value == SMALL, value, output == MEAN, output


def winner(row: Mapping[str, Any]) -> str:
    """Which version is better and by how much; neither while the interval of the difference includes 0."""
    low, high, lead = row["difference_low"], row["difference_high"], row["difference"]
    if lead is None or low is None or high is None or low <= 0 <= high:
        return "no clear winner"
    return f"{'challenger' if low > 0 else 'champion'} by {words.number(abs(lead))}"


def contest(row: Mapping[str, Any]) -> str:
    """Champion against challenger in one sentence."""
    name = words.metric_name(row["metric"])
    who = f"The {row['model_alias']} (version {row['challenger_version']})"
    low, high, lead = row["difference_low"], row["difference_high"], row["difference"]
    if lead is None or low is None or high is None:
        return f"{who} cannot be compared by {name}: too few labels."
    count = words.rows(row["n_rows"])
    between = f"interval of its lead {words.number(low)} to {words.number(high)}, {count} rows"
    if low <= 0 <= high:
        return f"{who} is neither clearly better nor worse by {name}; {between}."
    better = "better" if low > 0 else "worse"
    return f"{who} is {better} than the champion, by {words.number(abs(lead))} in {name}; {between}."


def only_waits(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all that a gate found is that labels are missing; if not, it refused the challenger."""
    return {row.get("problem") for row in rows} - {None} == {TOO_FEW}


def is_refusal(row: Mapping[str, Any]) -> bool:
    """Whether a failing row is one of `challenger_not_worse`: other tests have problems of these names."""
    return row.get("problem") in REFUSED and {"challenger", "difference_low"} <= row.keys()


def refusal(row: Mapping[str, Any]) -> str:
    """Why the gate refuses a challenger, with the numbers that it compared, as the end of a sentence."""
    low, high = words.number(row["difference_low"]), words.number(row["difference_high"])
    why = REFUSED[row["problem"]].format(low=low, high=high, margin=words.limit(-row["margin"]))
    who = f"the {row['challenger']}" + (f" ({part_of(row)})" if has_parts(row) else "")
    if row["difference"] is None:
        return f"{who}: {why}"
    own, live = words.number(row["challenger_value"]), words.number(row["live_value"])
    name, count = words.metric_name(row["metric"]), words.rows(row["n_rows"])
    return f"{who} has {own} in {name}, the champion {live}, on {count} rows: {why}"
