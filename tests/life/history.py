"""Which events a life has, and in which order."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from events import (
    audits,
    branches,
    contests,
    disturbances,
    edges,
    environments,
    faulty,
    first_week,
    neighbours,
    nights,
    persons,
    second_week,
    students,
    versions,
)
from faults import all_faults

if TYPE_CHECKING:
    from life import Life

Event = Callable[["Life"], None]
FAULTS = 0.3  # share of events

FIRST: tuple[tuple[str, Event], ...] = (
    ("install", first_week.install_project),
    ("register", first_week.register_models),
    ("first prediction tables", first_week.first_tables),
)
BEGINNING = len(FIRST) + second_week.PREPARED  # events that every history begins with
ORDINARY: tuple[tuple[str, Event, int], ...] = (
    ("clean night", nights.clean_night, 8),
    ("corrections", nights.night_of_corrections, 3),
    ("weekend", nights.weekend, 2),
    ("build in parts", nights.build_in_parts, 2),
    ("twice", nights.same_night_twice, 1),
    ("backfilled", nights.backfilled, 1),
    ("killed", disturbances.killed, 2),
    ("terminated", disturbances.terminated, 1),
    ("killed in slices", disturbances.killed_in_slices, 1),
    ("side by side", disturbances.side_by_side, 1),
    ("broken upstream", disturbances.broken_upstream, 2),
    ("rows copied", disturbances.rows_copied, 1),
    ("upstream without data", disturbances.upstream_without_data, 1),
    ("nobody builds", disturbances.nobody_builds, 1),
    ("clock set back", disturbances.clock_set_back, 1),
    ("threshold changed", versions.threshold_changed, 2),
    ("threshold refused", versions.threshold_refused, 1),
    ("alias removed", versions.alias_removed, 1),
    ("classes renamed", versions.classes_renamed, 1),
    ("retrained and promoted", versions.retrained_and_promoted, 3),
    ("wide contest", contests.wide_contest, 1),
    ("labels renamed", contests.labels_renamed, 1),
    ("few labels", contests.few_labels, 1),
    ("labels stop", contests.labels_stop, 1),
    ("promoted in parts", versions.promoted_in_parts, 1),
    ("rolled back", versions.rolled_back, 1),
    ("threshold left out", edges.threshold_left_out, 1),
    ("replayed after an edit", edges.replayed_after_an_edit, 1),
    ("printed on demand", edges.printed_on_demand, 1),
    ("column left out", edges.column_left_out, 1),
    ("altered program", edges.altered_program, 1),
    ("script as written", edges.script_as_written, 1),
    ("own module", edges.own_module, 1),
    ("bands of a mart", edges.bands_of_a_mart, 1),
    ("stopped backfill", edges.stopped_backfill, 1),
    ("until the 24th", edges.until_the_24th, 1),
    ("archived", versions.archived, 1),
    ("unseeded", versions.unseeded, 1),
    ("wrong file", versions.wrong_file, 1),
    ("same version on two branches", branches.same_version_twice, 1),
    ("replayed", audits.replayed, 1),
    ("looked up", audits.looked_up, 1),
    ("sealed", audits.sealed, 1),
    ("pruned", audits.pruned, 1),
    ("a person asks", persons.asked, 1),
    ("a person is forgotten", persons.forgotten, 1),
    ("a student is taught", students.taught, 1),
    ("another schema", environments.another_schema, 1),
    ("monitors later", environments.monitors_later, 1),
    ("deferred", environments.deferred, 1),
    ("cloned", environments.cloned, 1),
    ("larger project", neighbours.larger_project, 1),
)
# What an event needs of an engine, by the words of `Engine.refuses`.
NEEDS = {
    "backfilled": "backfills",
    "wide contest": "several",
    "stopped backfill": "backfills",
    "own module": "estimators",
    "replayed after an edit": "replay",
    "cloned": "clone",
    "killed in slices": "slices",
    "replayed": "replay",
    "a person is forgotten": "forgetting",
    "a student is taught": "distil",
    "second week: prepare the retraining": "retrain",
    "second week: retrain": "retrain",
    "second week: promote": "retrain",  # of what was retrained
    "second week: roll back": "retrain",
}


def possible(life: Life, events: Iterable[tuple[str, Event]]) -> Iterator[tuple[str, Event]]:
    """These events; in place of one that the life's engine refuses, a line that says so."""
    for name, event in events:
        if (word := NEEDS.get(name, "")) in life.engine.refuses:
            page, _ = life.engine.refuses[word]
            yield f"{name}: skipped, {life.engine.name} refuses {word} ({page})", _nothing
        else:
            yield name, event


def _nothing(life: Life) -> None:
    """An event that did not happen."""


def drawn(life: Life, count: int) -> list[tuple[str, Event]]:
    """A random history: the first week, what the second prepares, then `count` events; a third are faults.

    Each fifth seed lives the whole page of the second week.
    """
    if life.engine.is_short:
        return [*FIRST, *named_events(("clean night", "corrections"))]
    random = np.random.default_rng([life.seed, 2])
    page = second_week.SECOND_WEEK
    events = [*FIRST, *(page if life.seed % 5 == 1 else page[: second_week.PREPARED])]
    faults = [("fault: " + fault.name, faulty.faulty_days(fault)) for fault in all_faults()]
    ordinary = [(name, event) for name, event, weight in ORDINARY for _ in range(weight)]
    for _ in range(count):
        choices = faults if random.random() < FAULTS else ordinary
        events.append(choices[int(random.integers(len(choices)))])
    return list(possible(life, events))


def named_events(names: Iterable[str]) -> list[tuple[str, Event]]:
    """Events by the names that a life prints, or by patterns of a shell: `fault: * of 'distance'`."""
    events = dict(second_week.SECOND_WEEK) | {name: event for name, event, _ in ORDINARY}
    events |= {f"fault: {fault.name}": faulty.faulty_days(fault) for fault in all_faults()}
    matching = {name: fnmatch.filter(events, name) or [name] for name in names}
    return [(each, events[each]) for name in names for each in matching[name]]
