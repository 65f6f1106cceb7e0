"""The sections of one ML model's chapter, as values for the template."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorehouse.registry.version import Version
from scorehouse.report import charts
from scorehouse.report.alert import Alert
from scorehouse.report.attribution import Attribution, attribution_of
from scorehouse.report.causes import alerts_of, pairs_of
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.distributions import Distribution, Key, facts_by_window, summed
from scorehouse.report.gather import ModelData
from scorehouse.report.limits import segment_state
from scorehouse.report.monitors import Long, window_of
from scorehouse.report.performance import Performance, performance_of
from scorehouse.report.rehearsed import Rehearsed, rehearsed_of
from scorehouse.report.row_sql import Rows
from scorehouse.report.timeline import Figure, timeline
from scorehouse.report.verdicts import Verdict, verdicts_of, worst
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import DASH, MOVED, limit, number, percent, row_window, zoned

Cells = list[dict[str, Any]]
WORST_SEGMENTS = 8  # of each measure


@dataclass(frozen=True)
class Chapter:
    """Everything that the page shows about one ML model. `window` is empty without a table of drift."""

    data: ModelData
    alerts: list[Alert]
    verdicts: list[Verdict]
    run: Row | None
    performance: Performance | None
    attribution: Attribution | None
    rehearsed: Rehearsed | None
    window: str
    drift: Cells
    quality: Cells
    scores: Cells
    segments: Cells
    pairs: list[Row]
    worst_segments: list[Row]
    timeline: list[Figure]
    quality_metrics: list[str]
    has_facts: bool
    resolved: list[str]

    @property
    def live(self) -> Version:
        return self.data.live

    @property
    def state(self) -> str:
        return worst(verdict.state for verdict in self.verdicts)

    def lights_of(self, section: str) -> list[Verdict]:
        """The lights that a section of the page is about."""
        return [verdict for verdict in self.verdicts if verdict.anchor == f"{self.data.name}-{section}"]

    def wants_a_look(self, section: str) -> bool:
        """Whether a light of a section is on, or an alert points into it."""
        pointed = any(alert.anchor.startswith(f"{self.data.name}-{section}") for alert in self.alerts)
        return pointed or worst(light.state for light in self.lights_of(section)) in ("bad", "warn")


def chapter_of(warehouse: Warehouse, data: ModelData, results: DbtResults | None) -> Chapter:
    """Read and draw everything about one ML model; `results` are those of dbt itself, if known."""
    behind = Rows(warehouse, data)
    alerts, performance = alerts_of(behind, results), performance_of(data)
    run = next(iter(data.newest_runs()), None)
    long = data.drift[0] if data.drift else None
    judged = [*data.drift, *data.joint, *data.attribution, *data.performance]
    facts = facts_by_window(warehouse, data, long.windows if long else [])
    return Chapter(
        data=data,
        alerts=alerts,
        verdicts=verdicts_of(data, alerts, performance, results),
        run=run,
        performance=performance,
        attribution=attribution_of(data),
        rehearsed=rehearsed_of(data.rehearsal),
        window=zoned(row_window(long.newest[0]), long.newest[0]) if long else "",
        drift=drift_rows(data, long, behind.found) if long else [],
        quality=quality_rows(data, behind.found, facts),
        scores=score_rows(data, behind.found) + score_means(data, facts),
        segments=segment_drift(data),
        pairs=pairs_of(data),
        worst_segments=[
            row | {"state": segment_state(row)}
            for table in data.worst_segments
            for row in table.rows[:WORST_SEGMENTS]
        ],
        timeline=timeline(data, run) if run else [],
        quality_metrics=sorted({name for version in data.versions for name in version.metrics}),
        has_facts=bool(facts),
        resolved=list(dict.fromkeys(one for table in judged for one in table.ended())),
    )


def drift_rows(data: ModelData, long: Long, found: dict[Key, Distribution]) -> Cells:
    """One row per feature: its drift, its distribution, and its drift over time."""
    importances = {row["feature"]: row.get("importance") for row in data.signature}
    highest = max([value for value in importances.values() if value] or [1.0])
    deviations = {
        row["name"]: row["upper"]
        for row in data.reference
        if (row["part"], row["kind"]) == ("feature", "moments")
    }
    trends: dict[str, list[charts.Point]] = defaultdict(list)
    names = long.names
    for row in long.rows:
        if (row["segment"], row["part"], row["metric"]) == ("all", "feature", "psi"):
            kind = "drift" if row["status"] == "drift" else "measured"
            trends[row["feature"]].append(charts.Point(names[window_of(row)], row["value"], kind))
    cells = []
    for feature, metrics in _by_feature(data, "feature").items():
        if (psi := metrics.get("psi")) is None:
            continue
        importance = importances.get(feature)
        label = f"PSI of {feature} by window"
        cells.append(
            {
                "feature": feature,
                "psi": psi,
                "detectable": detectable(metrics, deviations.get(feature)),
                "metrics": metrics,
                "is_beyond": any(metrics[each]["status"] == "drift" for each in MOVED if each in metrics),
                "importance": importance,
                "importance_width": 100 * importance / highest if importance else 0,
                "unit": "age in days" if feature in data.ages else "",
                "histogram": _histogram(found.get(("feature", feature)), feature),
                "trend": charts.sparkline(trends[feature], psi["threshold"], label),
            }
        )
    return sorted(cells, key=lambda cell: (cell["psi"]["place"] or 0, cell["feature"]))


def detectable(metrics: Mapping[str, Row], deviation: float | None) -> str:
    """The smallest change of a feature that its lights show: of its mean, in its own unit, if it has one.

    Of categories, the share of rows whose value changes. If it is t, PSI is at least 4 t² (Pinsker).
    """
    found = {
        name: row["minimum_detectable"] for name, row in metrics.items() if row.get("minimum_detectable")
    }
    if deviation and "mean_shift" in found:
        return f"mean ± {number(found['mean_shift'] * deviation, 2)}"
    return f"{percent(min(1.0, found['psi'] ** 0.5 / 2))} of rows" if "psi" in found else DASH


def _by_feature(data: ModelData, part: str) -> dict[str, dict[str, Row]]:
    """The newest rows of the first table of drift, by feature (or output) and metric."""
    rows: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in data.drift[0].newest if data.drift else []:
        if row["part"] == part:
            rows[row["feature"]][row["metric"]] = row
    return rows


def _histogram(distribution: Distribution | None, name: str, *, small: bool = True) -> str:
    if distribution is None or not distribution.rows:
        return ""
    return charts.histogram(distribution.bins(), f"Distribution of {name}, in training and now", small=small)


def segment_drift(data: ModelData) -> Cells:
    """For each segment of the newest window, how many features have drifted, and the worst of them."""
    segments: dict[str, list[Row]] = defaultdict(list)
    for long in data.drift:
        for row in long.at(long.windows[-1]):
            own = row["segment"].partition("=")[0].split("+")  # columns that define it cannot drift within
            is_psi = (row["part"], row["metric"]) == ("feature", "psi")
            if is_psi and row["segment"] != "all" and row["feature"] not in own:
                segments[row["segment"]].append(row)
    cells = [
        {
            "segment": segment,
            "rows": max(row["n_current"] or 0 for row in rows),
            "drifted": sum(row["status"] == "drift" for row in rows),
            "small": sum(row["status"] == "too_small" for row in rows),
            "worst": max(rows, key=lambda row: row["value"] or 0),
        }
        for segment, rows in segments.items()
    ]
    return sorted(cells, key=lambda cell: (-cell["drifted"], -(cell["worst"]["value"] or 0), cell["segment"]))


def quality_rows(data: ModelData, found: dict[Key, Distribution], facts: dict[Key, list[Row]]) -> Cells:
    """One row per feature: missing, unseen and out-of-range values, compared with training."""
    newest = _by_feature(data, "feature")
    cells = []
    for row in data.signature:
        distribution = found.get(("feature", row["feature"]))
        now = facts.get(("feature", row["feature"]), [summed([])])[-1]
        cells.append(
            {
                **row,
                "facts": now,
                "seen_now": _range(now.get("minimum"), now.get("maximum")),
                "odd_share": now["odd"] / now["rows"] if now.get("rows") else None,
                "values": newest.get(row["feature"], {}),
                "missing_in_training": _missing_in_training(distribution),
                "seen": _seen(row, data.ages.get(row["feature"])),
                "unit": ", age in days" if row["feature"] in data.ages else "",
            }
        )
    return cells


def _missing_in_training(distribution: Distribution | None) -> float | None:
    counts: Counter[str] = Counter()
    for row in distribution.rows.values() if distribution else []:
        counts[row["kind"]] += row["reference"]
    return counts["missing"] / counts.total() if counts.total() else None


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
    newest = _by_feature(data, "output")
    names = [name for part, name in found if part == "output"]
    return [
        {
            "name": name,
            "psi": newest.get(name, {}).get("psi"),
            "has_current": found["output", name].has_current,
            "histogram": _histogram(found["output", name], name, small=False),
        }
        for name in sorted(names, key=lambda name: not name.startswith("score"))
    ]


def score_means(data: ModelData, facts: dict[Key, list[Row]]) -> Cells:
    """The mean of each numeric output in each window of the first table of drift."""
    windows = list(data.drift[0].names.values()) if facts else []
    cells = []
    for part, name in sorted(facts):
        means = [row["mean"] for row in facts[part, name]]
        if part == "output" and sum(mean is not None for mean in means) > 1:
            points = [charts.Point(window, mean) for window, mean in zip(windows, means, strict=True)]
            drawn = charts.over_time(points, f"Mean of {name} by window", windows=windows)
            cells.append({"name": f"Mean of {name}", "psi": None, "has_current": True, "histogram": drawn})
    return cells
