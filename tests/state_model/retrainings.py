"""Retrainings that promote what passes their gate, beside a person who promotes, each killed anywhere.

The registry is a CSV, and a YAML that is written from it; `one_writer` holds both while one promotes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

FIRST, OF_A_PERSON, TRAINED = 1, 2, 3  # versions; two retrainings of the same rows find the same one
IDLE, BEGUN, REGISTERED, NAMED, PASSED, WRITING, ENDED, DEAD = range(8)


@dataclass(frozen=True)
class Asked:
    """One call of `scorehouse retrain`: where it is, its parent, and the champion that its gate compared."""

    place: int = IDLE
    parent: int = 0
    compared: int = 0


@dataclass(frozen=True)
class Registry:
    """`champion` and `challenger` stand in the CSV, `told` has the champion of the YAML.

    `writer` holds the lock: the number of a call, or -1 for the person. `replaced` are the pairs of the
    champion that a gate compared and that which its promotion replaced.
    """

    calls: tuple[Asked, ...] = (Asked(), Asked())
    champion: int = FIRST
    told: int = FIRST
    challenger: int = 0
    is_trained: bool = False
    writer: int | None = None
    person: int = IDLE
    replaced: frozenset[tuple[int, int]] = frozenset()


def steps_under(*, asks_champion: bool = True) -> Callable[[Registry], Iterator[tuple[str, Registry]]]:
    """The steps; `asks_champion`: a promotion is refused where the champion is no longer the parent."""

    def steps(now: Registry) -> Iterator[tuple[str, Registry]]:
        for number, call in enumerate(now.calls):
            yield from ((f"{number} {name}", after) for name, after in _call(now, number, call))
        if now.person == IDLE and now.writer is None:
            yield (
                "a person writes the CSV",
                replace(now, person=WRITING, champion=OF_A_PERSON, writer=-1),
            )
        if now.person == WRITING:
            yield "and the YAML", replace(now, person=ENDED, told=now.champion, writer=None)
            yield "is killed before the YAML", replace(now, person=DEAD, writer=None)

    def _call(now: Registry, number: int, call: Asked) -> Iterator[tuple[str, Registry]]:
        def at(place: int, **more: int) -> tuple[Asked, ...]:
            changed = replace(call, place=place, **more)
            return (*now.calls[:number], changed, *now.calls[number + 1 :])

        if call.place == IDLE:
            yield "begins", replace(now, calls=at(BEGUN, parent=now.champion))
        if call.place == BEGUN and now.writer is None:
            yield "registers, or finds", replace(now, calls=at(REGISTERED), is_trained=True)
        if call.place == REGISTERED and now.writer is None:
            if now.champion == TRAINED:  # the same training was promoted before: its YAML is written again
                yield "finds it promoted", replace(now, calls=at(ENDED), told=now.champion)
            else:
                yield "names it challenger", replace(now, calls=at(NAMED), challenger=TRAINED)
        if call.place == NAMED:
            yield "passes its gate", replace(now, calls=at(PASSED, compared=now.champion))
            yield "fails its gate", replace(now, calls=at(ENDED))
        if call.place == PASSED and now.writer is None:
            if asks_champion and now.champion != call.parent:
                yield "is refused", replace(now, calls=at(ENDED))
            else:
                replaced = now.replaced | {(call.compared, now.champion)}
                yield (
                    "writes the CSV",
                    replace(now, calls=at(WRITING), champion=TRAINED, writer=number, replaced=replaced),
                )
        if call.place == WRITING:
            yield "writes the YAML", replace(now, calls=at(ENDED), told=now.champion, writer=None)
        if call.place not in (IDLE, ENDED, DEAD):
            writer = None if now.writer == number else now.writer
            yield "is killed", replace(now, calls=at(DEAD), writer=writer)

    return steps


def wrong(now: Registry) -> Iterator[str]:
    if any(compared != before for compared, before in now.replaced):
        yield "a version was promoted past a champion that its gate did not compare"
    if now.champion == TRAINED and not now.is_trained:
        yield "the champion is no registered version"
    killed = DEAD in (now.person, *(call.place for call in now.calls))
    if now.told != now.champion and now.writer is None and not killed:
        yield "the YAML lags behind the CSV, and nobody was killed"
