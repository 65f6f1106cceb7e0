"""The answer to one person: the story of the decision, and the nearest change that leads to another one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.answer.alternative import Alternative, Alternatives, column_of, own_value, replaced
from scorehouse.answer.outcome import Outcome
from scorehouse.answer.settings import NUMBERS, Answers
from scorehouse.explain.row import LoggedRow
from scorehouse.explain.story import Explainer, Story
from scorehouse.kernel.rows import texts_encoded
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.registration.fragile import neighbours
from scorehouse.registry.version import FRAGILE
from scorehouse.scoring.decision import DecisionPolicy


@dataclass(frozen=True)
class Answer:
    """Everything that a letter says.

    `alternative` is None where `no_alternative` says why: rejected, ranked, nothing_decided or unchangeable.
    `limits` are the scores at which the decision ends. `fragile` are the features of which one step, or the
    last place, changes the decision.
    """

    story: Story
    alternative: Alternative | None
    no_alternative: str | None
    changeable: tuple[str, ...]
    limits: tuple[float, ...]
    fragile: tuple[str, ...]
    contact: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


class Answerer:
    """What answers for the rows of one run."""

    def __init__(self, explainer: Explainer, answers: Answers) -> None:
        self.explainer, self.answers = explainer, answers
        self.changeable = tuple(answers.changeable)
        self.contact = answers.contact or explainer.version.owner
        self.alternatives = Alternatives(explainer, answers.changeable)
        policy = explainer.policy
        self.policy = None if policy is None else DecisionPolicy.checked(explainer.call, policy)

    def answer(self, row: LoggedRow) -> Answer:
        """The answer for one row of the run."""
        explainer, story = self.explainer, self.explainer.story(row, flips=False)
        batch = texts_encoded(explainer.features(row))
        ranked = explainer.options.decision is not None and explainer.options.decision.top_n is not None
        why: str | None = None
        limits: tuple[float, ...] = ()
        fragile: tuple[str, ...] = ()
        alternative: Alternative | None = None
        if story.now[REJECT_REASON] is not None:
            why = "rejected"
        elif ranked or story.decided is None:
            why = "ranked" if ranked else "nothing_decided"
        else:
            outcome = Outcome(story.decided, explainer.version, self.policy, explainer.call)
            limits, fragile = tuple(outcome.limits), self._fragile(batch, outcome)
            why = None if self.changeable else "unchangeable"
            alternative = self.alternatives.of(batch, outcome) if self.changeable else None
        return Answer(story, alternative, why, self.changeable, limits, fragile, self.contact)

    def _fragile(self, row: pa.RecordBatch, outcome: Outcome) -> tuple[str, ...]:
        """The numbers whose neighbour, by a step or in the last place, is decided otherwise."""
        kernel = self.explainer.kernel.alone
        steps = self.explainer.version.program.get(FRAGILE, {}).get("steps", {})
        numbers = {one.name: one for one in kernel.signature.features if one.type in NUMBERS}
        own = {name: own_value(row.column(name)[0].as_py(), one) for name, one in numbers.items()}
        own = {name: value for name, value in own.items() if value is not None}
        tried: list[tuple[str, float]] = []
        for name, value in own.items():
            near, step = [], 1
            if numbers[name].type == "double":
                near = [float(one[0]) for one in neighbours(np.array([value]), numbers[name].dtype)]
                step = steps.get(name, {}).get("step", 0.0)
            ends = [end for end in (numbers[name].minimum, numbers[name].maximum) if end is not None]
            # no step leaves what training had, such as -1 of a count
            for each in (value + step, value - step):
                if not ends or min(value, *ends) <= each <= max(value, *ends):
                    near.append(each)
            tried += [(name, each) for each in near]
        if not tried:
            return ()
        columns = {
            name: column_of([each if name == one else value for one, each in tried], numbers[name])
            for name, value in own.items()
        }
        differs = outcome.differs(kernel(replaced(row, columns, len(tried))))
        return tuple(dict.fromkeys(name for (name, _), each in zip(tried, differs, strict=True) if each))
