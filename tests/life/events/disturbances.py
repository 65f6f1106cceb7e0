"""Nights on which a build is disturbed, or its sources are."""

from __future__ import annotations

import datetime as dt
import math
import signal
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from shop import CHURN, ML_MODELS, ORDER, MlModel
from warehouse import RAW
from world import SUBJECTS

if TYPE_CHECKING:
    from life import Life

STOP_SECONDS = 10  # from SIGTERM to the end
KNOWN_DAYS, NEWEST_DAYS = 4, 11  # days with scores that show a rhythm, and how many of the newest do
LOCKED = "Could not set lock on file"


def killed(life: Life) -> None:
    """The nightly run is killed at a random moment; the next one makes up for it."""
    disturbed(life, signal.SIGKILL)


def terminated(life: Life) -> None:
    """The nightly run is asked to end, and does so within ten seconds."""
    disturbed(life, signal.SIGTERM)


def disturbed(life: Life, number: signal.Signals) -> None:
    life.pass_days()
    words = ("dbt", "build")
    since = time.monotonic()
    process = life.house.start(*words)
    time.sleep(float(life.random.uniform(1.0, 9.0)))
    process.send_signal(number)
    sent = time.monotonic()
    life.house.finished(words, process, since)
    if number != signal.SIGKILL and time.monotonic() - sent > STOP_SECONDS:
        life.violate("stop", f"{number.name} took {time.monotonic() - sent:.0f} s")
    life.remember_what_ended()
    life.build()
    life.check()
    life.remember()


def killed_in_slices(life: Life) -> None:
    """A full build in slices is killed; the next one goes on from the last whole slice."""
    house, file, key = life.house, f"models/ml/{ORDER.predictions}.sql", f"key='{ORDER.subject.key}'"
    before = house.read(file)
    sliced = "rescore={'rule': 'all', 'slice_rows': 8}"  # many, so that the kill falls among them
    house.write(file, before.replace(key, f"{key}, {sliced}", 1))
    life.pass_days()
    life.build("--exclude", ORDER.predictions, codes=(0, 1))
    words = ("dbt", "run", "--select", ORDER.predictions)
    since = time.monotonic()
    process = house.start(*words)
    time.sleep(float(life.random.uniform(4.0, 10.0)))
    process.send_signal(signal.SIGKILL)
    house.finished(words, process, since)
    staging, done = f"{ORDER.predictions}__scorehouse_new", 0
    if life.has_table(staging):
        done = int(life.warehouse.rows(f"select count(*) as n from {life.table(staging)}")[0]["n"])
    life.remember_what_ended()
    life.build()
    resumed = (life.newest_run(ORDER) or {}).get("rows_resumed") or 0
    if resumed != done:
        life.violate("nothing twice", f"{done} rows were scored before the kill, and {resumed} are not again")
    life.check()
    life.remember()
    house.write(file, before)
    life.night()


def side_by_side(life: Life) -> None:
    """Two builds at once: each does its work or says why it cannot."""
    life.pass_days()
    at_once(life, ("dbt", "build"))
    life.build()
    life.check()
    life.remember()


def at_once(life: Life, words: tuple[str, ...], *build: str) -> None:
    """Run a dbt command, and a build beside it; either may find that the other has the database."""
    words = (*words, "--target-path", "target/beside")
    since = time.monotonic()
    other = life.house.start(*words)
    ends = life.build(*build, codes=(0, 1, 2)), life.house.finished(words, other, since)
    if any(ended.code and LOCKED in ended.output for ended in ends):
        life.forgive_raw_errors()  # dbt cannot open the database, and says so itself
    life.remember_what_ended()


def broken_upstream(life: Life) -> None:
    """A source table is gone for a night: nothing is scored, and everybody is told."""
    subject = CHURN.subject
    life.pass_days()
    life.warehouse.execute(f"alter table {RAW}.{subject.table} rename to {subject.table}_moved")
    life.build(codes=(1,))
    # dbt reports the missing table in the database's own words, which are not ours
    life.forgive_raw_errors()
    if not any(alert["ml_model"] == CHURN.name for alert in life.alerts()):
        life.violate(
            "no fault unseen", f"{CHURN.predictions} was not scored for a night, and no alert says so"
        )
    night = life.newest_run(CHURN, "true") or {"status": "nothing", "error": ""}
    if night["status"] not in ("skipped", "failed") or not night["error"]:
        life.violate("run log", f"a night that scored nothing ends as {night['status']}: {night['error']}")
    life.warehouse.execute(f"alter table {RAW}.{subject.table}_moved rename to {subject.table}")
    life.build()
    life.check()
    life.remember()


def upstream_without_data(life: Life) -> None:
    """Days without new rows, while the build runs each night: what the scores are made from is old.

    Once rows come again, a test names the days between that have none, until these come too.
    """
    without = []
    for _ in range(max(days_until_late(life, model) for model in ML_MODELS)):
        life.pass_days(load=False)
        without.append(life.world.today)
        life.build(codes=(0, 1))
    # a test of the features may stop the table first
    check_named(life, life.alerts(), ("features_old", "run_skipped"), "had no new rows for days")
    life.remember()
    life.night()
    found = [name for name, status in life.results().items() if status == "warn"]
    if not any("volume_in_range" in name for name in found):
        life.violate(
            "no fault unseen", f"{without[-1]} has no rows, days around it have, and no test says so"
        )
    for subject in SUBJECTS:
        for day in without:
            for _ in range(subject.rows_per_day):
                life.world.arrive(subject, day)
    life.night()


def nobody_builds(life: Life) -> None:
    """For some days nobody builds: the scores are old, and alerts say so."""
    for _ in range(max(days_until_late(life, model) for model in ML_MODELS)):
        life.pass_days()
    check_named(life, life.alerts(), ("scores_old",), "was not built for days")
    life.night()


def check_named(life: Life, alerts: list[dict[str, Any]], codes: tuple[str, ...], what: str) -> None:
    """Each prediction table has an alert of one of these codes."""
    for model in ML_MODELS:
        if not any(alert["ml_model"] == model.name and alert["code"] in codes for alert in alerts):
            life.violate(
                "no fault unseen", f"{model.predictions} {what}, and no alert {'/'.join(codes)} says so"
            )


def days_until_late(life: Life, model: MlModel) -> int:
    """Whole days after which a table is later than usual; lives the nights that it takes to know."""
    while len(days := scored_days(life, model)) < KNOWN_DAYS:
        life.night()
    gaps = sorted((later - earlier).days for later, earlier in pairwise(days[:NEWEST_DAYS]))
    return math.floor(gaps[-2] + max(gaps[-2] / 4, 0.5)) + 1


def scored_days(life: Life, model: MlModel) -> list[dt.date]:
    """The days with a successful run of a table, newest first."""
    rows = life.warehouse.rows(
        f"select distinct cast(started_at as date) as day from {life.table('scorehouse_runs')} "
        f"where status = 'success' and slice_from is null and {life.is_of(model)}"
    )
    return sorted((row["day"] for row in rows), reverse=True)


def clock_set_back(life: Life) -> None:
    """Somebody's clock was an hour ahead, and is set right between two builds."""
    life.night()
    life.clock.set(life.clock.now() - dt.timedelta(hours=1))
    life.build()
    life.scored_before.clear()  # by its time, the newest run is the one before
    life.check()
    life.remember()


def rows_copied(life: Life) -> None:
    """A loader writes a day's orders three times, under keys of their own: it is named."""
    subject = ORDER.subject
    rows = life.world.rows[subject.table]
    life.pass_days()
    day = [row for row in rows.values() if row["day"] == life.world.today]
    keys = {-10 * row[subject.key] - n: row for row in day for n in (1, 2)}
    copies = {key: {**row, subject.key: key} for key, row in keys.items()}
    rows |= copies
    life.load()
    life.build(codes=(0, 1))
    alerts = [alert for alert in life.alerts() if alert["ml_model"] == ORDER.name]
    if not any("rows" in f"{alert['title']} {alert['text']}" for alert in alerts):
        life.violate("no fault unseen", "two thirds of a day's rows are copies, and no alert says so")
    if any("should be retrained" in alert["title"] for alert in alerts):
        life.violate("cause", "a loader's fault is answered by a retraining")
    life.remember()
    for key in copies:
        del rows[key]
    life.load()
    life.build()
    life.check()
    life.remember()
