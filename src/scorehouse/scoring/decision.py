"""The decision policy: how to decide from a score, as SQL expressions.

A policy is declared with the model, applied by the warehouse when predictions are written, and its
settings stand in the run log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from scorehouse.dialect import DUCKDB, Spelling, double
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.arguments import DecisionShape, check_shape, several, shown

COLUMNS = ("decision", "band", "decision_policy")


@dataclass(frozen=True)
class DecisionPolicy:
    """How to decide from a score.

    `score`: the column to decide from. `threshold`: the lowest score for a yes. `top_n`: the highest number
    of rows with a yes, the best ones, within each group of the columns `per`. `abstain`: from the first
    score up to (not including) the second, there is no decision. `labels`: the strings for no, yes and
    abstention. `bands`: the lowest score of each band, ascending; scores below the first band belong to it.
    """

    score: str = "score"
    threshold: float | None = None
    top_n: int | None = None
    per: tuple[str, ...] = ()
    abstain: tuple[float, float] | None = None
    labels: tuple[str, str, str] = ("no", "yes", "abstain")
    bands: tuple[tuple[str, float], ...] = ()

    @classmethod
    def checked(cls, call: str, value: Any) -> DecisionPolicy:
        """Read the argument `decision`; what cannot be used is refused."""
        if not isinstance(value, Mapping):
            known = [field.name for field in fields(cls)]
            raise _bad(call, f"decision is {shown(value)}", f"a mapping with settings among {known}")
        settings = {name: item for name, item in value.items() if item is not None}
        for name in ("per", "abstain", "labels"):
            if name in settings:
                settings[name] = several(settings[name])
        check_shape(DecisionShape, settings, call, "decision")
        if "threshold" in settings:
            settings["threshold"] = float(settings["threshold"])
        if "abstain" in settings:
            settings["abstain"] = tuple(float(bound) for bound in settings["abstain"])
        if "labels" in settings:
            settings["labels"] = (*settings["labels"], "abstain")[:3]
        if "bands" in settings:
            settings["bands"] = tuple((name, float(low)) for name, low in settings["bands"].items())
        policy = cls(**settings)
        policy._check(call)
        return policy

    def _check(self, call: str) -> None:
        bounds = [low for _, low in self.bands]
        if bounds != sorted(set(bounds)):
            raise _bad(
                call, f"decision has the bands {dict(self.bands)}", "bounds that increase from band to band"
            )
        if self.abstain is not None and not self.abstain[0] < self.abstain[1]:
            raise _bad(call, f"decision has abstain {list(self.abstain)}", "a lower and a higher score")
        if self.per and self.top_n is None:
            raise _bad(
                call, "decision has per without top_n", "top_n together with per, which names its groups"
            )
        if self.abstain is not None and self.threshold is None and self.top_n is None:
            raise _bad(
                call,
                "decision has abstain without a yes or no to abstain from",
                "abstain together with threshold or top_n; or the scores in doubt as a band of their own",
            )
        if not self.bands and self.threshold is None and self.top_n is None:
            raise _bad(call, "decision decides nothing", "threshold, top_n or bands")

    def settings(self) -> dict[str, Any]:
        """The settings as they are in the run log."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "bands": dict(self.bands)}

    @property
    def digest(self) -> str:
        """Identifies the policy in the prediction table and in the run log."""
        text = json.dumps(self.settings(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def expressions(
        self, scored: str, key: Sequence[str], within: Sequence[str] = (), spelling: Spelling = DUCKDB
    ) -> dict[str, str]:
        """SQL of the columns `decision`, `band` and `decision_policy`.

        `scored` is SQL that is true for rows with a score. `key` are the columns, already quoted, that break
        ties for `top_n`; `within` are the columns that split its groups further.
        """
        return {
            "decision": self._decision(scored, key, within, spelling),
            "band": self._band(scored, spelling),
            "decision_policy": f"'{self.digest}'",
        }

    def _decision(self, scored: str, key: Sequence[str], within: Sequence[str], spelling: Spelling) -> str:
        if self.threshold is None and self.top_n is None:
            return f"cast(null as {spelling.text})"
        score = spelling.quote(self.score)
        no, yes, abstained = (spelling.literal(label) for label in self.labels)
        whens = [f"when not ({scored}) then null"]
        open_ = scored
        if self.abstain is not None:
            low, high = (double(bound) for bound in self.abstain)
            whens.append(f"when {score} >= {low} and {score} < {high} then {abstained}")
            open_ += f" and not ({score} >= {low} and {score} < {high})"
        if self.threshold is not None:
            whens.append(f"when {score} < {double(self.threshold)} then {no}")
        if self.top_n is not None:
            groups = [*(spelling.quote(name) for name in self.per), *within, f"({open_})"]
            order = ", ".join([f"{score} desc", *key])
            place = f"row_number() over (partition by {', '.join(groups)} order by {order})"
            whens.append(f"when {place} > {self.top_n} then {no}")
        return f"case {' '.join(whens)} else {yes} end"

    def _band(self, scored: str, spelling: Spelling) -> str:
        if not self.bands:
            return f"cast(null as {spelling.text})"
        score = spelling.quote(self.score)
        first, *others = ((spelling.literal(name), low) for name, low in self.bands)
        whens = [f"when not ({scored}) then null"]
        whens += [f"when {score} >= {double(low)} then {name}" for name, low in others[::-1]]
        return f"case {' '.join(whens)} else {first[0]} end"


def _bad(call: str, problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=expected, action="correct the argument decision")
