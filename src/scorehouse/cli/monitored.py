"""What is monitored: an ML model or one of its outputs, as the user of `scaffold monitors` describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scorehouse.cli.scaffold import TABLE, call_of, given, key_of, model_entry
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, PREFIX, Version, score_of


@dataclass(frozen=True)
class Monitor:
    """A monitoring model: its SQL and its YAML entry."""

    name: str
    sql: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class Monitored:
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
    period: str
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
    def judged(self) -> list[Monitored]:
        """What is judged by labels, if there are any: the ML model, or each of several outputs."""
        if not self.labels:
            return []
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

    @property
    def ending(self) -> str:
        """The end of the output's column: `week_1` of `prediction_week_1`."""
        return (self.output or "").removeprefix(PREFIX)

    @property
    def named(self) -> dict[str, str]:
        """The output as the tests and signals take it."""
        return {"output": self.ending} if self.output else {}

    @property
    def is_estimated(self) -> bool:
        """Whether performance can be estimated before labels arrive."""
        return self.task == "regression" or self.version.score_method == "predict_proba"

    @property
    def key(self) -> str | list[str]:
        """The argument `key` of the macros."""
        return key_of(self.keys)

    @property
    def span(self) -> str | None:
        """The argument `period` of the macros, where it is not their default."""
        return None if self.period == "month" else self.period

    @property
    def is_dated_longer(self) -> bool:
        """Whether windows are by date, and longer than a day."""
        return self.day is not None and self.period != "day"

    @property
    def labelled(self) -> dict[str, str]:
        return {"predictions": self.table, "labels": f"ref('{self.labels}')"}

    def registered(self, metric: str) -> float | None:
        """The value of a metric at registration; that of one of several outputs ends in its name."""
        return self.version.metrics.get(f"{metric}_{self.ending}" if self.output else metric)

    def options(self, **more: Any) -> dict[str, Any]:
        """Options: the output, the positive class if it is not the macro's default, 1, and others."""
        positive = self.version.classes[1] if self.version.classes else 1
        return given(
            **more,
            prediction=self.output,
            score=score_of(self.output) if self.output and self.version.task == MULTILABEL else None,
            positive=positive if positive != 1 or isinstance(positive, bool) else None,
        )

    def monitor(
        self,
        ending: str,
        description: str,
        columns: Mapping[str, str],
        macro: str,
        relations: Mapping[str, str | None],
        settings: Mapping[str, Any],
        tests: Sequence[Any] = (),
        head: str = "",
        config: str = TABLE,
    ) -> Monitor:
        """The monitor that calls a macro, with the columns and the tests of its YAML."""
        name = f"{self.stem}_{ending}"
        sql = config + head + call_of(macro, relations, settings)
        return Monitor(name, sql, model_entry(name, description, columns, tests))
