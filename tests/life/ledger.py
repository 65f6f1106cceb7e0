"""What is known to be broken, and the issue that will mend it. A line that nothing meets any more has to go.

A violation that no line lists is a new fault. Where every life meets a line (`always`) and one did not, it is
mended: the commit that mends it takes the line out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invariants import Violation


@dataclass(frozen=True)
class Known:
    """A known violation: its invariant, a pattern of its text, and the issue that closes it."""

    invariant: str
    pattern: str
    issue: int
    always: bool = False  # whether every life meets it


LEDGER: tuple[Known, ...] = ()


def known(violation: Violation) -> int | None:
    """The issue that closes a violation, if it is known."""
    for line in LEDGER:
        if line.invariant == violation.invariant and re.search(line.pattern, violation.text):
            return line.issue
    return None


def mended(violations: list[Violation]) -> list[Known]:
    """Lines that every life meets, and these did not: they have to leave the ledger."""
    return [
        line
        for line in LEDGER
        if line.always
        and not any(v.invariant == line.invariant and re.search(line.pattern, v.text) for v in violations)
    ]
