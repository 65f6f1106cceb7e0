"""Which scored rows are explained, by ranges of a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    version does not have, an output that is named twice, an empty list, and what is no name or list of names.
    """
    known = {output: place for place, output in enumerate(version.outputs.values())}
    known |= {column: place for place, column in enumerate(version.outputs)}
    named = list(version.outputs) if wanted is None else _names(version, wanted, call)
    if unknown := [name for name in named if name not in known]:
        asked = f"reasons are asked for the output {unknown[0]!r} of {version.label}"
        raise _bad(version, asked + did_you_mean(unknown[0], list(known)), call)
    places = [known[name] for name in named]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise _bad(
                version, f"reasons are asked twice for the output {named[number]!r} of {version.label}", call
            )
    if isinstance(wanted, str):
        return ((places[0], ""),)
    columns = list(version.outputs)
    return tuple((place, f"__{columns[place].removeprefix(PREFIX)}") for place in places)


def _names(version: Version, wanted: Any, call: str) -> list[str]:
    """The names of outputs that were given: one, or a list of them."""
    if isinstance(wanted, str):
        return [wanted]
    named = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    if not all(isinstance(name, str) for name in named) or (version.outputs and not named):
        raise _bad(version, f"reasons of {version.label} are asked for the output {wanted!r:.200}", call)
    return named


def _bad(version: Version, problem: str, call: str) -> ConfigurationError:
    names = list(version.outputs.values())
    return ConfigurationError(
        call,
        problem,
        expected=f"one of {names}, or a list of them, each once"
        if names
        else "no output, since this ML model has one",
        action="correct the argument output" if names else "leave output out",
    )


def score_columns(version: Version, outputs: Sequence[tuple[int, str]]) -> list[str]:
    """The columns of the scores of these outputs."""
    names = version.score_columns if version.task == MULTILABEL else list(version.outputs)
    return [names[place] for place, _ in outputs]
