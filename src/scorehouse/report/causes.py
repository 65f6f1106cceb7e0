"""Facts grouped by cause: what is wrong with one feature, one table or the performance is one alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scorehouse.report.alerts import Alert, facts_of
from scorehouse.report.attribution import shift_of
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.gather import ModelData
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.watched import watched_facts
from scorehouse.report.words import percent

TOPICS = (
    "runs",
    "performance",
    "anytime",
    "slices",
    "tests",
    "sources",
    "scores",
    "drift",
    "quality",
    "retraining",
)
MINOR = 0.02  # the share of the importance below which a feature is not an alert of its own
SEVERAL = 3  # as many such features, and they are one alert
LITTLE = "features of little importance"
TOGETHER = 0.6  # the correlation in training from which features that change are one alert
# What a reason of `retraining_signals` begins with, and the topics that say the same.
REASONS = {
    "drift of output ": ("scores",),
    "drift of ": ("drift", "quality"),
    "share of rejected rows": ("runs",),
}


def alerts_of(warehouse: Warehouse, data: ModelData, results: DbtResults | None = None) -> list[Alert]:
    """One alert per cause, the worst first, then by importance. What repeats other facts is among them."""
    facts = facts_of(warehouse, data)
    facts += watched_facts(warehouse, data, {fact.cause for fact in facts})
    if results is not None:
        facts += results.alerts_of(data.name, {fact.topic for fact in facts})
    weights = {row["feature"]: row.get("importance") or 0.0 for row in data.signature}
    together = _together({fact.cause for fact in facts}, data.reference, weights)
    causes = [_cause(cause, group) for cause, group in _groups(facts, weights, together).items()]
    causes = [_with_drivers(alert, data) for alert in causes]
    causes.sort(key=lambda alert: _rank(alert, weights))
    return _folded(causes)


def _together(causes: set[str], reference: Sequence[Row], weights: dict[str, float]) -> dict[str, str]:
    """Causes of features that go together in training, each with that of the most important one of them."""
    names = sorted(cause for cause in causes if cause.startswith("feature "))
    names.sort(key=lambda cause: -weights.get(cause.removeprefix("feature "), 0.0))
    heads = {name: name for name in names}
    for row in reference:
        a, b = f"feature {row['name']}", f"feature {row['category']}"
        if row["kind"] == "pair" and abs(row["lower"]) >= TOGETHER and a in heads and b in heads:
            first, second = sorted((heads[a], heads[b]), key=names.index)
            heads = {name: first if head == second else head for name, head in heads.items()}
    return heads


def _groups(
    facts: Sequence[Alert], weights: dict[str, float], together: dict[str, str]
) -> dict[str, list[Alert]]:
    """Facts by cause. Rejected rows have no score: missing scores belong to the run that rejected them."""
    rejected = next((fact.cause for fact in facts if fact.topic == "runs" and fact.value is not None), None)
    minor = {
        fact.cause
        for fact in facts
        if fact.cause.startswith("feature ") and max(weights.values()) > 0
        and weights.get(fact.cause.removeprefix("feature "), 0.0) < MINOR
    }  # fmt: skip
    grouped: dict[str, list[Alert]] = {}
    for fact in facts:
        cause = fact.cause
        if cause == "scores" and fact.row and fact.row["metric"] == "missing_share" and rejected:
            cause = rejected
        if cause in minor and len(minor) >= SEVERAL:
            cause = LITTLE
        cause = together.get(cause, cause)
        grouped.setdefault(cause, []).append(fact)
    return grouped


def _cause(cause: str, group: Sequence[Alert]) -> Alert:
    """The first fact of the worst level, with the others behind it."""
    own = [fact for fact in group if fact.cause == cause] or group
    first = next((fact for fact in own if fact.level == "bad"), own[0])
    names = {fact.cause for fact in group}
    also = tuple(fact for fact in group if fact is not first)
    if cause.startswith("feature ") and len(names) > 1:
        others = sorted(name.removeprefix("feature ") for name in names - {cause})
        goes = "which goes" if len(others) == 1 else "which go"
        title = f"{first.title}, with {' and '.join(others)}, {goes} together with it"
        return replace(first, title=title, also=also)
    if cause == LITTLE:
        title = f"{len(names)} features of little importance have changed"
        text = f"each has less than {percent(MINOR)} of the importance"
        return Alert(first.topic, first.level, title, text, "", cause="feature", also=tuple(group))
    return replace(first, also=also)


def _with_drivers(alert: Alert, data: ModelData) -> Alert:
    """An alert on scores says which features moved them, where reasons are stored."""
    said = shift_of(data.attribution[0], "reference") if alert.cause == "scores" and data.attribution else ""
    return replace(alert, text=f"{alert.text}. {said}") if said else alert


def _rank(alert: Alert, weights: dict[str, float]) -> tuple[bool, int, float]:
    feature = alert.row.get("feature") if alert.row and alert.cause.startswith("feature ") else None
    topic = "drift" if feature else alert.topic  # missing values of an important feature go before drift
    if alert.cause == "feature":
        return alert.level != "bad", TOPICS.index("quality"), 0.0
    return alert.level != "bad", TOPICS.index(topic), -weights.get(str(feature), 0.0)


def _folded(causes: list[Alert]) -> list[Alert]:
    """Put the advice to retrain behind the first of its causes, if these are alerts already."""
    advice = next((alert for alert in causes if alert.topic == "retraining"), None)
    others = [alert for alert in causes if alert is not advice]
    if advice is None:
        return causes
    wanted: list[str] = []
    for reason in advice.text.split(", and "):
        topics = next((topics for start, topics in REASONS.items() if reason.startswith(start)), None)
        if topics is None:
            return causes
        wanted += topics
    behind = next((place for place, alert in enumerate(others) if alert.topic in wanted), None)
    if behind is None:
        return causes
    others[behind] = replace(others[behind], also=(*others[behind].also, advice))
    return others


def segment_drift(data: ModelData) -> list[Row]:
    """For each segment of the newest window, how many features have drifted, and the worst of them."""
    counted: dict[str, Row] = {}
    for long in data.drift:
        for row in long.at(long.newest()):
            if row["segment"] == "all" or row["metric"] != "psi" or row["part"] != "feature":
                continue
            if row["feature"] in row["segment"].partition("=")[0].split("+"):
                continue  # the column that defines the segment cannot drift within it
            held = counted.setdefault(
                row["segment"], {"segment": row["segment"], "rows": 0, "drifted": 0, "small": 0, "worst": row}
            )
            held["rows"] = max(held["rows"], row["n_current"] or 0)
            held["drifted"] += row["status"] == "drift"
            held["small"] += row["status"] == "too_small"
            if (row["value"] or 0) > (held["worst"]["value"] or 0):
                held["worst"] = row
    return sorted(
        counted.values(), key=lambda one: (-one["drifted"], -(one["worst"]["value"] or 0), one["segment"])
    )
