"""Runs on DuckDB: a row in the log, then one transaction of the table and the row that ends the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

IDLE, BEGUN, SCORED, DONE, FAILED, DEAD = "idle", "begun", "scored", "done", "failed", "dead"
STARTED, SUCCESS = "started", "success"
OLD = -1  # whose rows the table has at first


@dataclass(frozen=True)
class House:
    """`table` is the run whose rows it has; `places` says where each run is; `log` has run and status."""

    table: int = OLD
    places: tuple[str, ...] = (IDLE, IDLE)
    log: frozenset[tuple[int, str]] = frozenset()

    def at(self, run: int, place: str, **more: object) -> House:
        places = (*self.places[:run], place, *self.places[run + 1 :])
        return replace(self, places=places, **more)  # type: ignore[arg-type]

    def closed(self, run: int, status: str) -> frozenset[tuple[int, str]]:
        """The log with the row that ends a run in place of the row that it began with."""
        return self.log - {(run, STARTED)} | {(run, status)}


def steps(house: House) -> Iterator[tuple[str, House]]:
    for run, place in enumerate(house.places):
        if place == IDLE:
            yield f"{run} begins", house.at(run, BEGUN, log=house.log | {(run, STARTED)})
        if place == BEGUN:
            yield f"{run} scores", house.at(run, SCORED)
        if place == SCORED:
            after = house.at(run, DONE, table=run, log=house.closed(run, SUCCESS))
            yield f"{run} commits", after
            # dbt sees an error, and its hook closes only what is still open
            yield f"{run} commits, and the answer is lost", after.at(run, FAILED)
        if place in (BEGUN, SCORED):
            yield f"{run} is killed", house.at(run, DEAD)
            yield f"{run} fails", house.at(run, FAILED, log=house.closed(run, FAILED))
            # the log cannot be written either: the hook closes the row at the end of the command
            yield f"{run} fails twice", house.at(run, FAILED, log=house.closed(run, FAILED))


def wrong(house: House) -> Iterator[str]:
    for run, place in enumerate(house.places):
        rows = {status for number, status in house.log if number == run}
        if place != IDLE and len(rows) != 1:
            yield "a run that began has not one row"
        if house.table == run and rows != {SUCCESS}:
            yield "the table has rows of a run that the log does not call a success"
        if place == DEAD and rows != {STARTED}:
            yield "a killed run is called something else than started"
