"""Runs on Spark over a table of files: a staging table, two renames, and the row of the log at the end.

Once in a history, a statement may fail before it does anything, or be done while its answer is lost. A run
may be killed between any two statements. The prediction table is there before the first run. The lease of a
run ends after it was killed; that of a live run only under the rule `outlives`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

IDLE, BEGUN, READY, WRITTEN, ASIDE, MOVED, PLACED, SWEPT, DONE, FAILING, FAILED, DEAD = (
    *("idle", "begun", "ready", "written", "aside", "moved", "placed", "swept"),
    *("done", "failing", "failed", "dead"),
)
ENDED = (IDLE, DONE, FAILED, DEAD)
SUCCESS = "success"
OLD = -1  # whose rows the table has at first
Step = tuple[str, "House"]


@dataclass(frozen=True)
class Rules:
    """The rules of `engines/spark`, each of which can be left out to see what it is for.

    `own_aside`: what a run moved aside has a name of its own. `notices`: an error of a rename is looked at
    before it counts as a failure. `asks_log`: so is an error of the row of success, which is written again.
    `sweeps_softly`: what cannot be dropped is left to the next run.
    `leased`: recovery drops the staging tables of runs that have ended in the log, or whose lease is over.
    `outlives`: a run may take longer than its lease. `merges`: runs merge into the table that they find when
    they write, and do not replace it. `compares`: a merge looks whether what it moved aside is that table.
    """

    own_aside: bool = True
    notices: bool = True
    asks_log: bool = True
    sweeps_softly: bool = True
    leased: bool = True
    outlives: bool = False
    merges: bool = False
    compares: bool = True


@dataclass(frozen=True)
class House:
    """`table` is the run whose rows it has, None without a table; `aside` has rows moved aside, by name."""

    table: int | None = OLD
    aside: frozenset[tuple[int, int]] = frozenset()
    staging: frozenset[int] = frozenset()
    places: tuple[str, ...] = (IDLE,)
    log: tuple[tuple[int, str], ...] = ()
    had_fault: bool = False
    expired: frozenset[int] = frozenset()  # runs whose lease is over
    lost_staging: bool = False  # of a live run
    bases: tuple[tuple[int, int | None], ...] = ()  # the table into which a run merges
    moved_last: int | None = None  # the table that a merge has moved aside last
    took_back: bool = False  # a merge has replaced a table that it had not read

    def at(self, run: int, place: str, **more: object) -> House:
        places = (*self.places[:run], place, *self.places[run + 1 :])
        return replace(self, places=places, **more)  # type: ignore[arg-type]

    def faulty(self) -> House:
        return replace(self, had_fault=True)

    def moved_by(self, name: int) -> int | None:
        """The rows that were moved aside under a name."""
        return dict(self.aside).get(name)

    def without(self, name: int) -> frozenset[tuple[int, int]]:
        return frozenset(pair for pair in self.aside if pair[0] != name)


def steps_under(rules: Rules) -> Callable[[House], Iterator[Step]]:
    """What can happen next under these rules."""

    def steps(house: House) -> Iterator[Step]:
        for run, place in enumerate(house.places):
            if place in MAKE:
                for name, after in MAKE[place](house, run, rules):
                    yield f"{run} {name}", after
            if place not in ENDED:
                yield f"{run} is killed", house.at(run, DEAD)
            if run in house.staging and run not in house.expired and (rules.outlives or place == DEAD):
                yield f"the lease of {run} ends", replace(house, expired=house.expired | {run})

    return steps


def _begin(house: House, run: int, rules: Rules) -> Iterator[Step]:
    yield "begins", house.at(run, BEGUN)


def _recover(house: House, run: int, rules: Rules) -> Iterator[Step]:
    """`SparkTables.recover`, which does not choose among several tables that were moved aside."""
    table = house.table
    if table is None and len(house.aside) > 1:
        yield "asks which table to keep", house.at(run, FAILING)
        return
    for _, rows in sorted(house.aside):
        table = rows if table is None else table
    live = {other for other in house.staging if house.places[other] not in ENDED}
    logged = {other for other, _ in house.log}
    kept = house.staging - logged - house.expired if rules.leased else frozenset()
    lost = house.lost_staging or bool(live - kept)
    yield (
        "recovers",
        house.at(run, READY, table=table, aside=frozenset(), staging=kept, lost_staging=lost),
    )


def _write(house: House, run: int, rules: Rules) -> Iterator[Step]:
    if rules.merges and house.table is None:
        yield "finds no table to merge into", house.at(run, FAILING)
        return
    bases = (*house.bases, (run, house.table)) if rules.merges else ()
    yield "writes its staging table", house.at(run, WRITTEN, staging=house.staging | {run}, bases=bases)


def _move(house: House, run: int, rules: Rules) -> Iterator[Step]:
    """The first rename of `SparkTables.replace`."""
    name = _name(run, rules)
    compares = rules.merges and rules.compares
    if house.table is None and compares:
        yield "finds no table to replace", house.at(run, FAILING)
    elif house.table is None and run in house.staging:  # another run has moved it: a first run
        yield "takes a place that is free", house.at(run, PLACED, table=run, staging=house.staging - {run})
    elif house.table is not None and house.moved_by(name) is None:
        to = ASIDE if compares else MOVED
        house = replace(house, moved_last=house.table) if rules.merges else house
        after = house.at(run, to, table=None, aside=house.aside | {(name, house.table)})
        yield "moves the table aside", after
        if not house.had_fault:
            lost = _after_error(after.faulty(), run, rules, is_moved=False)
            yield "moves the table aside, and the answer is lost", lost
    else:
        yield "finds no table to move", _after_error(house, run, rules, is_moved=False)


def _compare(house: House, run: int, rules: Rules) -> Iterator[Step]:
    """`SparkTables.replace` looks who made what it moved aside, which a recovery may have put back."""
    if house.moved_by(_name(run, rules)) == dict(house.bases)[run]:
        yield "finds aside what it has read", house.at(run, MOVED)
    else:
        yield "finds another table aside", _after_error(house, run, rules, is_moved=True)


def _place(house: House, run: int, rules: Rules) -> Iterator[Step]:
    """The second rename of `SparkTables.replace`."""
    if run in house.staging and house.table is None:
        if rules.merges and house.moved_last != dict(house.bases)[run]:
            house = replace(house, took_back=True)
        after = house.at(run, PLACED, table=run, staging=house.staging - {run})
        yield "takes its place", after
        if not house.had_fault:
            lost = _after_error(after.faulty(), run, rules, is_moved=True)
            yield "takes its place, and the answer is lost", lost
    else:
        yield "cannot take its place", _after_error(house, run, rules, is_moved=True)
    if not house.had_fault:
        yield "fails to take its place", _after_error(house.faulty(), run, rules, is_moved=True)


def _sweep(house: House, run: int, rules: Rules) -> Iterator[Step]:
    yield "drops what it moved aside", house.at(run, SWEPT, aside=house.without(_name(run, rules)))
    if not house.had_fault:
        left = house.at(run, SWEPT if rules.sweeps_softly else FAILING)
        yield "cannot drop what it moved aside", left.faulty()


def _log(house: House, run: int, rules: Rules) -> Iterator[Step]:
    """`log_success`, and `log_failure` where that fails."""
    after = house.at(run, DONE, log=(*house.log, (run, SUCCESS)))
    yield "logs its success", after
    if not house.had_fault:
        lost = after if rules.asks_log else after.at(run, FAILING)
        yield "logs its success, and the answer is lost", lost.faulty()
        again = after if rules.asks_log else house.at(run, FAILING)
        yield "fails to log its success", again.faulty()


def _fail(house: House, run: int, rules: Rules) -> Iterator[Step]:
    log = (*house.log, (run, FAILED))
    yield "logs its failure", house.at(run, FAILED, log=log, staging=house.staging - {run})


MAKE: dict[str, Callable[[House, int, Rules], Iterator[Step]]] = {
    IDLE: _begin,
    BEGUN: _recover,
    READY: _write,
    WRITTEN: _move,
    ASIDE: _compare,
    MOVED: _place,
    PLACED: _sweep,
    SWEPT: _log,
    FAILING: _fail,
}


def _name(run: int, rules: Rules) -> int:
    return run if rules.own_aside else 0


def _after_error(house: House, run: int, rules: Rules, *, is_moved: bool) -> House:
    """What `SparkTables.replace` does after an error of a rename."""
    name = _name(run, rules)
    mine = house.moved_by(name)
    if rules.notices and is_moved and run not in house.staging and house.table == run:
        return house.at(run, PLACED)
    if mine is not None and house.table is None and (is_moved or rules.notices):
        house = replace(house, table=mine, aside=house.without(name))
    return house.at(run, FAILING)


def wrong(house: House) -> Iterator[str]:
    has_one_writer = sum(place != IDLE for place in house.places) == 1
    rows = [[status for number, status in house.log if number == run] for run in range(len(house.places))]
    for run, place in enumerate(house.places):
        if len(rows[run]) > 1:
            yield "a run has two rows that end it"
        if SUCCESS in rows[run] and has_one_writer and house.table != run:
            yield "a row of success is without its table"
        if place == FAILED and house.table == run:
            yield "a run that is called failed has changed the table"
    if house.table is None and not house.aside:
        yield "the rows of the table are lost"
    is_asked = len(house.aside) > 1
    if house.table is None and not is_asked and all(place in (IDLE, DONE, FAILED) for place in house.places):
        yield "all runs have ended, and readers find no table"
    if house.lost_staging:
        yield "recovery dropped the staging table of a live run"
    if house.took_back:
        yield "a merge has taken back what another run wrote"
