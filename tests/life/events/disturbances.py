"""Nights on which a build is disturbed, or its sources are."""

from __future__ import annotations

import datetime as dt
import signal
import time
from typing import TYPE_CHECKING

from shop import CHURN, ORDER
from warehouse import RAW

if TYPE_CHECKING:
    from life import Life

STOP_SECONDS = 10  # from SIGTERM to the end
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
    life.warehouse.execute(f"alter table {RAW}.{subject.table}_moved rename to {subject.table}")
    life.build()
    life.check()
    life.remember()


def upstream_without_data(life: Life) -> None:
    """Three days without new rows, while the build runs each night."""
    for _ in range(3):
        life.pass_days(load=False)
        life.build(codes=(0, 1))
    if not life.alerts():
        life.violate("no fault unseen", "three days brought no row, and no alert says so")
    life.remember()
    life.night()


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
