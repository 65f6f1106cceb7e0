"""Decision policies: what SQL decides from a score, and that a policy never needs a new scoring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from project import DbtProject
from rescoring import execute, last_run, make_project
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.decision import DecisionPolicy

POLICY = {
    "threshold": 0.5,
    "abstain": [0.4, 0.6],
    "bands": {"low": 0, "medium": 0.3, "high": 0.7},
    "labels": ["leave", "call"],
}


def expected(score: float | None) -> tuple[str | None, str | None]:
    """The policy above, in Python."""
    if score is None:
        return None, None
    band = "high" if score >= 0.7 else "medium" if score >= 0.3 else "low"
    return ("abstain" if 0.4 <= score < 0.6 else "call" if score >= 0.5 else "leave"), band


@pytest.mark.slow
@pytest.mark.parametrize("door", ["python_model", "sql_model"])
def test_thresholds_bands_and_abstention(door: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", door=door, decision=POLICY)
    execute(project, "update raw_rows set b = null where id = 1")
    project.build().check()
    rows = project.query("select score, decision, band from scores")
    assert {row[1] for row in rows} == {None, "leave", "abstain", "call"}
    assert {row[2] for row in rows} == {None, "low", "medium", "high"}
    assert all((decision, band) == expected(score) for score, decision, band in rows)
    run = last_run(project)
    settings = json.loads(run["decision_settings"])
    assert (settings["threshold"], settings["bands"]) == (0.5, POLICY["bands"])
    assert project.query("select distinct decision_policy from scores") == [(run["decision_policy"],)]


@pytest.mark.slow
def test_a_new_policy_decides_again_without_scoring(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore="changed", decision=POLICY)
    project.python_model("scores", "toy", key="id", rescore="changed", decision={"threshold": 0.9})
    scores = project.query("select id, score, scoring_run_id from scores order by id")
    project.build().check()
    assert last_run(project)["rows_in"] == 0
    assert project.query("select id, score, scoring_run_id from scores order by id") == scores
    assert project.query("select count(*) from scores where (decision = 'yes') <> (score >= 0.9)") == [(0,)]
    assert project.query("select distinct band, decision_policy from scores") == [
        (None, last_run(project)["decision_policy"])
    ]


@pytest.mark.slow
@pytest.mark.parametrize("vanished", ["keep", "flag", "delete"])
def test_the_best_of_each_group(vanished: str, tmp_path: Path) -> None:
    """After changes the places are those of a scoring from scratch, though few rows were scored."""
    policy = {"top_n": 5, "per": "part", "abstain": [0.9, 0.95]}
    common: dict[str, Any] = {"key": "id", "passthrough": ["part"], "decision": policy}
    project = make_project(tmp_path / "p", rescore={"rule": "changed", "vanished": vanished}, **common)
    project.python_model("from_scratch", "toy", **common)
    project.build().check()
    changes = [
        "update raw_rows set a = 10 - a where id % 10 = 3",
        "update raw_rows set part = 1 where id < 10",
        "delete from raw_rows where id in (select id from scores where decision = 'yes' limit 5)",
        "insert into raw_rows values (500, 9, 9, 3, now()::timestamp), (501, null, 9, 3, now()::timestamp)",
    ]
    for change in changes:
        execute(project, change)
        project.build().check()
        here = " where id in (select id from from_scratch)"
        live = {"keep": here, "flag": " where not is_vanished", "delete": ""}[vanished]
        decided = "select id, score, decision from {} order by id"
        assert project.query(decided.format("(from scores" + live + ")")) == project.query(
            decided.format("from_scratch")
        )
        best = project.query(f"select part, count(*) from scores {live} {'and' if live else 'where'} "
                             "decision = 'yes' group by all order by 1")  # fmt: skip
        assert best == [(0, 5), (1, 5), (2, 5), (3, 5)]
    if vanished == "keep":  # what has left has no place, until it comes back
        left = "from scores where id not in (select id from from_scratch)"
        assert project.query(f"select count(*), count(decision) {left}") == [(5, 0)]
        decisions = project.query("select id, decision from scores order by id")
        project.build("--empty").check()  # sees no row, so what has left does not compete again
        assert project.query("select id, decision from scores order by id") == decisions
    assert last_run(project)["rows_in"] < 50


@pytest.mark.parametrize(
    "decision",
    [
        {}, {"thresholds": 0.5}, {"threshold": "high"}, {"threshold": True}, {"threshold": float("nan")},
        {"bands": {"low": 0.0, "high": 0.5}, "abstain": [0.4, 0.6]},
        {"top_n": 0}, {"top_n": 1.5}, {"per": "part", "threshold": 0.5}, {"abstain": [0.6, 0.4], "top_n": 1},
        {"abstain": 0.5, "top_n": 1}, {"bands": {"high": 0.7, "low": 0.1}}, {"bands": [0.1, 0.2]},
        {"labels": ["yes"], "top_n": 1}, "threshold",
    ],
)  # fmt: skip
def test_what_cannot_be_decided(decision: Any) -> None:
    with pytest.raises(ConfigurationError, match="decision"):
        DecisionPolicy.checked("score()", decision)


@pytest.mark.slow
def test_a_policy_over_unknown_columns(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    project.python_model("scores", "toy", key="id", decision={"top_n": 1, "per": ["part"], "score": "points"})
    message = project.build().messages["scores"]
    assert "will not have: part, points." in message


def test_texts_are_quoted() -> None:
    policy = DecisionPolicy.checked("score()", {"bands": {"it's": 0, "b": 1}, "score": 'a"b'})
    assert "'it''s'" in policy.expressions("true", ["id"])["band"]
    assert '"a""b" >= 1.0' in policy.expressions("true", ["id"])["band"]


@pytest.mark.slow
def test_output_names_stay_free(tmp_path: Path) -> None:
    project: DbtProject = make_project(tmp_path / "p")
    execute(project, "alter table raw_rows add column band text")
    project.python_model("scores", "toy", key="id", decision={"threshold": 0.5})
    project.build().check()  # a column of that name is the feature table's own, as long as it is not kept
    project.python_model("scores", "toy", key="id", decision={"threshold": 0.5}, passthrough=["band"])
    assert "that the prediction table uses itself: band" in project.build().messages["scores"]
