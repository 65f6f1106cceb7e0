"""Search every model, and print its states, and the shortest way to each violation.

python tests/state_model/all_models.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import registrations
import retrainings
import runs_on_duckdb
import runs_on_spark
import sealed_log
from runs_on_spark import Rules
from search import Explored, explore


def spark(runs: int, rules: Rules) -> Explored[Any]:
    first = runs_on_spark.House(places=(runs_on_spark.IDLE,) * runs)
    return explore(first, runs_on_spark.steps_under(rules), runs_on_spark.wrong)


def seal(judge: sealed_log.Judge) -> Explored[Any]:
    return explore(sealed_log.Log(), sealed_log.steps, sealed_log.wrong_by(judge))


def registration(order: tuple[str, ...] = registrations.ORDER, *, clears: bool = True) -> Explored[Any]:
    steps = registrations.steps_in(order, clears=clears)
    return explore(registrations.Folder(), steps, registrations.wrong)


def retraining(**rules: bool) -> Explored[Any]:
    steps = retrainings.steps_under(retrainings.Rules(**rules))
    return explore(retrainings.Registry(), steps, retrainings.wrong)


LIVE_STAGING = "recovery dropped the staging table of a live run"
ROW_FIRST = (registrations.ORDER[-1], *registrations.ORDER[:-1])
# Each model of today, with the violations that are known.
TODAY: dict[str, tuple[Callable[[], Explored[Any]], set[str]]] = {
    "runs on DuckDB, two at once": (
        lambda: explore(runs_on_duckdb.House(), runs_on_duckdb.steps, runs_on_duckdb.wrong),
        set(),
    ),
    "runs on Spark, one at a time": (lambda: spark(1, Rules()), set()),
    "runs on Spark, three at once": (lambda: spark(3, Rules()), set()),
    "merges on Spark, two at once": (lambda: spark(2, Rules(merges=True)), set()),
    "the seal, with one alteration": (lambda: seal(sealed_log.today), set()),
    "registrations, each killed anywhere": (registration, set()),
    "two retrainings, and a person who promotes": (retraining, set()),
}
# The same with one rule left out, and a violation that the search has to find then.
WITHOUT: dict[str, tuple[Callable[[], Explored[Any]], str]] = {
    "what a run moves aside has one name": (
        lambda: spark(2, Rules(own_aside=False)),
        "the rows of the table are lost",
    ),
    "an error of a rename counts as a failure": (
        lambda: spark(1, Rules(notices=False)),
        "a run that is called failed has changed the table",
    ),
    "an error of the row of success counts as a failure": (
        lambda: spark(1, Rules(asks_log=False)),
        "a run has two rows that end it",
    ),
    "a table that cannot be dropped ends the run": (
        lambda: spark(1, Rules(sweeps_softly=False)),
        "a run that is called failed has changed the table",
    ),
    "recovery drops every staging table": (lambda: spark(2, Rules(leased=False)), LIVE_STAGING),
    "a run outlives its lease": (lambda: spark(2, Rules(outlives=True)), LIVE_STAGING),
    "a merge does not look at the table again": (
        lambda: spark(2, Rules(merges=True, compares=False)),
        "a merge has taken back what another run wrote",
    ),
    "an open run is closed any number of times": (
        lambda: seal(sealed_log.without_closing_once),
        "a row that was inserted is not found",
    ),
    "the registry row is written first": (
        lambda: registration(ROW_FIRST),
        "a version has the files of another estimator, or none",
    ),
    "a gate's promotion asks for no champion": (
        lambda: retraining(asks_champion=False),
        "a version was promoted past a champion that its gate did not compare",
    ),
    "a champion that was found is named again without asking": (
        lambda: retraining(asks_again=False),
        "a version was promoted past a champion that its gate did not compare",
    ),
    "promotions hold no lock": (
        lambda: retraining(locks=False),
        "the YAML lags behind the CSV, and nobody was killed",
    ),
    "a calibration of before stays": (
        lambda: registration(clears=False),
        "a version has the calibration of another estimator, or none",
    ),
}


def main() -> int:
    unknown = 0
    for name, (search, known) in TODAY.items():
        found = search()
        unknown += len(found.violations.keys() - known)
        print(f"{name}: {found.states:,} states, {len(found.violations)} violations")
        _print_ways(found)
    for name, (search, expected) in WITHOUT.items():
        found = search()
        unknown += expected not in found.violations
        print(f"if {name}: {found.states:,} states, {len(found.violations)} violations")
        _print_ways(found)
    return 1 if unknown else 0


def _print_ways(found: Explored[Any]) -> None:
    for text, way in found.violations.items():
        print(f"  {text}: {'; '.join(way)}")


if __name__ == "__main__":
    sys.exit(main())
