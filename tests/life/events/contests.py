"""Labels that are early, come no more, or in the words of another system; contests in the other layout."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shop import CHURN, ML_MODELS, MlModel
from warehouse import RAW, quoted
from world import LABEL_DAYS, TRAINING_DAYS

from events.first_week import register
from events.versions import retrained_and_promoted

if TYPE_CHECKING:
    from life import Life

WIDE = f"""\
{{{{ scorehouse.scored(
    '{CHURN.name}', key='{CHURN.subject.key}', alias=['champion', 'challenger'], layout='wide'
) }}}}
select * from {{{{ ref('{CHURN.feature_table}') }}}}
"""
GATE = {
    "models": [
        {
            "name": f"{CHURN.name}_wide",
            "data_tests": [
                {
                    "scorehouse.challenger_not_worse": {
                        "arguments": {
                            "labels": f"ref('{CHURN.label_table}')",
                            "key": CHURN.subject.key,
                            "label": CHURN.subject.label,
                            "registry": f"ref('ml_{CHURN.name}')",
                        }
                    }
                }
            ],
        }
    ]
}

# a limit that is long exceeded, and one that nothing reaches
SOON = f"""\
{{{{ config(materialized='view') }}}}
{{{{ scorehouse.prediction_powered_monitor(
    ref('{CHURN.predictions}'), ref('{CHURN.label_table}'), key='{CHURN.subject.key}',
    label='{CHURN.subject.label}', day='day', limits={{'positive_rate': 0.01, 'accuracy': 0.05}},
    options={{'positive': 'yes'}}
) }}}}
"""
EARLY = 100
MONTH = 31


def wide_contest(life: Life) -> None:
    """Champion and challenger side by side in a row, with a gate on top: it decides, and never errs."""
    house, name = life.house, f"{CHURN.name}_wide"
    last = life.world.today - dt.timedelta(days=LABEL_DAYS)
    register(life, CHURN, last - dt.timedelta(days=TRAINING_DAYS // 2), last, "challenger")
    house.commit("Register a challenger")
    house.write(f"models/{name}.sql", WIDE)
    house.write(f"models/_{name}.yml", GATE)
    life.pass_days()
    life.build("--select", f"tag:ml_{CHURN.name}", f"+{name}", codes=(0, 1))
    ends = {status for node, status in life.results().items() if "challenger_not_worse" in node}
    if not ends or not ends <= {"pass", "warn", "fail"}:
        life.violate("judge", f"a gate on the wide layout ends with {ends or 'no test'}")
    house.run("git", "clean", "-fdq", "models")
    life.warehouse.execute(f"drop table if exists {life.table(name)}")
    # the challenger, of half the days, may have lost: it leaves, as a gate that fails would fail each night
    house.run("scorehouse", "promote", CHURN.name, "--remove", "challenger")
    house.commit("Take the challenger back")
    life.build()
    life.check()
    life.remember()


def labels_renamed(life: Life) -> None:
    """The system that labels come from says ja and nein: nothing is judged by them in silence."""
    life.night(days=LABEL_DAYS + 2)
    table, label = f"{RAW}.{CHURN.subject.labels}", quoted(CHURN.subject.label)
    life.warehouse.execute(f"update {table} set {label} = case {label} when 'yes' then 'ja' else 'nein' end")
    ended = life.build(codes=(0, 1))
    said = " ".join(ended.output.split())
    if life.has_table(f"{CHURN.name}_performance") and ("ja" not in said or not ended.code):
        life.violate("no fault unseen", "labels are no class of the ML model, and the build does not say so")
    life.warehouse.execute(f"update {table} set {label} = case {label} when 'ja' then 'yes' else 'no' end")
    life.remember_what_ended()
    life.build()
    life.check()
    life.remember()


def labels_stop(life: Life) -> None:
    """After a promotion no label comes for a month: an alert and `labels_arrive` say so until they come."""
    retrained_and_promoted(life)
    watched = [model for model in ML_MODELS if life.has_table(f"{model.name}_performance")]
    life.world.labels_until = life.world.today
    life.pass_days(MONTH)
    life.build(codes=(0, 1))
    life.remember_what_ended()
    for model, alerts, statuses in said_of_labels(life, watched):
        if not alerts or statuses != {"fail"}:
            text = (
                f"{model.name} has no label for a month, {alerts} alerts, and labels_arrive ends {statuses}"
            )
            life.violate("no fault unseen", text)
    life.world.labels_until = None
    life.load()
    life.build()
    life.check()
    life.remember()
    for model, alerts, statuses in said_of_labels(life, watched):
        if alerts or statuses != {"pass"}:
            text = f"labels of {model.name} are back, {alerts} alerts, and labels_arrive ends {statuses}"
            life.violate("resolved", text)


def said_of_labels(life: Life, models: list[MlModel]) -> Iterator[tuple[MlModel, int, set[str]]]:
    """Of each ML model, how many alerts say that labels have stopped, and how `labels_arrive` ends."""
    alerts = [alert["ml_model"] for alert in life.alerts() if alert["code"] == "labels_stopped"]
    for model in models:
        tests = [status for name, status in life.results().items() if f"labels_arrive_{model.name}_" in name]
        yield model, alerts.count(model.name), set(tests)


def few_labels(life: Life) -> None:
    """Some labels of young days are early: what need not wait for the others counts them, and no more."""
    name, subject, world = f"{CHURN.name}_soon", CHURN.subject, life.world
    life.house.write(f"models/{name}.sql", SOON)
    since = world.today - dt.timedelta(days=LABEL_DAYS)
    due = [key for key, (_, known) in world.labels[subject.table].items() if known > world.today]
    for key in due[:: 1 + len(due) // EARLY]:
        world.labels[subject.table][key] = world.labels[subject.table][key][0], world.today
    life.night()
    young = f"from {life.table(CHURN.predictions)} where day > date '{since}' and row_status = 'scored'"
    labelled = f"and {subject.key} in (select {subject.key} from {RAW}.{subject.labels})"
    (wanted,) = life.warehouse.rows(f"select count(*) as n {young} {labelled}")
    found = life.warehouse.rows(
        f"select metric, sum(case when window_start > timestamp '{since}' then n_current else 0 end) as n, "
        f"count(alert_since) as n_alerts from {life.table(name)} group by metric"
    )
    if {row["n"] for row in found} != {wanted["n"]} or not wanted["n"]:
        life.violate("judge", f"of {wanted['n']} early labels, {name} counts {found}")
    if {row["metric"] for row in found if row["n_alerts"]} != {"positive_rate"}:
        life.violate("judge", f"{name} raises alerts otherwise than its limits ask for: {found}")
    life.house.run("git", "clean", "-fdq", "models")
    life.warehouse.execute(f"drop view if exists {life.table(name)}")
    life.remember()
