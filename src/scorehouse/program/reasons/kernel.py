"""A kernel that says why: the columns of another kernel, and the reasons of rows in ranges of a score.

Read the stored reasons of a version: digest first, then the proof rows on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.errors import (
    CompileError,
    ConfigurationError,
    ReasonsError,
    ScorehouseError,
    did_you_mean,
    listed,
)
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import REJECT_REASON, Kernel, spread
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.native.kernel import require_library
from scorehouse.program.reasons.columns import reason_columns, reason_fields
from scorehouse.program.reasons.prove_reasons import differs_here
from scorehouse.program.reasons.stored_reasons import Contributions, StoredReasons, law_broken
from scorehouse.program.store import reading, reasons_in
from scorehouse.registry.artifact import PROGRAM_FILE, REASONS_PROOF_FILE, read_program
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.program_facts import not_certified
from scorehouse.registry.version import MULTILABEL, PREFIX, Version


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
        expected=f"one of {listed(names)}, or a list of them, each once"
        if names
        else "no output, since this ML model has one",
        action="correct the argument output" if names else "leave output out",
    )


def score_columns(version: Version, outputs: Sequence[tuple[int, str]]) -> list[str]:
    """The columns of the scores of these outputs."""
    names = version.score_columns if version.task == MULTILABEL else list(version.outputs)
    return [names[place] for place, _ in outputs]


NUMBERS_AT_ONCE = 2_000_000  # contributions that are in memory at the same time


class ReasonedKernel(Kernel):
    """Scores with `inner`, and explains by `backend` the rows that are `asked` for.

    Every backend of the version scores the same, so `inner` may hold any of them. `data` are the verified
    bytes of `backend`, for engines that score in other processes. Of several outputs, each that is asked for
    has columns of its own.
    """

    def __init__(self, inner: Kernel, backend: StoredReasons, asked: Asked, data: bytes = b"") -> None:
        self.__dict__.update(inner.__dict__)
        self.inner = inner
        self._whole = backend
        places = [place for place, _ in asked.outputs]
        is_part = bool(places) and places != list(range(len(backend.explained)))
        self.backend = backend.of_outputs(places) if is_part else backend
        self.asked = asked
        self.data = data
        *outputs, reject_reason = inner.schema
        self.reason_fields = [
            field
            for ending in [ending for _, ending in asked.outputs] or [""]
            for field in reason_fields(asked.top, ending)
        ]
        self.schema = pa.schema([*outputs, *self.reason_fields, reject_reason])

    @property
    def estimator(self) -> Any:
        return self.inner.estimator

    @property
    def alone(self) -> Kernel:
        return self.inner

    def around(self, inner: Kernel) -> ReasonedKernel:
        return ReasonedKernel(inner, self._whole, self.asked, self.data)

    def holding(self, estimator: Any) -> Kernel:
        return self.around(self.inner.holding(estimator))

    def with_strict(self, strict: frozenset[str]) -> Kernel:
        return self.around(self.inner.with_strict(strict))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        scored = self.inner(batch)
        columns = self._reasons(batch, scored, self.asked.rows(scored))
        *outputs, reject_reason = scored.columns
        return pa.RecordBatch.from_arrays([*outputs, *columns, reject_reason], schema=self.schema)

    def _reasons(self, batch: pa.RecordBatch, scored: pa.RecordBatch, rows: np.ndarray) -> list[pa.Array]:
        if not len(rows):
            return [pa.nulls(batch.num_rows, field.type) for field in self.reason_fields]
        features = batch.select(self.signature.names)
        size = max(1, NUMBERS_AT_ONCE // (self.backend.features * len(self.backend.explained)))
        made = []
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            whole = len(piece) == batch.num_rows
            given, own = (each if whole else each.take(arrays.of_numpy(piece)) for each in (features, scored))
            made.append(self._explained(given, own))
        columns = [pa.concat_arrays(list(column)) for column in zip(*made, strict=True)]
        if len(rows) == batch.num_rows:
            return columns
        return [spread(column, rows, batch.num_rows) for column in columns]

    def _explained(self, features: pa.RecordBatch, scored: pa.RecordBatch) -> list[pa.Array]:
        """The columns of rows that are all asked for."""
        found = self.contributions(features, scored)
        each = range(len(self.asked.outputs))
        places: Sequence[int | np.ndarray] = each if self.asked.outputs else [self._outputs(scored)]
        return [
            column
            for place in places
            for column in reason_columns(*found.of_output(place), features, self.asked.top, self.backend.unit)
        ]

    def explained_row(
        self, features: pa.RecordBatch, scored: pa.RecordBatch
    ) -> tuple[np.ndarray, float, float]:
        """What each feature of one row contributed, the base, and the total."""
        found = self.contributions(features, scored)
        output = int(self._outputs(scored)[0])
        return found.parts[0, output], float(found.base[output]), float(found.totals[0, output])

    def contributions(self, features: pa.RecordBatch, scored: pa.RecordBatch) -> Contributions:
        """The contributions of rows that were scored.

        Raises ReasonsError where they do not add up to the scores.
        """
        columns = check_batch(self.signature, features, frozenset()).columns
        with np.errstate(all="ignore"):
            found = self.backend.contributions(columns)
        if problem := law_broken(self.backend, self.version, found, scored.select(self._scores)):
            raise ReasonsError(
                self.call,
                f"the reasons of {self.version.label} do not add up: {problem}",
                expected="base and contributions that are the total, and a total that gives the score",
                action="score without reasons, and report the estimator's class and version",
            )
        return found

    def _outputs(self, scored: pa.RecordBatch) -> np.ndarray:
        """Which of the explained outputs each row is explained for: that of its predicted class.

        Of several outputs, it is the first that is asked for.
        """
        if self.asked.outputs or not self.backend.is_per_class:
            return np.zeros(scored.num_rows, dtype=np.int64)
        labels = scored.column("prediction")
        known = arrays.array(self.version.classes, labels.type)
        return np.asarray(arrays.to_numpy(pc.index_in(labels, value_set=known)), dtype=np.int64)

    @property
    def _scores(self) -> list[str]:
        """The columns of the task that the totals lead to."""
        if self.asked.outputs:
            return score_columns(self.version, self.asked.outputs)
        return [field.name for field in self.outputs.fields]


def read_reasons(kernel: Kernel, files: ProgramFiles) -> tuple[StoredReasons, bytes]:
    """The reasons of the version in `kernel`, proven on this machine, and the bytes that were verified.

    Raises ConfigurationError for a version that has none, saying why.
    """
    version = kernel.version
    if not version.program.get("reasons"):
        raise _none(kernel, *_why_none(version))
    try:
        require_library(kernel.call)
    except CompileError as error:
        raise _none(kernel, error.problem, error.action) from error
    if files.policy.require_certificate and (open_parts := not_certified(version, "reasons")):
        problem = f"not certified for every input, as the load policy requires: {', '.join(open_parts)}"
        raise _none(kernel, problem, "leave `reasons` out, or the policy's require_certificate")
    data, proof = files.read(kernel), files.read(kernel, REASONS_PROOF_FILE)
    prove = f"run `scorehouse compile {version.name}`"
    with reading("reasons", version, kernel.call):
        backend = reasons_in(data, version)
    try:
        problem = differs_here(proof, backend, kernel.signature)
    except ScorehouseError:
        raise
    except Exception as error:  # such as a function that this release of a library does not have
        raise _none(kernel, f"it cannot be run here ({type(error).__name__}: {error})", prove) from error
    if problem:
        raise _none(kernel, problem, f"{prove}, or score on another machine")
    return backend, data


def read_background(root: Path, version: Version, policy: LoadPolicy, call: str) -> pa.RecordBatch | None:
    """The rows that the reasons of a version compare with, from its program; None if it has none."""
    data = read_program(root, version, PROGRAM_FILE, policy, call)
    with reading("reasons", version, call):
        return reasons_in(data, version).background


def why_none(version: Version) -> str:
    """Why a version has no stored reasons, as the end of a sentence."""
    return _why_none(version)[0]


def _why_none(version: Version) -> tuple[str, str]:
    """Why a version has no stored reasons, and what to do."""
    if refused := version.program.get("refused", {}).get("reasons"):
        return str(refused), "leave `reasons` out"
    if version.program and not {"native", "matrix"} & set(version.program):
        return "only trees and linear models have exact reasons", "leave `reasons` out"
    action = f"run `scorehouse compile {version.name}`, which stores them beside the artifact"
    return "it was registered with program=False", action


def _none(kernel: Kernel, problem: str, action: str) -> ConfigurationError:
    return ConfigurationError(
        kernel.call,
        f"reasons are asked for, but {kernel.version.label} has none that can be used: {problem}",
        expected="a version of trees or of a linear model, whose reasons were proven at registration",
        action=action,
    )
