"""Faults of a loader or of the world, one at a time; each says what has to be named, and how to heal it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from shop import CHURN, ORDER, MlModel
from world import Row

if TYPE_CHECKING:
    from life import Life

NUMBERS = {"spend, and fees": (48.0, 24.0), "visits": (6.0, 2.45), "calls": (1.2, 1.1), "weight": (4.0, 2.8)}
NUMBERS |= {"items": (6.0, 3.2), "distance": (20.0, 20.0)}  # mean and standard deviation in training
TEXTS = ("plan", "city", "shop")
WORDS = ("feature", "title", "text", "cause", "segment")  # of an alert
COLLAPSED = {"plan": "basic", "city": "Graz", "shop": "east"}
UNIT = "another unit"
INTEGERS = ("visits", "calls", "items")


@dataclass(frozen=True)
class Fault:
    """A fault of one feature: `distort` makes the loaded row from the true one."""

    kind: str
    model: MlModel
    feature: str
    distort: Callable[[Row, np.random.Generator], Row]

    @property
    def name(self) -> str:
        return f"{self.kind} of {self.feature!r}"

    @property
    def stops_scoring(self) -> bool:
        """Whether the tests of the feature table, which are there for the second ML model, find it gross."""
        return self.model is ORDER and self.kind in (UNIT, "NULL throughout")

    def plant(self, life: Life) -> None:
        life.world.distorted[self.model.subject.table] = self.distort

    def heal(self, life: Life) -> None:
        """The loader is mended, and loads the true rows again."""
        table = self.model.subject.table
        life.world.distorted.pop(table)
        life.world.restore(table)

    def is_named(self, alert: dict[str, Any]) -> bool:
        """Whether an alert is about this fault: of this ML model, with the feature in its words.

        Another unit is to be called one, also by the test that stops the scoring.
        """
        words = " ".join(str(alert.get(part) or "") for part in WORDS)
        if self.kind == UNIT and alert.get("code", "unit_changed") != "unit_changed" and UNIT not in words:
            return False
        return alert["ml_model"] == self.model.name and self.feature in words


def all_faults() -> Iterator[Fault]:
    """Every kind of fault of every feature that can have it."""
    for model in (CHURN, ORDER):
        for feature in model.features:
            if feature in TEXTS:
                yield Fault("category renamed", model, feature, _set(feature, _renamed))
                yield Fault("a blank appended", model, feature, _set(feature, lambda v: v + " "))
                yield Fault("unknown in 20 %", model, feature, _sometimes(feature, 0.2, "unknown"))
                yield Fault(
                    "collapsed",
                    model,
                    feature,
                    _constant(feature, COLLAPSED[feature]),
                )
            else:
                mean, deviation = NUMBERS[feature]
                yield Fault("shifted by 2 sd", model, feature, _set(feature, _shift(feature, 2 * deviation)))
                yield Fault("constant", model, feature, _constant(feature, _number(feature, mean)))
                yield Fault(UNIT, model, feature, _set(feature, _scale(feature, 100)))
                yield Fault("sign turned", model, feature, _set(feature, _scale(feature, -1)))
                yield Fault("spread tripled", model, feature, _set(feature, _spread(feature, mean, 3)))
                yield Fault(
                    "cut off at its mean", model, feature, _set(feature, lambda v, m=mean: min(v, round(m)))
                )
                yield Fault("-999 in 20 %", model, feature, _sometimes(feature, 0.2, -999))
                yield Fault("0 in 50 %", model, feature, _sometimes(feature, 0.5, 0))
                yield Fault("segment broken", model, feature, _in_segment(model, feature))
            yield Fault("NULL in 30 %", model, feature, _sometimes(feature, 0.3, None))
            yield Fault("NULL throughout", model, feature, _sometimes(feature, 1.0, None))


def _renamed(value: str) -> str:
    return value.upper() + "!"


def _number(feature: str, value: float) -> float | int:
    return round(value) if feature in INTEGERS else round(value, 2)


def _set(feature: str, change: Callable[[Any], Any]) -> Callable[[Row, np.random.Generator], Row]:
    return lambda row, _: row if row[feature] is None else {**row, feature: change(row[feature])}


def _constant(feature: str, value: Any) -> Callable[[Row, np.random.Generator], Row]:
    return lambda row, _: {**row, feature: value}


def _shift(feature: str, by: float) -> Callable[[Any], Any]:
    return lambda value: _number(feature, value + by)


def _scale(feature: str, by: float) -> Callable[[Any], Any]:
    return lambda value: _number(feature, value * by)


def _spread(feature: str, mean: float, by: float) -> Callable[[Any], Any]:
    return lambda value: _number(feature, mean + by * (value - mean))


def _sometimes(feature: str, share: float, value: Any) -> Callable[[Row, np.random.Generator], Row]:
    return lambda row, random: {**row, feature: value} if random.random() < share else row


def _in_segment(model: MlModel, feature: str) -> Callable[[Row, np.random.Generator], Row]:
    value = {"city": "Wien", "shop": "quay 4"}[model.segment]
    return lambda row, _: {**row, feature: 0.0} if row[model.segment] == value else row
