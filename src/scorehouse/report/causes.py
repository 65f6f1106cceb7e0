"""Facts grouped by cause: what is wrong with one feature, one table or the performance is one alert.

Facts about pairs of features, about segments, and of monitors with one error rate for life are made here too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scorehouse.report import limits
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.alert_words import TOPICS
from scorehouse.report.alerts import drifted, facts_of, row_alert, value_sql
from scorehouse.report.attribution import shift_of
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import Long
from scorehouse.report.row_sql import Rows
from scorehouse.report.runs import table_name
from scorehouse.report.warehouse import Row

COUNTED = r"Got \d+ results?, configured to \w+ if [^;]*"  # of a test that failed, in dbt's words
MINOR = 0.02  # the share of the importance below which a feature is not an alert of its own
SEVERAL = 3  # as many such features, and they are one alert
TOGETHER = 0.6  # the correlation in training from which features that change are one alert
LITTLE = Subject("features of little importance")
# The codes of reasons to retrain, and the topics that say the same.
REASONS = {"output_drift": ("scores",), "drift": ("drift", "quality")}
OF_SCORED = ("quality", "drift", "scores", "retraining")  # topics of what was scored last
FAULTY = ("quality", "drift", "runs")  # topics of data faults, for which nobody should retrain


def alerts_of(behind: Rows, results: DbtResults | None) -> list[Alert]:
    """One alert per cause: the worst first, of these the one to mend first, then by importance.

    What repeats other facts is among them.
    """
    data = behind.data
    facts = facts_of(behind)
    facts += watched_facts(behind, {fact.subject for fact in facts})
    facts = [replace(fact, sql=behind.written(fact.sql)) for fact in facts]
    if data.behind:  # what monitors say is older than a run that scored nothing
        facts = [
            replace(fact, numbers={**fact.numbers, "behind": data.behind})
            if fact.topic in OF_SCORED
            else fact
            for fact in facts
        ]
    if results is not None:
        found = results.alerts_of(data.name, {fact.topic for fact in facts}, behind.warehouse)
        for fact in found:
            fact = replace(fact, rows_sql=behind.shown(fact.rows_sql)) if fact.rows_sql else fact
            facts = [_with_fact(one, fact) for one in facts]
            facts.append(_of_skipped(fact, facts))
    weights = {row["feature"]: row.get("importance") or 0.0 for row in data.signature}
    faulty: dict[str, str] = {}
    for fact in sorted(facts, key=lambda fact: fact.fault):
        if fact.feature and fact.is_fault:
            faulty.setdefault(fact.feature, fact.code)
    together = _together({fact.feature for fact in facts if fact.feature}, data.reference, weights, faulty)
    causes = [_cause(subject, group) for subject, group in _groups(facts, weights, together).items()]
    if data.attribution:  # where reasons are stored, an alert on scores says which features moved them
        drivers = {"moved_by": shift_of(data.attribution[0], "reference")}
        causes = [
            replace(alert, numbers={**alert.numbers, **drivers}) if alert.subject.kind == "scores" else alert
            for alert in causes
        ]
    causes.sort(key=lambda alert: _rank(alert, weights))
    causes = _folded(causes, data)
    if len({alert.kind for alert in causes}) < 2:
        return causes
    # what monitors say of before a run that failed has not stopped it
    first = min(causes, key=lambda alert: (bool(alert.numbers.get("behind")), alert.repair))
    marked = [replace(alert, first=alert is first) for alert in causes]
    return sorted(marked, key=lambda alert: (alert.level != "bad", not alert.first))


def _of_skipped(fact: Alert, facts: Sequence[Alert]) -> Alert:
    """A failed node of dbt that stopped or did the scoring belongs to the run that was skipped or failed.

    So do the other tests of a column that a test which stopped it is of. What the run says is not said again.
    """
    kind, name, column = (fact.numbers[each] for each in ("kind", "name", "column"))
    said = [f"{kind} {name}: ", *[f" of {column}: "] * bool(column)]
    for run in facts:
        error = run.numbers.get("error", "")
        stopped = run.code == "run_skipped" and any(each in error for each in said)
        if stopped or (run.code == "run_failed" and (kind, name) == ("model", run.numbers["node"])):
            found = fact.numbers["fact"] or fact.numbers["message"]
            is_told = bool(error) and (found in error or error in found)
            numbers = {**fact.numbers, "message": ""} if is_told else fact.numbers
            return replace(fact, subject=run.subject, numbers=numbers)
    return fact


def _with_fact(run: Alert, failed: Alert) -> Alert:
    """A skipped run with what its failed test found, where dbt has only counted, and with its rows."""
    fact, said = failed.numbers.get("fact"), f"{failed.numbers['kind']} {failed.numbers['name']}: "
    if run.code != "run_skipped" or said not in run.numbers["error"]:
        return run
    error, is_first = str(run.numbers["error"]), run.numbers["error"].startswith(said)
    run = replace(run, rows_sql=run.rows_sql or failed.rows_sql)
    if not fact:
        return run
    told = re.sub(f"({re.escape(said)}){COUNTED}", lambda found: found[1] + fact, error)
    return replace(
        run, numbers={**run.numbers, "error": told}, action=failed.action if is_first else run.action
    )


def _together(
    features: set[str], reference: Sequence[Row], weights: Mapping[str, float], faulty: Mapping[str, str]
) -> dict[str, str]:
    """Features that go together in training, each with the head of them: one at fault, or most important.

    `faulty` has the most specific fault of the features that have one; others do not go with it.
    """
    names = sorted(sorted(features), key=lambda name: (name not in faulty, -weights.get(name, 0.0)))
    heads = {name: name for name in names}
    for row in reference:
        a, b = row["name"], row["category"]
        if row["kind"] == "pair" and abs(row["lower"]) >= TOGETHER and a in heads and b in heads:
            first, second = sorted((heads[a], heads[b]), key=names.index)
            if second in faulty and faulty[first] != faulty[second]:
                continue
            heads = {name: first if head == second else head for name, head in heads.items()}
    return heads


def _groups(
    facts: Sequence[Alert], weights: Mapping[str, float], together: Mapping[str, str]
) -> dict[Subject, list[Alert]]:
    """Facts by cause. Rejected rows have no score: missing scores belong to the run that rejected them."""
    rejected = next((fact.subject for fact in facts if fact.code == "rows_rejected"), None)
    minor = {
        fact.feature
        for fact in facts
        if fact.feature and max(weights.values()) > 0 and weights.get(fact.feature, 0.0) < MINOR
    }
    wrong = {fact.feature for fact in facts if fact.feature in minor and fact.is_fault}
    if len(wrong) < SEVERAL:  # these are named
        minor -= wrong
    grouped: dict[Subject, list[Alert]] = {}
    for fact in facts:
        subject = fact.subject
        if fact.code == "scores_missing" and rejected:
            subject = rejected
        elif fact.feature in minor and len(minor) >= SEVERAL:
            subject = LITTLE
        elif fact.feature:
            subject = Subject("feature", together[fact.feature])
        grouped.setdefault(subject, []).append(fact)
    return grouped


def _cause(subject: Subject, group: Sequence[Alert]) -> Alert:
    """The most specific fault of the data, or the first fact of the worst level; the others behind it."""
    own = [fact for fact in group if fact.subject == subject] or group
    first = min(own, key=lambda fact: (fact.fault, fact.level != "bad"))
    level = "bad" if any(fact.level == "bad" for fact in own) else first.level
    if subject == LITTLE:
        numbers = {"n_features": len({fact.subject for fact in group}), "limit": MINOR}
        numbers["behind"] = first.numbers.get("behind", "")
        return Alert("features_of_little_importance", level, subject, "", numbers, also=tuple(group))
    others = sorted({fact.feature for fact in group if fact.feature} - {subject.name})
    also = tuple(fact for fact in group if fact is not first)
    return replace(first, level=level, also=also, together=tuple(others) if subject.kind == "feature" else ())


def _rank(alert: Alert, weights: Mapping[str, float]) -> tuple[bool, bool, int, float]:
    # faults of the data go before what follows from them, missing values of an important feature before drift
    topic = "drift" if alert.feature else "quality" if alert.subject == LITTLE else alert.topic
    weight = weights.get(alert.feature or "", 0.0)
    return alert.level != "bad", not alert.is_fault, TOPICS.index(topic), -weight


def _folded(causes: list[Alert], data: ModelData) -> list[Alert]:
    """Put the advice to retrain behind the first of its causes, if these are alerts already."""
    advice = next((alert for alert in causes if alert.topic == "retraining"), None)
    if advice is None:
        return causes
    topics: tuple[str, ...] = FAULTY
    if not any(row.get("data_faults") for row in data.retraining):
        codes = {code for row in data.retraining for code in (row.get("reason_codes") or "").split("; ")}
        if not codes <= set(REASONS):
            return causes
        topics = tuple(topic for code in codes for topic in REASONS[code])
    others = [alert for alert in causes if alert is not advice]
    places = [place for place, alert in enumerate(others) if alert.topic in topics]
    if not places:
        return causes
    # where the data are at fault, rather what is at fault than a run that is late
    behind = next((place for place in places if others[place].is_fault), places[0])
    others[behind] = replace(others[behind], also=(*others[behind].also, advice))
    return others


def watched_facts(behind: Rows, subjects: set[Subject]) -> list[Alert]:
    """Facts that join the `subjects` that are known already, where they are about the same thing."""
    data = behind.data
    facts = [_sequential_fact(behind, long, row) for long in data.sequential for row in alerted(long)]
    facts += [
        row_alert(
            "segment_worse",
            Subject("segments", row["metric"]),
            long,
            row,
            f"{data.name}-worst-segments",
            numbers={"limit": limits.segment_limit(row)},
            rows_sql=behind.of_segment(row),
            state="",  # segments have no windows
        )
        for long in data.worst_segments
        for row in long.rows
        if limits.segment_state(row) == "warn"
    ]
    facts += _pair_facts(behind, subjects)
    # windows in which other features drive the scores than in the reference window
    return facts + [
        row_alert("attribution_drift", Subject("scores"), long, row, f"{data.name}-attribution")
        for long in data.attribution
        for row in drifted(long)
    ]


def alerted(long: Long) -> list[Row]:
    """The series of a sequential monitor that have ever raised an alert, which stays."""
    return [row for row in long.rows if row["status"] == "alert"]


def pairs_of(data: ModelData) -> list[Row]:
    """The pairs of the newest window of each table, the one that has changed most first."""
    rows = [row for long in data.joint for row in long.newest]
    order = {"drift": 0, "not_judged": 2, "too_small": 2}
    return sorted(rows, key=lambda row: (order.get(row["status"], 1), -(row["value"] or 0), row["feature"]))


def _sequential_fact(behind: Rows, long: Long, row: Row) -> Alert:
    data = behind.data
    began, is_new = row["alert_since"], row["alert_since"] >= row["window_start"]
    return row_alert(
        "sequential_alert",
        _sequential_subject(data, row),
        long,
        row,
        f"{data.name}-sequential",
        sql=value_sql(long.table, row) + f"\n    and side = '{row['side']}'",
        numbers=behind.named_target,
        level="bad",
        state="new" if is_new else "continuing",
        since="" if is_new else f"{began:%d %b %Y}",
    )


def _sequential_subject(data: ModelData, row: Row) -> Subject:
    if row["metric"] == "rejected_share" and row["feature"]:
        return Subject("run", table_name({"prediction_table": row["feature"]}))
    if row["feature"] in {one["feature"] for one in data.signature}:
        return Subject("feature", row["feature"])
    return Subject("scores" if row["feature"] else "performance")


def _pair_facts(behind: Rows, subjects: set[Subject]) -> list[Alert]:
    """Pairs that go together no more. Pairs of one feature have one cause; a feature that drifts is it."""
    data = behind.data
    broken = [(long, row) for long in data.joint for row in drifted(long)]
    weights = {row["feature"]: row.get("importance") or 0.0 for row in data.signature}
    counts = Counter(name for _, row in broken for name in _names(data, row))
    alerts = []
    for long, row in broken:
        names = sorted(_names(data, row), key=lambda name: (-counts[name], -weights.get(name, 0.0), name))
        drifting = next((name for name in names if Subject("feature", name) in subjects), None)
        subject = Subject("feature", drifting) if drifting else Subject("pair", names[0] if names else "")
        rows_sql, anchor = behind.of_pair(names), f"{data.name}-drift"
        alerts.append(row_alert("pair_drift", subject, long, row, anchor, rows_sql=rows_sql))
    return alerts


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
