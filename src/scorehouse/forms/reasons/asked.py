"""Which scored rows are explained, by ranges of a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.registry.class_columns import PREFIX
from scorehouse.registry.version import MULTILABEL, Version


@dataclass(frozen=True)
class Asked:
    """The `top` largest contributions of scored rows: those with `column` in one of the `ranges`, if given.

    A range holds its lower end, and not its upper one. `outputs` has, for an ML model with several, the place
    of each that is explained, and the end of its columns' names.
    """

    top: int
    column: str = ""
    ranges: tuple[tuple[float, float], ...] | None = None
    outputs: tuple[tuple[int, str], ...] = ()

    def rows(self, scored: pa.RecordBatch) -> np.ndarray:
        """The positions of the rows to explain."""
        chosen = np.asarray(arrays.to_numpy(scored.column(REJECT_REASON).is_null()))
        if self.ranges is not None:
            values = arrays.to_numpy(scored.column(self.column))
            inside = np.zeros(len(values), dtype=bool)
            for low, high in self.ranges:
                inside |= (values >= low) & (values < high)
            chosen = chosen & inside
        return np.flatnonzero(chosen)


def asked_outputs(
    version: Version, wanted: str | Sequence[str] | None, call: str
) -> tuple[tuple[int, str], ...]:
    """The `outputs` of Asked for one output by name, several, or None: all; empty for a version with one.

    The columns of one that is named alone have plain names. Raises ConfigurationError for a name that the
    version does not have.
    """
    known = {output: place for place, output in enumerate(version.outputs.values())}
    known |= {column: place for place, column in enumerate(version.outputs)}
    named = list(version.outputs) if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    if unknown := [name for name in named if name not in known]:
        raise ConfigurationError(
            call,
            f"reasons are asked for the output {unknown[0]!r} of {version.label}"
            f"{did_you_mean(unknown[0], list(known))}",
            expected=f"one or more of {list(version.outputs.values())}"
            if known
            else "no output, since this ML model has one",
            action="correct output in the argument reasons" if known else "leave output out",
        )
    if isinstance(wanted, str):
        return ((known[wanted], ""),)
    columns = list(version.outputs)
    return tuple((known[name], f"__{columns[known[name]].removeprefix(PREFIX)}") for name in named)


def score_columns(version: Version, outputs: Sequence[tuple[int, str]]) -> list[str]:
    """The columns of the scores of these outputs."""
    names = version.score_columns if version.task == MULTILABEL else list(version.outputs)
    return [names[place] for place, _ in outputs]
