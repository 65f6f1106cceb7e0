"""What must be true after each step of a life; each check returns what is violated, in words."""

from __future__ import annotations

import datetime as dt
import html
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expected import Expected, Registered, champion, same
from model_of_runs import run_log_follows_the_model
from shop import ML_MODELS, MlModel
from warehouse import quoted

if TYPE_CHECKING:
    from life import Life

EXAMPLES = 3  # differing rows that a violation shows
REPORT = "scorehouse_report"
UNREACHED = 2  # a PSI that hardly any change of these features reaches


@dataclass(frozen=True)
class Violation:
    """One broken promise: the step, which invariant (by its name below), the ML model, and what was seen."""

    step: int
    event: str
    invariant: str
    text: str

    def __str__(self) -> str:
        return f"step {self.step} ({self.event}): {self.invariant}: {self.text}"


def predictions_are_those_of_git(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """1: each feature row is there once, with what the version in git gives."""
    version = champion(life.house.folder, model.name)
    wanted = life.oracle.expected(model, life.world.rows[model.subject.table], version)
    key = quoted(model.subject.key)
    score = "score" if model.task == "classification" else "null as score"
    if not life.has_table(model.predictions):
        yield "rows", f"{model.predictions} is not there"
        return
    rows = life.warehouse.rows(
        f"select {key} as row_key, prediction, {score}, row_status, reject_reason, model_version "
        f"from {life.table(model.predictions)}"
    )
    counts = Counter(row["row_key"] for row in rows)
    yield from _listed(
        "rows", f"{model.predictions} has keys more than once", [k for k, n in counts.items() if n > 1]
    )
    yield from _listed("rows", f"{model.predictions} lacks rows", sorted(set(wanted) - set(counts)))
    yield from _listed("rows", f"{model.predictions} has rows that left", sorted(set(counts) - set(wanted)))
    wrong = [line for row in rows if (line := _wrong(row, wanted.get(row["row_key"]), version))]
    yield from _listed("rows", f"{model.predictions} differs from the version in git", wrong)


def _wrong(row: dict[str, Any], wanted: Expected | None, version: Registered) -> str:
    if wanted is None:
        return ""
    status = "rejected" if wanted.prediction is None else "scored"
    if row["row_status"] != status:
        return f"{row['row_key']} is {row['row_status']} ({row['reject_reason']}), not {status}"
    if not same(row["prediction"], wanted.prediction):
        return (
            f"{row['row_key']}: prediction {row['prediction']!r} ({row['score']}), not {wanted.prediction!r}"
        )
    if wanted.score is not None and not same(row["score"], wanted.score):
        return f"{row['row_key']}: score {row['score']!r}, not {wanted.score!r}"
    if row["model_version"] != version.version:
        return f"{row['row_key']}: version {row['model_version']}, not {version.version}"
    if status == "rejected" and not row["reject_reason"]:
        return f"{row['row_key']} is rejected without a reason"
    return ""


def run_log_accounts(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """2: the newest run of a prediction table accounts for every row of its features."""
    run = life.newest_run(model)
    if run is None:
        yield "run log", f"{model.predictions} has no successful run"
        return
    version = champion(life.house.folder, model.name)
    wanted = life.oracle.expected(model, life.world.rows[model.subject.table], version)
    counts: dict[str, int] = {"model_version": version.version}
    before = life.scored_before.get(model.name)
    if run["rescore_rule"] == "changed":
        accounted = (run["rows_in"] or 0) + (run["rows_unchanged"] or 0) + (run["rows_left"] or 0)
        if accounted != len(wanted):
            yield "run log", f"{model.predictions}: {accounted} rows are accounted for, of {len(wanted)}"
        if before is not None:
            counts |= before.counts(life.world.rows[model.subject.table], version)
    else:
        rejected = sum(outcome.prediction is None for outcome in wanted.values())
        scored = len(wanted) - rejected
        counts |= {"rows_in": len(wanted), "rows_scored": scored, "rows_rejected": rejected}
    wrong = [f"{name} is {run[name]}, not {value}" for name, value in counts.items() if run[name] != value]
    yield from _listed("run log", f"the newest run of {model.predictions}", wrong)


def lights_have_judges(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """3: the version that scores has rows in the tables of drift, with a reference of its own."""
    version = champion(life.house.folder, model.name).version
    table = f"{model.name}_drift"
    if not life.has_table(table):
        return
    (row,) = life.warehouse.rows(
        f"select count(*) filter (where status = 'ok') as green, "
        f"count(*) filter (where status in ('ok', 'small_drift', 'drift')) as judged, "
        f"count(*) filter (where status = 'ok' and coalesce(n_reference, 0) = 0) as unreferenced, "
        f"count(*) filter (where status = 'ok' and threshold is null) as unlimited, "
        f"count(*) filter (where status = 'ok' and metric = 'psi' and threshold > {UNREACHED}) as too_far "
        f"from {life.table(table)} where version = {version} and part = 'feature' and segment = 'all' "
    )
    if not row["judged"]:
        yield "judge", f"no feature of {model.name} version {version}, which scores, is judged by {table}"
    if row["unreferenced"]:
        yield "judge", f"{row['unreferenced']} green lights of {table} have no reference"
    if row["unlimited"]:
        yield "judge", f"{row['unlimited']} green lights of {table} have no limit"
    if row["too_far"]:
        yield "judge", f"{row['too_far']} green lights of {table} have a limit that nothing reaches"
    for each in (table, f"{model.name}_daily_drift"):
        (row,) = life.warehouse.rows(
            f"select count(*) as beyond, min(feature) as feature, min(metric) as metric "
            f"from {life.table(each)} where version = {version} and status = 'ok' and value >= threshold"
        )
        if row["beyond"]:
            example = f"such as {row['metric']} of {row['feature']}"
            yield "judge", f"{row['beyond']} green lights of {each} are beyond their limit, {example}"
    yield from signals_have_judges(life, model)


def signals_have_judges(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """3: the version that scores has a row of signals, which calls it well only where drift judges it."""
    version, table = champion(life.house.folder, model.name).version, f"{model.name}_retraining"
    signals = life.warehouse.rows(f"select * from {life.table(table)} where version = {version}")
    if not signals:
        yield "judge", f"{table} has no row of version {version}, which scores"
    drift = f"{life.table(f'{model.name}_drift')} where version = {version}"
    (row,) = life.warehouse.rows(
        f"select count(*) as n from {drift} and status in ('ok', 'small_drift', 'drift')"
    )
    if not row["n"] and any(signal["status"] == "not_needed" for signal in signals):
        yield "judge", f"{table} says that version {version} is well, and no drift of it is judged"


def performance_is_of_new_rows(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """3: performance is that of rows from other days than those of training, and of all of them."""
    version, table = champion(life.house.folder, model.name), f"{model.name}_performance"
    if not version.trained_to or not life.has_table(table):
        return
    new = len(_scored_since_training(life, model, version))
    (row,) = life.warehouse.rows(
        f"select coalesce(sum(n_reference), 0) as n from {life.table(table)} "
        f"where version = {version.version} and metric = 'labels_arrived' and segment = 'all'"
    )
    if row["n"] != new:
        yield "judge", f"{table} counts {row['n']} rows as new to version {version.version}, not {new}"


def intervals_are_of_new_rows(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """3: intervals are calibrated with the labels of all rows that training has not seen, no others."""
    version, table = champion(life.house.folder, model.name), f"{model.name}_interval_calibration"
    if not version.trained_to or not life.has_table(table):
        return
    labels = life.world.known_labels(model.subject)
    new = sum(labels.get(key) is not None for key in _scored_since_training(life, model, version))
    (row,) = life.warehouse.rows(
        f"select coalesce(max(n_labelled), 0) as n from {life.table(table)} where version = {version.version}"
    )
    if row["n"] != new:
        yield "judge", f"{table} of version {version.version} has {row['n']} labels, not {new}"


def _scored_since_training(life: Life, model: MlModel, version: Registered) -> list[Any]:
    """The keys of rows that the version scores, from other days than those of its training."""
    rows = life.world.rows[model.subject.table]
    wanted = life.oracle.expected(model, rows, version)
    return [
        key
        for key, outcome in wanted.items()
        if outcome.prediction is not None
        and not version.trained_from <= str(rows[key]["day"]) <= version.trained_to
    ]


def nothing_raw(life: Life) -> Iterator[tuple[str, str]]:
    """5: no raw error of the database, of Python or of Jinja in what the commands of this step printed."""
    for ended in life.commands_of_step():
        if ended.raw_error:
            yield "raw error", f"$ {ended.line}: {ended.raw_error}"


def only_what_was_told(life: Life, allowed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """7: git has changes only where the command said it would write."""
    changed = [path for path in sorted(life.house.changed_files()) if not path.startswith(allowed)]
    yield from _listed("git", "files changed that no command named", changed)


def alerts(life: Life) -> dict[str, Any]:
    """The payload of `export alerts`, with its exit code as `code`."""
    words = ("scorehouse", "export", "alerts", "--target", life.target, "--exit-code")
    ended = life.house.run(*words, codes=(0, 3))
    start = ended.output.index("{")
    payload: dict[str, Any] = json.JSONDecoder().raw_decode(ended.output[start:])[0]
    return {**payload, "code": ended.code}


def same_words(life: Life, payload: dict[str, Any], moment: dt.datetime) -> Iterator[tuple[str, str]]:
    """4: the message for Slack and the report say at its moment what the payload says, the worst first."""
    levels = [alert["level"] for alert in payload["alerts"]]
    if levels != sorted(levels, key=("bad", "warn").index):
        yield "same words", f"alerts are not the worst first: {levels}"
    words = ("scorehouse", "export", "alerts", "--target", life.target, "--format", "slack")
    life.clock.set(moment)  # an age may pass a whole day from one command to the next
    ended = life.house.run(*words)
    life.clock.set(moment)
    message = json.JSONDecoder().raw_decode(ended.output[ended.output.index("{") :])[0]
    said = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    life.house.run("scorehouse", "report", "--target", life.target)
    pages = (path.read_text() for path in (life.house.folder / REPORT).rglob("*.html"))
    page = html.unescape("".join(pages).replace("<wbr>", ""))
    for number, alert in enumerate(payload["alerts"]):
        title = alert["title"]
        if number >= len(said) or title not in html.unescape(said[number]):
            yield "same words", f"Slack does not say {title!r} as alert {number + 1}"
        if f"<b>{title}</b>" not in page:
            yield "same words", f"the report does not say {title!r}"
    life.house.run("git", "clean", "-fdq", REPORT)


def findings(life: Life) -> Iterator[dict[str, Any]]:
    """What stands in for alerts where a life is short.

    Tests and models of dbt's last command that did not end well, and features whose newest day has drift.
    """
    nodes = json.loads(life.house.read("target/manifest.json"))["nodes"]
    for name, status in life.results().items():
        if status in ("success", "pass", "skipped"):
            continue
        column = nodes.get(name, {}).get("column_name") or ""
        for model in ML_MODELS:
            if model.name in name or model.feature_table in name:
                yield {"ml_model": model.name, "title": f"{name}: {status}", "feature": column, "text": ""}
    for model in ML_MODELS:
        table = f"{model.name}_daily_drift"
        if life.has_table(table):
            rows = life.warehouse.rows(
                f"select distinct feature from {life.table(table)} as drift where status = 'drift' "
                f"and window_start = (select max(window_start) from {life.table(table)})"
            )
            for row in rows:
                yield {
                    "ml_model": model.name,
                    "title": f"{table}: drift",
                    "feature": row["feature"],
                    "text": "",
                }


def flat(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """All alerts of a payload, those folded below others among them."""
    return [
        each
        for alert in payload["alerts"]
        for each in (alert, *({**alert, **also} for also in alert.get("also", ())))
    ]


def _listed(invariant: str, what: str, cases: list[Any]) -> Iterator[tuple[str, str]]:
    if cases:
        shown = "; ".join(str(case) for case in cases[:EXAMPLES])
        yield (
            invariant,
            f"{what}: {shown}" + (f" and {len(cases) - EXAMPLES} more" if len(cases) > EXAMPLES else ""),
        )


def check_tables(life: Life, models: tuple[MlModel, ...] = ML_MODELS) -> Iterator[tuple[str, str]]:
    """All that must be true of the tables once a build has scored these ML models."""
    for model in models:
        yield from predictions_are_those_of_git(life, model)
        yield from run_log_accounts(life, model)
        yield from run_log_follows_the_model(life, model)
        yield from lights_have_judges(life, model)
        yield from performance_is_of_new_rows(life, model)
        yield from intervals_are_of_new_rows(life, model)
