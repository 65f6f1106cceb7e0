"""The argument `reasons`: how many, and for which scores."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from scorehouse.errors import ConfigurationError
from scorehouse.scoring.decision import DecisionPolicy
from scorehouse.scoring.reasons import ReasonOptions

THRESHOLD = {"threshold": 0.6}
ABSTAIN = {"threshold": 0.6, "abstain": [0.4, 0.7], "labels": ["stay", "go", "ask"]}
BANDS = {"bands": {"low": 0.1, "middle": 0.3, "high": 0.8}, "score": "points"}


def checked(reasons: Any, decision: Any = None) -> tuple[ReasonOptions, DecisionPolicy | None]:
    policy = None if decision is None else DecisionPolicy.checked("score()", decision)
    return ReasonOptions.checked("score()", reasons, policy), policy


@pytest.mark.parametrize(
    ("where", "decision", "ranges"),
    [
        (None, None, None),
        ({"at_least": 0.5}, None, ((0.5, inf),)),
        ({"below": 0.5}, None, ((-inf, 0.5),)),
        ({"at_least": 0.2, "below": 0.5}, None, ((0.2, 0.5),)),
        ({"band": "low"}, BANDS, ((-inf, 0.3),)),
        ({"band": ["low", "high"]}, BANDS, ((-inf, 0.3), (0.8, inf))),
        ({"band": "middle", "at_least": 0.5}, BANDS, ((0.5, 0.8),)),
        ({"band": "low", "at_least": 0.3}, BANDS, ()),
        ({"decision": "yes"}, THRESHOLD, ((0.6, inf),)),
        ({"decision": "no"}, THRESHOLD, ((-inf, 0.6),)),
        ({"decision": "ask"}, ABSTAIN, ((0.4, 0.7),)),
        ({"decision": "go"}, ABSTAIN, ((0.7, inf),)),
        ({"decision": "stay"}, ABSTAIN, ((-inf, 0.4),)),
    ],
    ids=str,
)
def test_the_scores_that_are_explained(where: Any, decision: Any, ranges: Any) -> None:
    reasons = {"top": 3} if where is None else {"top": 3, "where": where}
    options, policy = checked(reasons, decision)
    assert options.ranges("score()", policy) == ranges


def test_the_column_that_is_compared() -> None:
    names = ["distance", "score", "other"]
    assert checked({"top": 1, "where": {"score": "other", "below": 1}})[0].column(None, names) == "other"
    options, policy = checked(2, BANDS)
    assert options.column(policy, names) == "points"
    plain = checked(2)[0]
    assert [plain.column(None, some) for some in (names, ["distance", "x"], ["x"], ["x", "y"])] == [
        *("score", "distance", "x", "score")
    ]


def test_what_stands_in_the_run_log() -> None:
    assert checked(2)[0].settings() == {"top": 2, "where": None}
    assert checked({"top": 2, "output": "a"})[0].settings()["output"] == "a"
    assert checked({"top": 2, "output": ["a", "b"]})[0].settings()["output"] == ("a", "b")


@pytest.mark.parametrize(
    ("reasons", "decision", "said"),
    [
        (True, None, "reasons is True"),
        ("3", None, "reasons is '3'"),
        (0, None, "reasons has top 0"),
        (51, None, "reasons has top 51"),
        ({"output": "a"}, None, "reasons does not say how many"),
        ({"top": 1, "where": 3}, None, "reasons has where 3"),
        ({"top": 1, "where": {}}, None, "where of reasons has no condition"),
        ({"top": 1, "where": {"score": "x"}}, None, "where of reasons has no condition"),
        (
            {"top": 1, "where": {"decision": "yes"}},
            {"top_n": 3},
            "where of reasons names decisions, and top_n",
        ),
        ({"top": 1, "where": {"decision": "yes"}}, None, "where of reasons has decision yes, which the"),
        ({"top": 1, "where": {"decision": "yes"}}, BANDS, "where of reasons has decision yes"),
        ({"top": 1, "where": {"band": "low"}}, None, "where of reasons has band low"),
        ({"top": 1, "where": {"band": "lo"}}, BANDS, "where of reasons has band lo"),
    ],
    ids=str,
)
def test_what_cannot_be_explained(reasons: Any, decision: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        checked(reasons, decision)
    assert raised.value.problem.startswith(said)
