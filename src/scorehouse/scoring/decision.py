"""The decision policy: how to decide from a score, as SQL expressions.

A policy is declared with the model, applied by the warehouse when predictions are written, and its
settings stand in the run log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from scorehouse.dialect import DUCKDB, Spelling, double
from scorehouse.errors import ConfigurationError, listed
from scorehouse.scoring.arguments import (
    Arguments,
    Count,
    Labels,
    Name,
    Names,
    Number,
    argument,
    check_arguments,
    refuse,
    shown,
)

COLUMNS = ("decision", "band", "decision_policy")
CORRECT = "correct the argument decision"


class DecisionPolicy(Arguments):
    """How to decide from a score.

    `score`: the column to decide from. `threshold`: the lowest score for a yes. `top_n`: the highest number
    of rows with a yes, the best ones, within each group of the columns `per`. `abstain`: from the first
    score up to (not including) the second, there is no decision. `labels`: the strings for no, yes and
    abstention. `bands`: the lowest score of each band, ascending; scores below the first band belong to it.
    """

    LISTS = ("per", "abstain", "labels")

    score: Name = argument("score", "the name of the column that decides")
    threshold: Number | None = argument(None, "a finite number")
    top_n: Count | None = argument(None, "a whole number of rows from 1")
    per: Names = argument((), "the name of a column, or a list of names, each once, together with top_n")
    abstain: tuple[Number, Number] | None = argument(None, "a lower and a higher score")
    labels: Labels = argument(("no", "yes", "abstain"), "two or three strings")
    bands: dict[Name, Number] = argument({}, "a mapping of each band to its lowest score")

    @classmethod
    def checked(cls, call: str, value: Any) -> DecisionPolicy:
        """Read the argument `decision`; what cannot be used is refused."""
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                call,
                f"decision is {shown(value)}",
                expected=f"a mapping with settings among {listed(cls.model_fields)}",
                action=CORRECT,
            )
        policy = check_arguments(cls, value, call, "decision")
        refuse(call, policy._rules())
        return policy

    def _rules(self) -> Iterator[tuple[bool, str, str, str]]:
        bounds, (low, high) = list(self.bands.values()), self.abstain or (0, 1)
        has_yes = self.threshold is not None or self.top_n is not None
        yield (
            bounds != sorted(set(bounds)),
            f"decision has the bands {self.bands}",
            "bounds that increase from band to band",
            CORRECT,
        )
        yield not low < high, f"decision has abstain {[low, high]}", "a lower and a higher score", CORRECT
        yield (
            bool(self.per) and self.top_n is None,
            "decision has per without top_n",
            "top_n together with per, which names its groups",
            CORRECT,
        )
        yield (
            self.abstain is not None and not has_yes,
            "decision has abstain without a yes or no to abstain from",
            "abstain together with threshold or top_n; or the scores in doubt as a band of their own",
            CORRECT,
        )
        yield not (self.bands or has_yes), "decision decides nothing", "threshold, top_n or bands", CORRECT

    @property
    def digest(self) -> str:
        """Identifies the policy in the prediction table and in the run log.

        It is an MD5, since `_decision_settings` makes the same in dbt's Jinja, which has no other, and has
        numbers as `_digits`, since engines of dbt write some of them otherwise.
        """
        settings = self.model_dump()
        settings["threshold"] = None if self.threshold is None else _digits(self.threshold)
        settings["abstain"] = self.abstain and [_digits(edge) for edge in self.abstain]
        settings["bands"] = {band: _digits(bound) for band, bound in self.bands.items()}
        text = json.dumps(settings, sort_keys=True)
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]

    def expressions(
        self,
        scored: str,
        key: Sequence[str],
        within: Sequence[str] = (),
        spelling: Spelling = DUCKDB,
        beyond: str = "",
    ) -> dict[str, str]:
        """SQL of the columns `decision`, `band` and `decision_policy`.

        `scored` is SQL that is true for rows with a score. `key` are the columns, already quoted, that break
        ties for `top_n`; `within` are the columns that split its groups further. `beyond` is SQL that is true
        for rows that are not among the best `top_n`, instead of a window.
        """
        return {
            "decision": self._decision(scored, key, within, spelling, beyond),
            "band": self._band(scored, spelling),
            "decision_policy": f"'{self.digest}'",
        }

    def competing(self, scored: str, spelling: Spelling) -> str:
        """SQL that is true for the rows among which `top_n` chooses."""
        return scored if self.abstain is None else f"{scored} and not ({self._abstains(spelling)})"

    def _abstains(self, spelling: Spelling) -> str:
        score, (low, high) = spelling.quote(self.score), self.abstain or (0, 0)
        return f"{score} >= {double(low)} and {score} < {double(high)}"

    def _decision(
        self, scored: str, key: Sequence[str], within: Sequence[str], spelling: Spelling, beyond: str
    ) -> str:
        if self.threshold is None and self.top_n is None:
            return f"cast(null as {spelling.text})"
        score = spelling.quote(self.score)
        no, yes, abstained = (spelling.literal(label) for label in self.labels)
        whens = [f"when not ({scored}) then null"]
        if self.abstain is not None:
            whens.append(f"when {self._abstains(spelling)} then {abstained}")
        if self.threshold is not None:
            whens.append(f"when {score} < {double(self.threshold)} then {no}")
        if self.top_n is not None:
            per = [spelling.quote(name) for name in self.per]
            groups = ", ".join([*per, *within, f"({self.competing(scored, spelling)})"])
            order = ", ".join([f"{score} desc", *key])
            place = f"row_number() over (partition by {groups} order by {order})"
            whens.append(f"when {beyond or f'{place} > {self.top_n}'} then {no}")
        return f"case {' '.join(whens)} else {yes} end"

    def _band(self, scored: str, spelling: Spelling) -> str:
        if not self.bands:
            return f"cast(null as {spelling.text})"
        score = spelling.quote(self.score)
        first, *others = ((spelling.literal(name), low) for name, low in self.bands.items())
        whens = [f"when not ({scored}) then null"]
        whens += [f"when {score} >= {double(low)} then {name}" for name, low in others[::-1]]
        return f"case {' '.join(whens)} else {first[0]} end"


def _digits(number: float) -> str:
    """A number as its digits and its power of ten."""
    sign, digits, power = Decimal(repr(number)).normalize().as_tuple()
    return f"{'-' * sign}{''.join(map(str, digits))}e{power}" if number else "0e0"
