"""Retrainings that promote what passes their gate, beside a person who promotes, each killed anywhere.

The registry is a CSV, and a YAML that is written from it; `one_writer` holds both while one promotes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

FIRST, OF_A_PERSON, TRAINED = 1, 2, 3  # versions; two retrainings of the same rows find the same one
IDLE, BEGUN, REGISTERED, FOUND, NAMED, PASSED, WRITING, ENDED, DEAD = range(9)


@dataclass(frozen=True)
class Asked:
    """One call of `scorehouse retrain`: where it is, and the champion that its gate compares."""

    place: int = IDLE
    compared: int = 0


@dataclass(frozen=True)
class Registry:
    """`champion` stands in the CSV, `told` is that of the YAML.

    `writer` holds the lock: the number of a call, or -1 for the person. `replaced` are the pairs of the
    champion that a gate compared and that which its promotion replaced.
    """

    calls: tuple[Asked, ...] = (Asked(), Asked())
    champion: int = FIRST
    told: int = FIRST
    writer: int | None = None
    person: int = IDLE
    replaced: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Rules:
    """What the code does; the search leaves one out at a time."""

    asks_champion: bool = True  # a promotion is refused where the champion is not the one that was compared
    asks_again: bool = True  # so is a champion that was found, where a person has rolled it back meanwhile
    locks: bool = True  # `one_writer` holds CSV and YAML


def steps_under(rules: Rules) -> Callable[[Registry], Iterator[tuple[str, Registry]]]:
    def steps(now: Registry) -> Iterator[tuple[str, Registry]]:
        for number, call in enumerate(now.calls):
            yield from ((f"{number} {name}", after) for name, after in _call(now, number, call))
        if now.person == IDLE and is_free(now):
            yield (
                "a person writes the CSV",
                replace(now, person=WRITING, champion=OF_A_PERSON, writer=-1),
            )
        if now.person == WRITING:
            yield "and the YAML", replace(now, person=ENDED, told=OF_A_PERSON, writer=None)
            yield "is killed before the YAML", replace(now, person=DEAD, writer=None)

    def is_free(now: Registry) -> bool:
        return now.writer is None or not rules.locks

    def _call(now: Registry, number: int, call: Asked) -> Iterator[tuple[str, Registry]]:
        def at(place: int, **more: int) -> tuple[Asked, ...]:
            changed = replace(call, place=place, **more)
            return (*now.calls[:number], changed, *now.calls[number + 1 :])

        def written(compared: int) -> Registry:
            replaced = now.replaced | {(compared, now.champion)}
            return replace(now, calls=at(WRITING), champion=TRAINED, writer=number, replaced=replaced)

        if call.place == IDLE:
            yield "begins", replace(now, calls=at(BEGUN))
        if call.place == BEGUN and is_free(now):
            found = FOUND if now.champion == TRAINED else REGISTERED  # the same training was promoted before
            yield "registers, or finds", replace(now, calls=at(found))
        if call.place == FOUND and is_free(now):
            if rules.asks_again and now.champion != TRAINED:
                yield "is refused", replace(now, calls=at(ENDED))
            else:  # its YAML is written again, which a killed call may have left behind
                yield "writes the CSV as it is", written(TRAINED)
        if call.place == REGISTERED and is_free(now):
            yield "names it challenger", replace(now, calls=at(NAMED, compared=now.champion))
        if call.place == NAMED:
            yield "passes its gate", replace(now, calls=at(PASSED))
            yield "fails its gate", replace(now, calls=at(ENDED))
        if call.place == PASSED and is_free(now):
            if now.champion == TRAINED:  # the other call has promoted the same version
                yield "writes the CSV as it is", written(TRAINED)
            elif rules.asks_champion and now.champion != call.compared:
                yield "is refused", replace(now, calls=at(ENDED))
            else:
                yield "writes the CSV", written(call.compared)
        if call.place == WRITING:
            yield "writes the YAML", replace(now, calls=at(ENDED), told=TRAINED, writer=None)
        if call.place not in (IDLE, ENDED, DEAD):
            writer = None if now.writer == number else now.writer
            yield "is killed", replace(now, calls=at(DEAD), writer=writer)

    return steps


def wrong(now: Registry) -> Iterator[str]:
    if any(compared != before for compared, before in now.replaced):
        yield "a version was promoted past a champion that its gate did not compare"
    killed = DEAD in (now.person, *(call.place for call in now.calls))
    writing = WRITING in (now.person, *(call.place for call in now.calls))
    if now.told != now.champion and not writing and not killed:
        yield "the YAML lags behind the CSV, and nobody was killed"
