"""The sections of one ML model's chapter, as values for the template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scorehouse.registry.version import Version
from scorehouse.report import charts
from scorehouse.report.alert import Alert
from scorehouse.report.attribution import Attribution, attribution_of
from scorehouse.report.causes import alerts_of, segment_drift
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.distributions import Distribution, Key, distributions, facts_by_window, no_facts
from scorehouse.report.gather import ModelData, Window
from scorehouse.report.history import ended
from scorehouse.report.limits import slice_state
from scorehouse.report.performance import Performance, performance_of
from scorehouse.report.timeline import Figure, timeline
from scorehouse.report.verdicts import Verdict, verdicts_of
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.watched import pairs_of
from scorehouse.report.words import DASH, limit, window_names, window_text, zoned

Cells = list[dict[str, Any]]
SLICES = 8  # of each measure
GAPS = ("missing_share", "unseen_share", "out_of_range_share")


@dataclass
class Chapter:
    """Everything that the page shows about one ML model."""

    data: ModelData
    alerts: list[Alert]
    verdicts: list[Verdict] = field(default_factory=list)
    window: str = ""
    window_rows: int | None = None
    drift: Cells = field(default_factory=list)
    quality: Cells = field(default_factory=list)
    scores: Cells = field(default_factory=list)
    segments: list[Row] = field(default_factory=list)
    performance: Performance | None = None
    reasons: list[tuple[str, int]] = field(default_factory=list)
    quality_metrics: list[str] = field(default_factory=list)
    has_importance: bool = False
    has_facts: bool = False
    has_trend: bool = False
    drift_table: str = ""
    pairs: list[Row] = field(default_factory=list)
    slices: list[Row] = field(default_factory=list)
    watched: list[Row] = field(default_factory=list)
    attribution: Attribution | None = None
    run: Row | None = None
    timeline: list[Figure] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    @property
    def live(self) -> Version:
        return self.data.live

    @property
    def alert_count(self) -> int:
        return len(self.alerts)

    @property
    def state(self) -> str:
        states = [verdict.state for verdict in self.verdicts]
        return next((state for state in ("bad", "warn", "ok") if state in states), "none")


def chapter_of(warehouse: Warehouse, data: ModelData, results: DbtResults | None = None) -> Chapter:
    """Read and draw everything about one ML model; `results` are those of dbt itself, if known."""
    chapter = Chapter(data, alerts_of(warehouse, data, results), resolved=ended(data))
    long = data.drift[0] if data.drift else None
    window = long.newest() if long else None
    found = distributions(warehouse, data, window)
    if long and window:
        chapter.window = zoned(window_text(*window), long.at(window)[0])
        chapter.drift_table = long.table.name
        chapter.window_rows = max(row["n_current"] or 0 for row in long.at(window) if row["segment"] == "all")
    chapter.drift = drift_rows(data, found)
    chapter.has_importance = any(row["importance"] is not None for row in chapter.drift)
    chapter.has_trend = any(row["trend"] for row in chapter.drift)
    windows = long.windows if long else []
    facts = facts_by_window(warehouse, data, windows)
    chapter.has_facts = bool(facts)
    chapter.quality = quality_rows(data, found, facts)
    chapter.scores = score_rows(data, found) + score_means(facts, windows)
    chapter.segments = segment_drift(data)
    chapter.pairs = pairs_of(data)
    chapter.slices = [row | {"state": slice_state(row)} for long in data.slices for row in long.rows[:SLICES]]
    chapter.attribution = attribution_of(data)
    chapter.watched = [row for long in data.anytime for row in long.rows]
    chapter.performance = performance_of(data)
    chapter.quality_metrics = sorted({name for version in data.versions for name in version.metrics})
    chapter.run = next(iter(data.newest_runs()), None)
    chapter.timeline = timeline(data, chapter.run)
    if chapter.run:
        reasons = json.loads(chapter.run.get("reject_reasons") or "{}")
        chapter.reasons = sorted(reasons.items(), key=lambda pair: -pair[1])[:6]
    chapter.verdicts = verdicts_of(data, chapter.alerts, chapter.performance, results)
    return chapter


def drift_rows(data: ModelData, found: dict[Key, Distribution]) -> Cells:
    """One row per feature: its drift, its distribution, and its drift over time."""
    if not data.drift:
        return []
    long = data.drift[0]
    newest, windows = long.newest(), long.windows
    names = window_names([start for start, _ in windows], [end for _, end in windows])
    importances = {row["feature"]: row.get("importance") for row in data.signature}
    rows: dict[str, dict[str, Any]] = {}
    for row in long.at(newest):
        if row["segment"] == "all" and row["part"] == "feature":
            rows.setdefault(row["feature"], {"metrics": {}})["metrics"][row["metric"]] = row
    history: dict[str, dict[Any, Row]] = {}
    for row in long.rows:
        if row["segment"] == "all" and row["part"] == "feature" and row["metric"] == "psi":
            history.setdefault(row["feature"], {})[row["window_start"], row["window_end"]] = row
    highest = max([value for value in importances.values() if value] or [1.0])
    cells = []
    for feature, row in rows.items():
        psi = row["metrics"].get("psi")
        if psi is None:
            continue
        past = history.get(feature, {})
        points = [
            charts.Point(name, past[w]["value"], "drift" if past[w]["status"] == "drift" else "measured")
            for name, w in zip(names, windows, strict=True)
            if w in past
        ]
        importance = importances.get(feature)
        cells.append(
            {
                "feature": feature,
                "psi": psi,
                "metrics": row["metrics"],
                "importance": importance,
                "importance_width": 100 * importance / highest if importance else 0,
                "unit": "age in days" if feature in data.ages else "",
                "histogram": _drawn(found.get(("feature", feature)), feature),
                "trend": charts.sparkline(points, psi["threshold"], f"PSI of {feature} by window")
                if len(points) > 1
                else "",
            }
        )
    return sorted(cells, key=lambda cell: (cell["psi"]["place"] or 0, cell["feature"]))


def _drawn(distribution: Distribution | None, name: str, *, small: bool = True) -> str:
    if distribution is None or not distribution.rows:
        return ""
    return charts.histogram(distribution.bins(), f"Distribution of {name}, in training and now", small=small)


def quality_rows(data: ModelData, found: dict[Key, Distribution], facts: dict[Key, list[Row]]) -> Cells:
    """One row per feature: missing, unseen and out-of-range values, compared with training."""
    metrics: dict[str, dict[str, Row]] = {}
    if data.drift:
        long = data.drift[0]
        for row in long.at(long.newest()):
            if row["segment"] == "all" and row["part"] == "feature" and row["metric"] in GAPS:
                metrics.setdefault(row["feature"], {})[row["metric"]] = row
    cells = []
    for row in data.signature:
        distribution = found.get(("feature", row["feature"]))
        values = metrics.get(row["feature"], {})
        now = facts.get(("feature", row["feature"]), [no_facts()])[-1]
        cells.append(
            {
                **row,
                "facts": now,
                "seen_now": _range(now.get("minimum"), now.get("maximum")),
                "odd_share": now["odd"] / now["rows"] if now.get("rows") else None,
                "values": values,
                "missing_in_training": _missing(distribution, "reference"),
                "seen": _seen(row, data.ages.get(row["feature"])),
                "unit": ", age in days" if row["feature"] in data.ages else "",
                "state": "warn" if any(value["status"] == "drift" for value in values.values()) else "ok",
            }
        )
    return cells


def _missing(distribution: Distribution | None, column: str) -> float | None:
    if distribution is None:
        return None
    total = sum(row[column] for row in distribution.rows.values())
    missing = sum(row[column] for row in distribution.rows.values() if row["kind"] == "missing")
    return missing / total if total else None


def _seen(row: Row, age: Row | None) -> str:
    if age is not None:
        return _range(age["lower"], age["upper"])
    if row["categories"]:
        return f"{len(json.loads(row['categories']))} values"
    return _range(row["minimum"], row["maximum"])


def _range(lowest: float | None, highest: float | None) -> str:
    return DASH if lowest is None else f"{limit(lowest)} to {limit(highest)}"


def score_rows(data: ModelData, found: dict[Key, Distribution]) -> Cells:
    """One row per output of the ML model, with its drift and its distribution."""
    psi: dict[str, Row] = {}
    if data.drift:
        long = data.drift[0]
        for row in long.at(long.newest()):
            if row["segment"] == "all" and row["part"] == "output" and row["metric"] == "psi":
                psi[row["feature"]] = row
    names = [name for part, name in found if part == "output"]
    return [
        {
            "name": name,
            "psi": psi.get(name),
            "has_current": found["output", name].has_current,
            "histogram": _drawn(found["output", name], name, small=False),
        }
        for name in sorted(names, key=lambda name: not name.startswith("score"))
    ]


def score_means(facts: dict[Key, list[Row]], windows: Sequence[Window]) -> Cells:
    """The mean of each numeric output in each window."""
    names = window_names([start for start, _ in windows], [end for _, end in windows])
    cells = []
    for part, name in sorted(facts):
        means = [row["mean"] for row in facts[part, name]]
        if part != "output" or sum(mean is not None for mean in means) < 2:
            continue
        points = [charts.Point(window, mean) for window, mean in zip(names, means, strict=True)]
        drawn = charts.over_time(points, f"Mean of {name} by window", windows=names)
        cells.append({"name": f"Mean of {name}", "psi": None, "has_current": True, "histogram": drawn})
    return cells
