"""The lights at the top of a chapter, each with the rule behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from scorehouse.report import limits
from scorehouse.report.alert import Alert
from scorehouse.report.causes import alerted, pairs_of
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import segment_faults
from scorehouse.report.performance import Performance
from scorehouse.report.refit import newest_of, no_help
from scorehouse.report.rules import RULES
from scorehouse.report.runs import table_name
from scorehouse.report.warehouse import Row
from scorehouse.report.words import MOVED, ago, number, short_name

OF_SCORED = ("Data quality", "Drift", "Scores", "Retraining")  # lights of what was scored last
JUDGED, NOT_JUDGED = ("ok", "drift", "small_drift"), "not_judged"
# Why no row of a table was judged, by status.
UNJUDGED = {
    "no_reference": "no reference of this version",
    "blind": "training differs as much",
    NOT_JUDGED: "beyond training, or by chance",
    "too_small": "too few rows",
}


@dataclass(frozen=True)
class Verdict:
    """One light. `state` is `ok`, `warn`, `bad`, or `none` when nothing was judged; `rule` explains it.

    `missing` is what keeps it grey, where `text` says more.
    """

    state: str
    text: str
    missing: str = ""
    rule: str = ""
    name: str = ""
    anchor: str = ""


NOT_MONITORED = Verdict("none", "not monitored")


def verdicts_of(
    data: ModelData,
    alerts: Sequence[Alert],
    performance: Performance | None,
    results: DbtResults | None = None,
) -> list[Verdict]:
    """The lights of one ML model, in the order of the page."""
    lights = {
        "Last run": ("runs", _runs(data)),
        "Last scored": ("runs", _age(data)),
        "Data quality": ("quality", _quality(data)),
        "Drift": ("drift", _drift(data)),
        "Scores": ("scores", _scores(data)),
        "Performance": ("performance", _performance(data, alerts, performance)),
        "Segments": ("worst-segments" if data.worst_segments else "performance", _worst_segments(data)),
        "Sequential alert": ("sequential" if data.sequential else "performance", _sequential(data)),
        "Retraining": ("alerts", _retraining(data)),
        "dbt tests": ("alerts", _dbt(data, results, freshness=False)),
        "Sources": ("alerts", _dbt(data, results, freshness=True)),
    }
    return [
        replace(
            _dated(light, data.behind) if name in OF_SCORED else light,
            name=name,
            anchor=f"{data.name}-{section}",
            rule=light.rule or RULES[name],
        )
        for name, (section, light) in lights.items()
    ]


def _dated(light: Verdict, behind: str) -> Verdict:
    """A light that a run after it, which scored nothing, has left behind: it is not green."""
    if not behind or light.state == "none":
        return light
    state = "none" if light.state == "ok" else light.state
    return replace(light, state=state, text=f"{light.text}, {behind}")


def worst(states: Iterable[str]) -> str:
    """The worst state; `none` if nothing was judged."""
    known = set(states)
    return next((state for state in ("bad", "warn", "ok") if state in known), "none")


def _runs(data: ModelData) -> Verdict:
    """The worst of the newest runs, one per prediction table of the live version, and what they cover."""
    runs = data.newest_runs()
    runs += [one for one in map(data.failure, runs) if one and one not in runs]
    endings = [limits.ending(data.judged(run)) for run in runs]
    state = worst(one.level for one in endings)
    if state != "bad" and (unbuilt := next(data.unbuilt(), None)):
        run, version = unbuilt
        return Verdict("warn", f"version {run['model_version']}, not {version}")
    if not runs:
        return Verdict("none", "no run yet")
    place = [one.level for one in endings].index(state)
    text = (limits.ending(runs[place]) if state == "ok" else endings[place]).text
    return Verdict(state, text if place == 0 else f"{text} in {table_name(runs[place])}")


def _age(data: ModelData) -> Verdict:
    """The worst of the prediction tables: the age of its scores, or of the rows that they are made from."""
    if not data.rhythms:
        return Verdict("none", "never")
    states = {one: one.state(data.read_at) for one in data.rhythms}
    state = worst(states.values())
    first = min(data.rhythms, key=lambda one: (states[one] != state, one.is_input, -one.newest.timestamp()))
    text = "no new features, " if first.is_input else ""
    rule = f"{first.usual[:1].upper()}{first.usual[1:]}. {RULES['Last scored']}"
    return Verdict(state, text + ago(first.age(data.read_at)), rule=rule)


def _newest_rows(data: ModelData, part: str, *, moved: bool) -> list[Row]:
    """Rows of the newest window of each drift table, for all segments together."""
    rows = [row for long in data.drift for row in long.newest]
    return [row for row in rows if row["part"] == part and (row["metric"] in MOVED) == moved]


def _quality(data: ModelData) -> Verdict:
    """All rows together, and the segments that are at fault."""
    rows = _newest_rows(data, "feature", moved=False)
    return _by_status(rows + [row for faults in segment_faults(data.drift) for row in faults])


def _scores(data: ModelData) -> Verdict:
    shifts = [row for row in _newest_rows(data, "output", moved=False) if row["status"] == "drift"]
    drivers = [row for long in data.attribution for row in long.newest]
    rows = _newest_rows(data, "output", moved=True) + shifts
    rows += [row for row in drivers if row["metric"] == "rank_agreement" and row["status"] in JUDGED]
    return _by_status(rows)


def _by_status(rows: Sequence[Row]) -> Verdict:
    if not rows:
        return NOT_MONITORED
    judged = [row for row in rows if row["status"] in JUDGED]
    if not judged:
        return _unjudged(rows)
    count = sum(row["status"] == "drift" for row in judged)
    text = f"{count} to look at" if count else "as in training"
    if silent := len({row["feature"] for row in rows if row["status"] in ("blind", NOT_JUDGED)}):
        text += f", {silent} not judged"
    return Verdict("warn" if count else "ok", text)


def _unjudged(rows: Sequence[Row]) -> Verdict:
    found = {row["status"] for row in rows}
    why = (text for status, text in UNJUDGED.items() if status in found)
    return Verdict("none", next(why, "no threshold set"))


def _judged_features(rows: Sequence[Row]) -> set[str]:
    """Features whose light a change would turn; none that is beyond a limit, but not for certain."""
    shown = {row["feature"] for row in rows if row["status"] in JUDGED and row["metric"] != "spread_shift"}
    unsure = {row["feature"] for row in rows if row["status"] == NOT_JUDGED}
    return (shown - unsure) | {row["feature"] for row in rows if row["status"] == "drift"}


def _drift(data: ModelData) -> Verdict:
    """The newest window of each drift table, feature by feature, and pairs of features."""
    rows = _newest_rows(data, "feature", moved=True)
    judged = _judged_features(rows)
    known_pairs = pairs_of(data)
    pairs = [row for row in known_pairs if row["status"] in JUDGED]
    broken = sum(row["status"] == "drift" for row in pairs)
    if not judged and not pairs:
        return _unjudged(rows + known_pairs) if rows or known_pairs else NOT_MONITORED
    drifted = len({row["feature"] for row in rows if row["status"] == "drift"})
    parts = [f"{drifted} of {len(judged)} features"] if judged else []
    if pairs and (broken or not judged):
        parts.append(f"{broken} of {len(pairs)} pairs")
    known = max(len({row["feature"] for row in rows}), len(data.signature))
    if judged and (silent := known - len(judged)):  # a feature without a profile has no row
        parts.append(f"{silent} not judged")
    return Verdict("warn" if drifted or broken else "ok", ", ".join(parts))


def _worst_segments(data: ModelData) -> Verdict:
    """Whether any group of rows is much worse off than all others."""
    if not data.worst_segments:
        return NOT_MONITORED
    states = [limits.segment_state(row) for long in data.worst_segments for row in long.rows]
    if worse := states.count("warn"):
        return Verdict("warn", f"{worse} much worse")
    return Verdict("ok", "none much worse") if "ok" in states else Verdict("none", "no threshold set")


def _sequential(data: ModelData) -> Verdict:
    """Monitors with one error rate for life."""
    if not data.sequential:
        return NOT_MONITORED
    if count := sum(len(alerted(long)) for long in data.sequential):
        return Verdict("bad", f"{count} broken for certain")
    watched = sum(len(long.rows) for long in data.sequential)
    return Verdict("ok", f"{watched} limit{'' if watched == 1 else 's'} held")


def _performance(data: ModelData, alerts: Sequence[Alert], found: Performance | None) -> Verdict:
    if found is None:
        return NOT_MONITORED
    facts = [fact for alert in alerts for fact in (alert, *alert.also)]
    text = f"waiting for labels{found.arrived and f': {found.arrived} so far'}"
    if found.headline:
        value = number(found.headline["value"], 3)
        text = f"{short_name(found.headline['metric'])} {value} in {found.window}"
    if any(fact.topic == "labels" for fact in facts):
        return Verdict("bad", f"{text}, labels stopped" if found.headline else "labels stopped")
    if found.headline is None:
        return Verdict("none", text)
    state = worst(fact.level for fact in facts if fact.topic == "performance")
    if state == "none":  # each metric by its threshold, or by its value at registration
        by_status = {"ok": "ok", "uncertain": "warn"}
        rows = [row for long in data.performance for row in long.claimed()]
        state = worst(by_status.get(row["status"]) or limits.far_from(data.live, row) for row in rows)
    if state == "none":
        few = (found.headline["n_current"] or 0) < limits.MINIMUM_LABELS
        missing = "too few labels" if few else "no threshold set"
        return Verdict(state, f"{text}, {missing}", missing)
    return Verdict(state, text)


def _retraining(data: ModelData) -> Verdict:
    if not data.retraining:
        return NOT_MONITORED
    refit = newest_of(data.refit, [*data.drift, *data.performance])
    advised = [row for row in data.retraining if row["retrain"] or row.get("status") == "refit_no_help"]
    if advised:
        helps = no_help(advised[0], refit)
        return Verdict("warn", f"a refit {helps}" if helps else "recommended")
    if any(row.get("data_faults") for row in data.retraining):
        return Verdict("warn", "look at the data first")
    if unjudged := [row for row in data.retraining if row["retrain"] is None]:
        return Verdict("none", f"not judged: {unjudged[0].get('not_judged')}")
    return Verdict("ok", "not needed")


def _dbt(data: ModelData, results: DbtResults | None, *, freshness: bool) -> Verdict:
    """The results of dbt's last command, or of its last check of sources."""
    found = results.of(data.name, freshness=freshness) if results else []
    by, missing = ("", "") if freshness or results is None else (results.overwritten, results.lost)
    if not found or results is None:
        if freshness or not (results and results.command):
            return Verdict("none", "not checked")
        return Verdict("none", f"not checked by {by or f'dbt {results.command}'}", missing)
    state = worst(one.level for one in found)
    wrong = sum(one.level in ("warn", "bad") for one in found)
    lacking = [f"{one.name} {one.text}." for one in found if one.level == "none"]
    if wrong:
        failed = sum(one.level == "bad" for one in found)
        words = [f"{failed} failed"] * (failed > 0) + [f"{wrong - failed} warned"] * (wrong > failed)
        text = f"{wrong} of {len(found)} stale" if freshness else f"{', '.join(words)} of {len(found)}"
    else:
        text = f"{len(found) - len(lacking)} {'fresh' if freshness else 'passed'}"
    text += f", {len(lacking)} not judged" if lacking else ""
    rule, when = ("Sources", results.checked_at) if freshness else ("dbt tests", results.tested_at)
    notes = [RULES[rule], *lacking, missing, f"Checked {when}."]
    return Verdict(state, text, rule=" ".join(filter(None, notes)))
