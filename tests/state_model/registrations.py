"""Registrations of one version number, each of which may be killed between any two of its writes.

A version exists once its registry row does. Two registrations never write at once: `one_writer` locks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple


class Estimator(NamedTuple):
    """An estimator to register, with or without rows that calibrate it."""

    name: str
    is_calibrated: bool


ESTIMATORS = (Estimator("a", True), Estimator("b", False))
ORDER = ("files", "program", "signature", "reference", "calibration", "row")  # of `write_registration`
MOST = 3  # registrations in a history


@dataclass(frozen=True)
class Folder:
    """What lies there for the version, by the estimator that wrote it; `doing` is at the step `at`."""

    held: tuple[str | None, ...] = (None,) * len(ORDER)
    doing: Estimator | None = None
    at: int = 0
    begun: int = 0

    def of(self, part: str) -> str | None:
        return self.held[ORDER.index(part)]


def steps_in(order: tuple[str, ...] = ORDER, *, clears: bool = True):  # type: ignore[no-untyped-def]
    """The steps of registrations that write in this order; `clears`: a calibration of before is removed."""

    def steps(folder: Folder) -> Iterator[tuple[str, Folder]]:
        if folder.doing is None:
            for estimator in ESTIMATORS if folder.begun < MOST and folder.of("row") is None else ():
                begun = folder.begun + 1
                yield f"{estimator.name} is registered", replace(folder, doing=estimator, at=0, begun=begun)
            return
        part, estimator = order[folder.at], folder.doing
        wrote: str | None = estimator.name
        if part == "calibration" and not estimator.is_calibrated:
            wrote = None if clears else folder.of(part)
        place = ORDER.index(part)
        held = (*folder.held[:place], wrote, *folder.held[place + 1 :])
        is_last = folder.at + 1 == len(order)
        yield (
            f"writes its {part}",
            replace(folder, held=held, at=folder.at + 1, doing=None if is_last else estimator),
        )
        yield "is killed", replace(folder, doing=None)

    return steps


def wrong(folder: Folder) -> Iterator[str]:
    row = folder.of("row")
    if row is None:
        return
    (estimator,) = (one for one in ESTIMATORS if one.name == row)
    for part in ORDER[:-1]:
        expected = None if part == "calibration" and not estimator.is_calibrated else row
        if folder.of(part) != expected:
            yield f"a version has the {part} of another estimator, or none"
