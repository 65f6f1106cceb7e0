"""The lights at the top of a chapter, each with the rule behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scorehouse.report import limits
from scorehouse.report.alert import Alert
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.gather import Long, ModelData, table_name
from scorehouse.report.performance import Performance
from scorehouse.report.warehouse import Row
from scorehouse.report.watched import alarms, pairs_of
from scorehouse.report.words import MOVED, ago, number, percent, short_name

JUDGED, NOT_JUDGED = ("ok", "drift", "small_drift"), "not_judged"


@dataclass
class Verdict:
    """One light. `state` is `ok`, `warn`, `bad`, or `none` when nothing was judged; `rule` explains it.

    `missing` is what keeps it grey, where `text` says more.
    """

    name: str
    state: str
    text: str
    anchor: str
    rule: str
    missing: str = ""


def verdicts_of(
    data: ModelData,
    alerts: Sequence[Alert],
    performance: Performance | None,
    results: DbtResults | None = None,
) -> list[Verdict]:
    """The lights of one ML model, in the order of the page."""
    return [
        _runs(data),
        _age(data),
        _quality(data),
        _drift(data),
        _scores(data),
        _performance(data, alerts, performance),
        _slices(data),
        _anytime(data),
        _retraining(data),
        _dbt(data, results, freshness=False),
        _dbt(data, results, freshness=True),
    ]


def _worst(states: Iterable[str]) -> str:
    found = set(states)
    return next((state for state in ("bad", "warn", "ok") if state in found), "none")


def _runs(data: ModelData) -> Verdict:
    """The worst of the newest runs, one per prediction table of the live version."""
    runs = data.newest_runs()
    judged = [(limits.run_state(data.judged(run)), run) for run in runs]
    state = _worst(state for state, _ in judged)
    text = "no run yet"
    if runs:
        run = next(run for found, run in judged if found == state)
        said = _run_text(run if state == "ok" else data.judged(run))
        text = said if run is runs[0] else f"{said} in {table_name(run)}"
    rule = (
        "Red when the newest run failed, was skipped, found no rows, or rejected more than "
        f"{percent(limits.REJECTED_BAD)} of its rows; "
        f"amber above {percent(limits.REJECTED_WARN)}. A run that found nothing to score is judged by the "
        "last run before it that scored rows. With several prediction tables, the worst one counts."
    )
    return Verdict("Last run", state, text, f"{data.name}-runs", rule)


def _run_text(run: Row) -> str:
    share = limits.rejected_share(run)
    if run["status"] == "started":
        return "not finished"
    if run["status"] != "success":
        return str(run["status"])
    if limits.found_nothing(run):
        return "nothing to score" if run.get("rows_vanished") else "nothing changed"
    return "no rows" if share is None else f"{percent(1 - share)} scored"


def _age(data: ModelData) -> Verdict:
    """The worst of the prediction tables: the age of its scores, or of the rows that they are made from."""
    rule = (
        "Red when a prediction table is older than its rhythm by more than a quarter or half a day, or older "
        "than `max_age_hours` of its test. Its rhythm is the second-longest of its recent gaps between days; "
        "where the run log is too short to show one, a month is assumed, and late is amber. Red, too, "
        "when what it is scored from has not changed for longer than is usual."
    )
    place = f"{data.name}-runs"
    if not data.rhythms:
        return Verdict("Last scored", "none", "never", place, rule)
    states = {one: one.state(data.read_at) for one in data.rhythms}
    state = _worst(states.values())
    first = min(data.rhythms, key=lambda one: (states[one] != state, one.is_input, -one.newest.timestamp()))
    text = ago(first.age(data.read_at))
    if first.is_input:
        text = f"no new features, {text}"
    return Verdict("Last scored", state, text, place, f"{first.usual[:1].upper()}{first.usual[1:]}. {rule}")


def _newest_rows(tables: Iterable[Long], part: str, *, moved: bool) -> list[Row]:
    """Rows of the newest window of each drift table, for all segments together."""
    return [
        row
        for long in tables
        for row in long.at(long.newest())
        if row["segment"] == "all" and row["part"] == part and (row["metric"] in MOVED) == moved
    ]


def _quality(data: ModelData) -> Verdict:
    rule = (
        "Amber when a feature has clearly more missing, unseen or out-of-range values than in training, "
        "by the thresholds of its drift table."
    )
    rows = _newest_rows(data.drift, "feature", moved=False)
    return _by_status(data, "quality", "Data quality", rows, rule)


def _scores(data: ModelData) -> Verdict:
    rule = (
        "Amber when the distribution of a score or prediction has drifted, or other features drive the "
        "scores than before (`attribution`), by the thresholds of these tables."
    )
    shifts = [row for row in _newest_rows(data.drift, "output", moved=False) if row["status"] == "drift"]
    drivers = [row for long in data.attribution for row in long.at(long.newest()) if row["segment"] == "all"]
    rows = _newest_rows(data.drift, "output", moved=True) + shifts
    rows += [row for row in drivers if row["metric"] == "rank_agreement" and row["status"] in JUDGED]
    return _by_status(data, "scores", "Scores", rows, rule)


def _by_status(data: ModelData, topic: str, title: str, rows: Sequence[Row], rule: str) -> Verdict:
    place = f"{data.name}-{topic}"
    judged = [row for row in rows if row["status"] in JUDGED]
    if not rows:
        return Verdict(title, "none", "not monitored", place, rule)
    if not judged:
        return Verdict(title, "none", _unjudged(rows), place, rule)
    count = sum(row["status"] == "drift" for row in judged)
    said = f"{count} to look at" if count else "as in training"
    if silent := len({row["feature"] for row in rows if row["status"] == NOT_JUDGED}):
        said += f", {silent} not judged"
    return Verdict(title, "warn" if count else "ok", said, place, rule)


def _unjudged(rows: Sequence[Row]) -> str:
    found = {row["status"] for row in rows}
    known = {
        "no_reference": "no reference of this version",
        NOT_JUDGED: "training differs as much",
        "too_small": "too few rows",
    }
    return next((words for status, words in known.items() if status in found), "no threshold set")


def _judged_features(rows: Sequence[Row]) -> set[str]:
    """Features whose light a change would turn; none that is beyond a limit, but not for certain."""
    shown = {row["feature"] for row in rows if row["status"] in JUDGED and row["metric"] != "spread_shift"}
    unsure = {
        row["feature"] for row in rows if row["status"] == NOT_JUDGED and row["value"] >= row["threshold"]
    }
    return (shown - unsure) | {row["feature"] for row in rows if row["status"] == "drift"}


def _drift(data: ModelData) -> Verdict:
    """The newest window of each drift table, feature by feature."""
    place = f"{data.name}-drift"
    rule = (
        "Amber when the PSI, the mean or the spread of a feature reaches its threshold and chance does not "
        "explain it. "
        "Features with too few rows, without a threshold, or of which windows of training differ as much as "
        "a change would, are not judged. "
        "Amber, too, when the correlation of a pair of features reaches its threshold (`joint_drift`)."
    )
    rows = _newest_rows(data.drift, "feature", moved=True)
    judged = _judged_features(rows)
    pairs = [row for row in pairs_of(data) if row["status"] in JUDGED]
    broken = sum(row["status"] == "drift" for row in pairs)
    if not rows and not pairs:
        return Verdict("Drift", "none", "not monitored", place, rule)
    if not judged and not pairs:
        return Verdict("Drift", "none", _unjudged(rows), place, rule)
    drifted = len({row["feature"] for row in rows if row["status"] == "drift"})
    said = [f"{drifted} of {len(judged)} features"] if judged else []
    if pairs and (broken or not judged):
        said.append(f"{broken} of {len(pairs)} pairs")
    known = max(len({row["feature"] for row in rows}), len(data.signature))
    if judged and (silent := known - len(judged)):  # a feature without a profile has no row
        said.append(f"{silent} not judged")
    return Verdict("Drift", "warn" if drifted or broken else "ok", ", ".join(said), place, rule)


def _slices(data: ModelData) -> Verdict:
    """Whether any group of rows is much worse off than all others."""
    rule = (
        "Amber when a slice of the rows is certainly worse than all other rows, by more than the threshold "
        f"of its table. Without one: an error {limits.FAR_WARN:g} times that of all other rows, or "
        f"{percent(limits.REJECTED_WARN)} more rejected rows, for at least {percent(limits.SLICE_SHARE)} of "
        "the rows."
    )
    place = f"{data.name}-{'slices' if data.slices else 'performance'}"
    if not data.slices:
        return Verdict("Slices", "none", "not monitored", place, rule)
    states = [limits.slice_state(row) for long in data.slices for row in long.rows]
    if worse := states.count("warn"):
        return Verdict("Slices", "warn", f"{worse} much worse", place, rule)
    state = _worst(states)
    return Verdict("Slices", state, "none much worse" if state == "ok" else "no threshold set", place, rule)


def _anytime(data: ModelData) -> Verdict:
    """Monitors with one error rate for life."""
    rule = (
        "Red when an anytime monitor has alarmed: a limit is broken for certain, by the evidence of all "
        "windows. At most 5 % of ML models within their limits (or what `alpha` says) ever alarm, so it "
        "stays red until a new version scores."
    )
    place = f"{data.name}-{'anytime' if data.anytime else 'performance'}"
    if not data.anytime:
        return Verdict("Anytime alarm", "none", "not monitored", place, rule)
    count = sum(len(alarms(long)) for long in data.anytime)
    if count:
        return Verdict("Anytime alarm", "bad", f"{count} broken for certain", place, rule)
    watched = sum(len(long.rows) for long in data.anytime)
    said = f"{watched} limit{'' if watched == 1 else 's'} held"
    return Verdict("Anytime alarm", "ok", said, place, rule)


def _performance(data: ModelData, alerts: Sequence[Alert], found: Performance | None) -> Verdict:
    place = f"{data.name}-performance"
    rule = (
        "Red when a metric is worse than its threshold in the performance table, amber when its interval "
        "reaches the threshold. A metric without one "
        f"is compared with its value at registration, from {limits.MINIMUM_LABELS} labels on: amber when the "
        f"error (for a score, its distance from 1) is {limits.FAR_WARN:g} times as large or the lead over "
        f"guessing is {limits.FAR_WARN:g} times smaller, red at {limits.FAR_BAD:g} times. Grey when neither "
        "a threshold nor a comparable value is known."
    )
    if found is None:
        return Verdict("Performance", "none", "not monitored", place, rule)
    if found.headline is None:
        return Verdict("Performance", "none", "waiting for labels", place, rule)
    text = f"{short_name(found.headline['metric'])} {number(found.headline['value'], 3)}"
    facts = (fact for alert in alerts for fact in (alert, *alert.also))
    state = _worst(fact.level for fact in facts if fact.topic == "performance")
    if state == "none":
        state = _worst(_held(data))
    if state == "none":
        few = (found.headline["n_current"] or 0) < limits.MINIMUM_LABELS
        missing = "too few labels" if few else "no threshold set"
        return Verdict("Performance", state, f"{text}, {missing}", place, rule, missing)
    return Verdict("Performance", state, text, place, rule)


def _held(data: ModelData) -> Iterable[str]:
    """The state of each reported metric, judged by its threshold or by its value at registration."""
    for long in data.performance:
        for row in long.claimed():
            known = {"ok": "ok", "uncertain": "warn"}.get(row["status"])
            yield known or limits.far_from(data.live, row)


def _retraining(data: ModelData) -> Verdict:
    place = f"{data.name}-alerts"
    rule = (
        "Amber when the table of retraining signals gives a reason: drift, decay or age; or when it finds "
        "the data at fault, which training would not mend."
    )
    if not data.retraining:
        return Verdict("Retraining", "none", "not monitored", place, rule)
    if any(row["retrain"] for row in data.retraining):
        return Verdict("Retraining", "warn", "recommended", place, rule)
    if any(row.get("data_faults") for row in data.retraining):
        return Verdict("Retraining", "warn", "look at the data first", place, rule)
    unjudged = [row for row in data.retraining if row["retrain"] is None]
    if unjudged:
        return Verdict("Retraining", "none", f"not judged: {unjudged[0].get('not_judged')}", place, rule)
    return Verdict("Retraining", "ok", "not needed", place, rule)


def _dbt(data: ModelData, results: DbtResults | None, *, freshness: bool) -> Verdict:
    """The results of dbt's last command, or of its last check of sources."""
    title, place = ("Sources", "alerts") if freshness else ("dbt tests", "alerts")
    command = "dbt source freshness" if freshness else "the last dbt command"
    rule = f"By {command}, for what depends on the registry of this ML model" + (
        " and the sources behind it: red when a source is older than error_after, amber after warn_after."
        if freshness
        else ": red when a test or a model failed, amber when a test warns."
    )
    found = results.of(data.name, freshness=freshness) if results else []
    if not found or results is None:
        return Verdict(title, "none", "not checked", f"{data.name}-{place}", rule)
    when = results.checked_at if freshness else results.tested_at
    state = _worst(one.level for one in found)
    wrong = sum(one.level in ("warn", "bad") for one in found)
    lacking = [f"{one.name} {one.text}" for one in found if one.level == "none"]
    said = "stale" if freshness else "failed" if state == "bad" else "warn"
    fine = "fresh" if freshness else "passed"
    text = f"{wrong} of {len(found)} {said}" if wrong else f"{len(found) - len(lacking)} {fine}"
    text += f", {len(lacking)} not judged" if lacking else ""
    rule += "".join(f" {each}." for each in lacking)
    return Verdict(title, state, text, f"{data.name}-{place}", f"{rule} Checked {when}.")
