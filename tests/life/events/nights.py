"""Nights on which nothing is wrong."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from shop import CHURN, ML_MODELS
from world import SUBJECTS

from events.disturbances import at_once

if TYPE_CHECKING:
    from life import Life

NOT_JUDGED = "challenger_not_worse"  # warns while there is no challenger


def clean_night(life: Life) -> None:
    """A night without a fault: an alarm in it is a false one."""
    life.night()
    before = len(life.false_alarms)
    life.clean_nights += 1
    for name, status in life.results().items():
        if status in ("warn", "fail") and NOT_JUDGED not in name:
            life.false_alarms.append(f"{name}: {status}")
    for alert in life.alerts():
        life.false_alarms.append(f"{alert['ml_model']}: {alert['title']}")
    life.alarmed_nights += len(life.false_alarms) > before


def night_of_corrections(life: Life) -> None:
    """Rows change and go, others arrive late."""
    for subject in SUBJECTS:
        for key in life.world.sample(subject, 12):
            life.world.correct(subject, key)
        for key in life.world.sample(subject, 5):
            life.world.delete(subject, key)
        for days in (2, 3, 9):
            life.world.arrive(subject, life.world.today - dt.timedelta(days=days))
    life.night()


def weekend(life: Life) -> None:
    """Nobody builds for some days."""
    life.night(days=int(life.random.integers(2, 5)))


def build_in_parts(life: Life) -> None:
    """The night is built by selections, in the order in which people type them."""
    life.pass_days()
    for model in ML_MODELS:
        # of new features alone, the test that predictions have every row fails, as dbt selects it with them
        life.build("--select", model.feature_table, codes=(0, 1))
        failed = [name for name, status in life.results().items() if status in ("error", "fail")]
        if any("one_prediction_per_row" not in name for name in failed):
            life.violate("part", f"a build of {model.feature_table} alone fails: {', '.join(failed)}")
        life.build("--select", f"ml_{model.name}+")
        life.check_rows((model,))
        life.remember((model,))
        life.build("--select", f"+{model.predictions}")
        life.check_rows((model,))
    life.build()
    life.check()
    life.remember()


def same_night_twice(life: Life) -> None:
    life.night()
    life.clock.set(life.clock.now() + dt.timedelta(minutes=1))
    life.build()
    life.check()
    life.remember()


def backfilled(life: Life) -> None:
    """A history is filled for two weeks, beside the nightly build, and again: a row per key, once."""
    house, name = life.house, f"{CHURN.name}_history"
    features = f"{CHURN.name}_days"
    house.write(
        f"models/{features}.sql",
        f"select * from {{{{ ref('{CHURN.feature_table}') }}}} where day is not null\n",
    )
    house.write(
        f"models/{name}.sql",
        f"{{{{ scorehouse.scored('{CHURN.name}', key='{CHURN.subject.key}', as_of='day') }}}}\n"
        f"select * from {{{{ ref('{features}') }}}}\n",
    )
    life.pass_days()
    until = life.world.today
    since = until - dt.timedelta(days=13)
    slices = f"{{scorehouse_backfill: {{from: {since}, to: {until}, slice_days: 5}}}}"
    words = ("dbt", "build", "--select", features, name, "--vars", slices)
    at_once(life, words, "--exclude", features, name)
    life.build("--exclude", features, name)
    for _ in range(2):
        house.run(*words)
    wanted = sum(since <= row["day"] <= until for row in life.world.rows[CHURN.subject.table].values())
    (held,) = life.warehouse.rows(
        f"select count(*) as n, count(distinct {CHURN.subject.key}) as n_keys from {life.table(name)}"
    )
    if (held["n"], held["n_keys"]) != (wanted, wanted):
        life.violate("rows", f"the backfill has {held['n']} rows of {held['n_keys']} keys, not {wanted}")
    house.run("git", "clean", "-fdq", "models")
    for table in (name, features):
        life.warehouse.execute(f"drop {'table' if table == name else 'view'} if exists {life.table(table)}")
    life.check()
    life.remember()
