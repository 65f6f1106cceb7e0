"""Ask a fitted pipeline what it does with values that may not have been in training.

Each trial is one training row with one value replaced. Many trials share one call of the estimator, one row
each. If it refuses them together, they are tried in ever smaller groups, down to single trials.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.pipeline import Pipeline

from scorehouse.kernel import compute as pc
from scorehouse.kernel.frames import assembled, to_numpy
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.tasks import TaskOutputs
from scorehouse.registration.infer import UNSEEN
from scorehouse.registry.signature import Feature, Signature

# tried from the largest: float32 inside the estimator is the usual limit
MAGNITUDES = (1e300, 1e150, float(np.finfo(np.float32).max), 1e30, 1e18)
PROBE_ROWS = 8

Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Trial:
    """A value that replaces the one of the first training row, in the column of `feature`."""

    position: int
    feature: Feature
    value: Any


class Prober:
    """Finds every `accepts_` fact of a signature by trial; `told` is called for each kind of trial."""

    def __init__(
        self,
        estimator: Any,
        outputs: TaskOutputs,
        signature: Signature,
        batch: pa.RecordBatch,
        told: Told = lambda what, done, of: None,
    ) -> None:
        self.estimator = estimator
        self.outputs = outputs
        self.signature = signature
        self.training = batch
        self.told = told
        self.rows = batch.slice(0, PROBE_ROWS)
        columns = check_batch(signature, self.rows, frozenset()).columns
        self.arrays = [to_numpy(column, f) for column, f in zip(columns, signature.features, strict=True)]

    def signature_found(self) -> Signature:
        """The signature with every `accepts_` fact found by trial."""
        features = self._with_missing(list(self.signature.features))
        features = self._with_unseen(features)
        features = self._with_infinity(features)
        return replace(self.signature, features=tuple(self._with_limits(features)))

    def _with_missing(self, features: list[Feature]) -> list[Feature]:
        """Whether NULL is accepted, and in which form: first that of training, then the other, if any."""
        taken = self._taken("probe missing values", {i: (f, None) for i, f in enumerate(features)})
        others = {
            i: replace(f, null_as="none" if f.null_as == "nan" else "nan")
            for i, f in enumerate(features)
            if not taken[i] and f.holds_objects
        }
        taken_otherwise = self._taken("probe missing values", {i: (f, None) for i, f in others.items()})
        return [
            replace(others[i], accepts_null=True)
            if taken_otherwise.get(i)
            else replace(f, accepts_null=taken[i], null_as=f.null_as if taken[i] else "nan")
            for i, f in enumerate(features)
        ]

    def _with_unseen(self, features: list[Feature]) -> list[Feature]:
        values = {i: (f, _unseen(f)) for i, f in enumerate(features)}
        taken = self._taken("probe unseen values", {i: of for i, of in values.items() if of[1] is not None})
        return [
            self._knowing(replace(f, accepts_unseen=taken[i])) if i in taken else f
            for i, f in enumerate(features)
        ]

    def _knowing(self, feature: Feature) -> Feature:
        """If an unseen value is refused, the training values are the only known ones."""
        if feature.accepts_unseen or feature.categories is not None:
            return feature
        values = pc.unique(self.training.column(feature.name).drop_null()).to_pylist()
        return replace(feature, categories=tuple(sorted(values)))

    def _with_infinity(self, features: list[Feature]) -> list[Feature]:
        doubles = {i: (f, float("inf")) for i, f in enumerate(features) if f.type == "double"}
        taken = self._taken("probe infinity", doubles)
        return [replace(f, accepts_non_finite=taken.get(i, False)) for i, f in enumerate(features)]

    def _with_limits(self, features: list[Feature]) -> list[Feature]:
        """The largest magnitude that each double accepts; None if it accepts every one that is tried."""
        limits: dict[int, float | None] = {}
        asked = {i: f for i, f in enumerate(features) if f.type == "double"}
        for magnitude in MAGNITUDES:
            taken = self._taken("probe large values", {i: (f, magnitude) for i, f in asked.items()})
            limits |= {i: magnitude for i in asked if taken[i]}
            asked = {i: f for i, f in asked.items() if not taken[i]}
        limits |= dict.fromkeys(asked, MAGNITUDES[-1])
        limits |= {i: None for i, limit in limits.items() if limit == MAGNITUDES[0]}
        return [replace(f, max_magnitude=limits[i]) if i in limits else f for i, f in enumerate(features)]

    def _taken(self, what: str, values: Mapping[int, tuple[Feature, Any]]) -> dict[int, bool]:
        """Whether the pipeline gives a finite result for each value, by the position of its feature.

        A group that the estimator refuses is made smaller, down to a single trial. The next group is four
        times as large as the last accepted one. If every trial is refused, each is tried about once.
        """
        trials = [_Trial(position, feature, value) for position, (feature, value) in values.items()]
        found: dict[int, bool] = {}
        size = max(1, len(trials))
        rest: tuple[Any, np.ndarray] | None = None
        while len(found) < len(trials):
            start = len(found)
            group = trials[start : start + size]
            if rest is None:
                answers = self._answers(self.estimator, self._rows_of(group), len(group))
            else:
                last_steps, rows = rest
                asked = np.concatenate([rows[start : start + len(group)], rows[len(trials) :]])
                answers = self._answers(last_steps, asked, len(group))
            if answers is None and len(group) > 1:
                rest = self._rest(trials) if len(group) == len(trials) else rest
                size = max(1, len(group) // 8)
                continue
            given = [False] if answers is None else answers
            found |= {trial.position: answer for trial, answer in zip(group, given, strict=True)}
            size = 1 if answers is None else 4 * size
            self.told(what, len(found), len(trials))
        return found

    def _rest(self, trials: Sequence[_Trial]) -> tuple[Any, np.ndarray] | None:
        """The rest of a pipeline after the first steps that accept all trials together, and what it gets.

        None if no steps do. Each row is transformed by itself, so they need not run again for fewer rows.
        """
        if type(self.estimator) is not Pipeline:
            return None
        steps, rows = self.estimator, self._rows_of(trials)
        count = len(rows)
        with warnings.catch_warnings(), np.errstate(all="ignore"), suppress(Exception):
            warnings.simplefilter("ignore")
            while len(steps) > 1:
                rows, steps = steps[:1].transform(rows), steps[1:]
        usable = isinstance(rows, np.ndarray) and len(rows) == count
        return (steps, rows) if usable and len(steps) < len(self.estimator) else None

    def _rows_of(self, group: Sequence[_Trial]) -> Any:
        """X with a row for each trial, followed by the other training rows."""
        places = np.array([*[0] * len(group), *range(1, self.rows.num_rows)])
        arrays = [array[places] for array in self.arrays]
        for row, trial in enumerate(group):
            arrays[trial.position] = self._replaced(trial, row, places)
        return assembled(self.signature, arrays)

    def _answers(self, estimator: Any, rows: Any, trials: int) -> list[bool] | None:
        """Whether the results of the first rows, one per trial, are finite; None if all are refused."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                values = self.outputs.predict(estimator, rows)
        except Exception:  # any refusal is an answer
            return None
        finite = np.ones(trials, dtype=bool)
        for value in values:
            if pa.types.is_floating(value.type):
                found = pc.fill_null(pc.is_finite(value), True).to_numpy(zero_copy_only=False)
                finite &= found[:trials]
        return [bool(answer) for answer in finite]

    def _replaced(self, trial: _Trial, row: int, places: np.ndarray) -> Any:
        """The column of a trial, as the estimator needs it: its value in `row`, the others as in `places`."""
        feature, name = trial.feature, trial.feature.name
        column = self.rows.column(name)
        value = pa.array([trial.value], type=column.type)
        # an index beyond the column is the trial's value, which is appended to the column
        indices = np.where(np.arange(len(places)) == row, len(column), places)
        changed = pa.concat_arrays([column, value]).take(pa.array(indices))
        batch = pa.RecordBatch.from_arrays([changed], names=[name])
        alone = Signature((feature,), self.signature.container, self.signature.array_dtype)
        return to_numpy(check_batch(alone, batch, frozenset()).columns[0], feature)


def _unseen(feature: Feature) -> Any:
    """A value that was not in training; None if the feature cannot have one."""
    if feature.type == "string":
        return UNSEEN
    if feature.type == "integer" and feature.maximum is not None:
        return int(feature.maximum) + 1
    if feature.type == "double" and feature.categories is not None and feature.maximum is not None:
        return feature.maximum * 2 + 1.5
    return None
