"""What the user of `scorehouse scaffold monitors` has answered, for an ML model or one of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from scorehouse.cli.scaffold import key_of
from scorehouse.registry.class_columns import PREFIX, score_of
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version


@dataclass(frozen=True)
class Asked:
    """The answers of the user. `table` is a `ref`; `units` are the windows that registration learned from.

    `signature` has one row per feature; `has_pairs` says whether their correlations were learned. Of several
    outputs, `outputs` has the column of each and the column of its labels; one of them is judged by `output`,
    its column, and `label`.
    """

    version: Version
    table: str
    features: str
    keys: tuple[str, ...]
    day: str | None
    segments: tuple[str, ...]
    training: str | None
    labels: str | None
    label: str | None
    label_days: int
    calibrate_to: str | None
    units: Sequence[str]
    signature: Sequence[dict[str, Any]]
    has_pairs: bool
    outputs: tuple[tuple[str, str], ...] = ()
    output: str | None = None

    @property
    def judged(self) -> list[Asked]:
        """What is judged by labels: the ML model, or each of several outputs."""
        if not self.outputs:
            return [self]
        return [replace(self, outputs=(), output=column, label=label) for column, label in self.outputs]

    @property
    def stem(self) -> str:
        """What the names of its monitors begin with."""
        return self.version.name + (f"_{self.ending}" if self.output else "")

    @property
    def subject(self) -> str:
        """What is judged, in words."""
        return f"`{self.version.name}`" + (f", output `{self.output}`" if self.output else "")

    @property
    def task(self) -> str:
        """The task by which it is judged."""
        of_each = {MULTIOUTPUT: "regression", MULTILABEL: "classification"}
        return of_each.get(self.version.task, self.version.task)

    def registered(self, metric: str) -> float | None:
        """The value of a metric at registration; that of one of several outputs ends in its name."""
        return self.version.metrics.get(f"{metric}_{self.ending}" if self.output else metric)

    @property
    def named(self) -> dict[str, str]:
        """The output as the tests and signals take it."""
        return {"output": self.ending} if self.output else {}

    @property
    def ending(self) -> str:
        """The end of the output's column: `week_1` of `prediction_week_1`."""
        return (self.output or "").removeprefix(PREFIX)

    @property
    def common(self) -> dict[str, Any]:
        """Settings that profiles and performance share."""
        given = {"key": key_of(self.keys), "day": self.day, "segments": list(self.segments)}
        return {name: value for name, value in given.items() if value}

    @property
    def labelled(self) -> dict[str, str]:
        return {"predictions": self.table, "labels": f"ref('{self.labels}')"}

    @property
    def is_estimated(self) -> bool:
        """Whether performance can be estimated before labels arrive."""
        return self.task == "regression" or self.version.score_method == "predict_proba"


def options_of(asked: Asked, **more: Any) -> dict[str, Any]:
    """Options: the output, the positive class if it is not 1, which is the macro's default, and others."""
    version = asked.version
    if asked.output:
        more["prediction"] = asked.output
    if asked.output and version.task == MULTILABEL:
        more["score"] = score_of(asked.output)
    if version.classes and (version.classes[1] != 1 or isinstance(version.classes[1], bool)):
        more["positive"] = version.classes[1]
    return {"options": more} if more else {}
