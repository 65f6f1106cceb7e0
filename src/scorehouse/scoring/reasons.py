"""The argument `reasons`: how many reasons a scored row gets, and which rows get any."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from scorehouse.errors import ConfigurationError, did_you_mean, listed
from scorehouse.scoring.arguments import (
    Arguments,
    Name,
    Names,
    Number,
    argument,
    check_arguments,
    several,
    shown,
)
from scorehouse.scoring.decision import DecisionPolicy

Range = tuple[float, float]
ALL: tuple[Range, ...] = ((-math.inf, math.inf),)
SCORES = ("score", "distance", "prediction")


class Where(Arguments):
    """Which scored rows are explained: those that meet every condition that is given.

    `score`: the column that is compared (default: the one that decides). `at_least`, `below`: bounds of it.
    `band`, `decision`: names of bands and decisions of the policy.
    """

    LISTS = ("band", "decision")

    score: Name | None = argument(None, "the name of a column of scores")
    at_least: Number | None = argument(None, "a finite number")
    below: Number | None = argument(None, "a finite number")
    band: Names = argument((), "the name of a band, or a list of names, each once")
    decision: Names = argument((), "a decision, or a list of decisions, each once")

    @classmethod
    def checked(cls, call: str, value: Any) -> Where:
        if not isinstance(value, Mapping):
            raise _bad(
                call, f"reasons has where {shown(value)}", f"a mapping with {listed(cls.model_fields)}"
            )
        where = check_arguments(cls, value, call, "where of reasons")
        if where in (cls(), cls(score=where.score)):
            raise _bad(call, "where of reasons has no condition", "at_least, below, band or decision")
        return where


class ReasonOptions(Arguments):
    """`top` reasons for the rows `where`; without `where`, for every scored row.

    `output`: of several outputs, the one to explain, or a list of them; default: all.
    """

    top: Annotated[int, Field(ge=1, le=50)] = argument(0, "a number of reasons from 1 to 50")
    where: Where | None = None
    output: Name | Names | None = argument(None, "the name of an output, or a list of names, each once")

    @classmethod
    def checked(cls, call: str, value: Any, policy: DecisionPolicy | None) -> ReasonOptions:
        """Read the argument `reasons`, a number or a mapping; `policy` is the one that decides."""
        if isinstance(value, bool) or not isinstance(value, int | Mapping):
            raise _bad(
                call,
                f"reasons is {shown(value)}",
                "a number of reasons, or a mapping of top, where and output",
            )
        settings: dict[str, Any] = {"top": value} if isinstance(value, int) else dict(value)
        if settings.get("where") is not None:
            settings["where"] = Where.checked(call, settings["where"])
        if not isinstance(settings.get("output"), str):
            settings["output"] = several(settings.get("output"))
        options = check_arguments(cls, settings, call, "reasons")
        if not options.top:
            raise _bad(call, "reasons does not say how many", "top, the number of reasons of a row")
        options.ranges(call, policy)  # refuses what the policy does not have
        return options

    def settings(self) -> dict[str, Any]:
        """The settings as they are in the run log."""
        return self.model_dump(exclude={"output"} if self.output is None else None)

    def column(self, policy: DecisionPolicy | None, names: Collection[str]) -> str:
        """The column that `where` compares, among the `names` of the columns of scores."""
        if self.where is not None and self.where.score is not None:
            return self.where.score
        if policy is not None:
            return policy.score
        known = next((name for name in SCORES if name in names), SCORES[0])
        return next(iter(names)) if len(names) == 1 else known

    def ranges(self, call: str, policy: DecisionPolicy | None) -> tuple[Range, ...] | None:
        """The ranges of the score in which a row is explained; None: all of them."""
        where = self.where
        if where is None:
            return None
        low = -math.inf if where.at_least is None else where.at_least
        found: tuple[Range, ...] = ((low, math.inf if where.below is None else where.below),)
        if where.band:
            found = _both(found, _chosen(call, "band", where.band, band_ranges(policy)))
        if where.decision:
            found = _both(found, _chosen(call, "decision", where.decision, decision_ranges(call, policy)))
        return found


def band_ranges(policy: DecisionPolicy | None) -> dict[str, tuple[Range, ...]]:
    """The scores of each band; scores below the first band belong to it."""
    bands = {} if policy is None else policy.bands
    lows = [-math.inf, *list(bands.values())[1:], math.inf]
    return {name: ((low, high),) for name, (low, high) in zip(bands, pairwise(lows), strict=False)}


def decision_ranges(call: str, policy: DecisionPolicy | None) -> dict[str, tuple[Range, ...]]:
    """The scores of each decision."""
    if policy is not None and policy.top_n is not None:
        raise _bad(
            call,
            "where of reasons names decisions, and top_n decides, which compares all rows of the table",
            "at_least, below or band, which are known when a row is scored",
        )
    if policy is None or policy.threshold is None:
        return {}
    no, yes, abstained = policy.labels
    outside = ALL
    found: dict[str, tuple[Range, ...]] = {}
    if policy.abstain is not None:
        low, high = policy.abstain
        found[abstained] = (policy.abstain,)
        outside = ((-math.inf, low), (high, math.inf))
    found[no] = _both(outside, ((-math.inf, policy.threshold),))
    found[yes] = _both(outside, ((policy.threshold, math.inf),))
    return found


def _chosen(
    call: str, name: str, wanted: Sequence[str], known: Mapping[str, tuple[Range, ...]]
) -> tuple[Range, ...]:
    if unknown := [each for each in wanted if each not in known]:
        near = did_you_mean(unknown[0], list(known))
        raise _bad(
            call,
            f"where of reasons has {name} {listed(unknown)}, which the argument decision does not have{near}",
            f"among {listed(known)}" if known else f"a decision that has a {name} by score",
        )
    return tuple(span for each in wanted for span in known[each])


def _both(some: Sequence[Range], others: Sequence[Range]) -> tuple[Range, ...]:
    """The ranges that both have in common."""
    pairs = [(max(a[0], b[0]), min(a[1], b[1])) for a in some for b in others]
    return tuple(pair for pair in pairs if pair[0] < pair[1])


def _bad(call: str, problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=expected, action="correct the argument reasons")
