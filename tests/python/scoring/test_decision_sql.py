"""The SQL of a decision policy, run on scores: what each row is decided, and what cannot be decided."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from project import DbtProject
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.decision import DecisionPolicy, _digits

# key, group and score of each row
ROWS = "(1, 'a', 0.9), (2, 'a', 0.5), (3, 'a', 0.5), (4, 'b', 0.2), (5, 'b', null), (6, 'b', 0.7)"


def decided(policy: dict[str, Any], column: str = "decision") -> list[str | None]:
    """What each row is decided, in the order of the key."""
    sql = DecisionPolicy.checked("score()", policy).expressions("score is not null", ["id"])[column]
    found = duckdb.sql(f"select {sql} from (values {ROWS}) as t(id, part, score) order by id")
    return [row[0] for row in found.fetchall()]


@pytest.mark.parametrize(
    ("policy", "letters"),
    [
        ({"threshold": 0.5}, "yyyn-y"),
        ({"threshold": 0.5, "abstain": [0.5, 0.7]}, "yaan-y"),
        ({"threshold": 0.5, "abstain": [0.2, 0.5]}, "yyya-y"),
        ({"top_n": 2}, "ynnn-y"),
        ({"top_n": 3}, "yynn-y"),
        ({"top_n": 1, "per": "part"}, "ynnn-y"),
        ({"top_n": 2, "per": ["part"]}, "yyny-y"),
        ({"top_n": 2, "threshold": 0.8}, "ynnn-n"),
        ({"top_n": 2, "abstain": [0.6, 0.8]}, "yynn-a"),
        ({"bands": {"low": 0.0, "high": 0.5}}, "------"),
    ],
    ids=str,
)
def test_decisions(policy: dict[str, Any], letters: str) -> None:
    words = {"y": "yes", "n": "no", "a": "abstain", "-": None}
    assert decided(policy) == [words[letter] for letter in letters]


def test_labels_and_bands() -> None:
    assert decided({"threshold": 0.6, "labels": ["stay", "go"]})[:2] == ["go", "stay"]
    three = {"threshold": 0.6, "labels": ["stay", "go", "ask"], "abstain": [0.4, 0.6]}
    assert decided(three)[:4] == ["go", "ask", "ask", "stay"]
    bands = {"bands": {"low": 0.4, "middle": 0.5, "high": 0.8}}
    assert decided(bands, "band") == ["high", "middle", "middle", "low", None, "middle"]
    assert decided({"threshold": 0.5}, "band") == [None] * 6


def test_a_number_is_its_digits_whoever_writes_it(project: DbtProject) -> None:
    wanted = {0.5: "5e-1", 1e-05: "1e-5", 1.25e-07: "125e-9", 0.0: "0e0", -120.0: "-12e1", 1e16: "1e16"}
    wanted |= {1.7976931348623157e308: "17976931348623157e292", 5e-324: "5e-324", -0.0012: "-12e-4"}
    assert [_digits(number) for number in wanted] == [*wanted.values()]
    texts = [f"'{{{{ scorehouse._digits({number!r}) }}}}' as n{place}" for place, number in enumerate(wanted)]
    project.write("models/digits.sql", f"select {', '.join(texts)}")
    project.build().check()
    assert project.query("from digits") == [tuple(wanted.values())]


def test_a_digest_is_of_all_settings() -> None:
    policies = [
        {"threshold": 0.5},
        {"threshold": 0.6},
        {"threshold": 0.5, "labels": ["a", "b"]},
        {"top_n": 1},
    ]
    digests = [DecisionPolicy.checked("score()", policy).digest for policy in policies]
    assert len(set(digests)) == 4 and {len(digest) for digest in digests} == {12}
    assert DecisionPolicy.checked("score()", {"threshold": 0.5, "score": "score"}).digest == digests[0]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"bands": {"a": 0.5, "b": 0.5}}, "decision has the bands {'a': 0.5, 'b': 0.5}"),
        ({"threshold": 0.5, "abstain": [0.5, 0.5]}, "decision has abstain [0.5, 0.5]"),
        ({"threshold": 0.5, "per": "part"}, "decision has per without top_n"),
        ({"bands": {"a": 0, "b": 1}, "abstain": [0, 1]}, "decision has abstain without a yes or no"),
        ({"score": "points"}, "decision decides nothing"),
        ({"threshold": 0.5, "labels": ["a", "b", "c", "d"]}, "decision has labels"),
        ("x" * 300, "decision is '" + "x" * 199 + "…"),
    ],
    ids=lambda value: None,
)
def test_what_cannot_be_decided_is_said(policy: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        DecisionPolicy.checked("score()", policy)
    assert raised.value.problem.startswith(said)
