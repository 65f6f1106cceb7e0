"""The tables of the page, and the place in the page where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from measured import Value, Way
from walk import FROZEN, LOOP, MONTHLY, TITLES, Step

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
# what a month has for each strategy; `scorehouse retrain` said the last column
MONTHS = ["month", "log loss, frozen", "loop less", "monthly less", "what the loop did at its end"]
OUTCOMES = {"not_asked": "not asked for", "promoted": "trained, promoted", "gate_refused": "trained, refused"}
Row = Sequence[str]


def tables(ways: Mapping[str, Way]) -> list[str]:
    """The table of the whole time, and that of its months, in Markdown."""
    rows = [[name, *(tell(ways[strategy]) for strategy in TITLES)] for name, tell in YEAR.items()]
    whole = _markdown(["", *TITLES.values()], rows)
    months = [_month(ways, place, step) for place, step in enumerate(ways[LOOP].steps)]
    return [whole, _markdown(MONTHS, months)]


def published(page: str, found: Sequence[str]) -> str:
    """The page with these tables in place of those that it has."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n\n".join([before + BEGIN, *found, END + after])


def _seconds(purpose: str, way: Way) -> str:
    return f"{way.cpu[purpose]:,.0f}"


YEAR = {
    "log loss": lambda way: f"{way.year['log_loss']:.4f}",
    "log loss less than frozen, 95 % interval": lambda way: _less(way, None),
    "Brier score": lambda way: f"{way.year['brier']:.4f}",
    "ROC AUC, mean of the months": lambda way: f"{way.year['roc_auc']:.4f}",
    "trainings after March": lambda way: f"{len(way.trainings)}",
    "of these promoted": lambda way: f"{len(way.promoted)}",
    "rows trained on": lambda way: f"{sum(step.rows for step in way.trainings):,}",
    "rows scored, in shadow too": lambda way: f"{way.scored:,}",
    "CPU seconds to score": lambda way: _seconds("score", way),
    "CPU seconds of drift, performance and signals": lambda way: _seconds("watch", way),
    "CPU seconds to train, register and judge": lambda way: _seconds("train", way),
}


def _less(way: Way, month: date | None) -> str:
    """How much log loss a strategy saves, with its interval; nothing for the one that is compared with."""
    if month not in way.lost:
        return ""
    lost = way.lost[month]
    if lost == Value(0.0, 0.0, 0.0):
        return "0"
    value, low, high = (round(-each, 4) + 0.0 for each in (lost.value, lost.high, lost.low))  # no minus zero
    return f"{value:.4f} ({low:.4f} to {high:.4f})".replace("-", "\u2212")


def _month(ways: Mapping[str, Way], place: int, step: Step) -> Row:
    frozen = ways[FROZEN].quality["log_loss"][step.month]
    return [
        f"{step.month:%B}",
        f"{frozen.value:.4f}",
        _less(ways[LOOP], step.month),
        _less(ways[MONTHLY], step.month),
        _did(step),
    ]


def _did(step: Step) -> str:
    if not step.outcome:
        return ""
    said = OUTCOMES[step.outcome]
    reason = step.why.partition(" again: ")[2]
    return f"{said}: {reason}" if reason else said


def _markdown(head: Row, rows: Sequence[Row]) -> str:
    ruler = ["---", *("--:" for _ in head[1:])]
    return "\n".join([_line(head), f"|{'|'.join(ruler)}|", *map(_line, rows)])


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"
