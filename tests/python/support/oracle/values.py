"""What the oracle of rescoring reasons about: features, versions, and the arguments of `score()`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

Key = tuple[Any, ...]  # (id,), or in a history (id, day)


class Features(NamedTuple):
    """A row of the feature table besides its key."""

    a: float | None
    b: float | None
    part: int | None
    updated_at: datetime | None
    type_of_a: str = "double"

    @property
    def scored(self) -> tuple[Any, ...]:
        """What a prediction is made from, in types that tell 12.34 from 1234; NaN equals NaN."""
        values = tuple("NaN" if value != value else value for value in (self.a, self.b, self.part))
        return (*values, self.type_of_a)

    def typed(self, type_of_a: str) -> Features:
        """The row as a feature table holds it whose column `a` has this type."""
        a, held = self.a, TYPES[type_of_a]
        if held.exact:  # a whole number has no NaN and no infinity
            a = None if a is None or not math.isfinite(a) else a * held.factor
        return self._replace(a=a, type_of_a=type_of_a)


class FeatureType(NamedTuple):
    """SQL of the feature `a` in one of its types, and what it makes of a number."""

    sql: str
    exact: bool = True
    factor: int = 1


# a hash that does not see types takes the second for the third, whose numbers are a hundred times as great
TYPES = {
    "double": FeatureType("{a}", exact=False),
    "decimal": FeatureType("case when isfinite({a}) then cast({a} as decimal(10, 2)) end"),
    "integer": FeatureType("case when isfinite({a}) then cast({a} * 100 as integer) end", factor=100),
}


@dataclass(frozen=True)
class Version:
    """A logistic regression on `a` and `b`, and the range of its training data."""

    number: int
    intercept: float
    weights: tuple[float, float]
    threshold: float | None
    lowest: tuple[float, float]
    highest: tuple[float, float]

    def outcome(self, row: Features, strict: bool) -> Outcome:
        """Score of one row, or why it is rejected."""
        reasons = []
        for name, value, low, high in zip("ab", row[:2], self.lowest, self.highest, strict=True):
            if value is None:
                reasons.append(f"null:{name}")
                continue
            if not math.isfinite(value):
                reasons.append(f"not_finite:{name}")
            if strict and (value < low or value > high):
                reasons.append(f"out_of_range:{name}")
        if reasons:
            return Outcome(None, None, tuple(reasons))
        logit = self.intercept + sum(w * float(x or 0) for w, x in zip(self.weights, row[:2], strict=True))
        score = 1 / (1 + math.exp(-logit))
        return Outcome(int(score >= (self.threshold or 0.5)), score, ())


@dataclass(frozen=True)
class Outcome:
    prediction: int | None
    score: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """Arguments of `score()` under test. `targets`: aliases, or numbers of versions; the first is live.

    `kept`: the columns that are passed through.
    """

    rule: str = "changed"
    vanished: str = "keep"
    lookback: int = 0
    max_rows: int | None = None
    targets: tuple[Any, ...] = ("champion",)
    strict: bool = False
    decision: Mapping[str, Any] | None = None
    history: bool = False
    ranks: bool = False
    layout: str = "long"
    kept: tuple[str, ...] = ("part",)

    @property
    def wide(self) -> bool:
        """Whether the versions share a row."""
        return self.several and self.layout == "wide"

    @property
    def several(self) -> bool:
        return len(self.targets) > 1

    @property
    def columns(self) -> tuple[Any, ...]:
        """Where these differ, the prediction table has other columns."""
        beside = self.targets[1:] if self.wide else ()
        several = self.several and not self.wide
        return self.vanished == "flag", self.decision is not None, several, set(beside), self.kept

    def arguments(self) -> dict[str, Any]:
        """As they stand in the dbt model."""
        rescore = {"vanished": self.vanished, "max_rows": self.max_rows}
        if not self.history:
            rescore["rule"] = self.rule
        if self.rule == "updated_at":
            rescore |= {"updated_at": "updated_at", "lookback": self.lookback}
        found = {name: value for name, value in rescore.items() if value is not None}
        arguments = {"key": "id", "passthrough": list(self.kept), "rescore": found}
        named = "alias" if isinstance(self.targets[0], str) else "version"
        arguments[named] = list(self.targets) if self.several else self.targets[0]
        if self.strict:
            arguments["strict"] = ["out_of_range"]
        if self.decision:
            arguments["decision"] = dict(self.decision)
        if self.history:
            arguments["as_of"] = "day"
        if self.ranks:
            arguments["group"] = "part"
        if self.layout != "long":
            arguments["layout"] = self.layout
        return arguments


def ranked(
    features: Mapping[Key, Features], version: Version, strict: bool
) -> dict[Key, tuple[float | None, int | None]]:
    """Score and rank within the part of each row."""
    scores = {key: version.outcome(row, strict).score for key, row in features.items()}
    ranks: dict[Key, int | None] = dict.fromkeys(scores)
    taken: dict[int | None, int] = {}
    for key in sorted(scores, key=lambda k: (-(scores[k] or 0.0), k)):
        if scores[key] is not None:
            part = features[key].part
            ranks[key] = taken[part] = taken.get(part, 0) + 1
    return {key: (scores[key], ranks[key]) for key in scores}
