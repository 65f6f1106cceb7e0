"""What a promotion changes, predicted through the command, and measured again after the real run."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from predicted import impact, promoted, refused, registered, scorehouse
from project import REPOSITORY, DbtProject

FEATURES = """
select i as id, 'r' || (i % 4) as region, (i * 7919 % 1000) / 100.0e0 as a,
    case when i % 50 > 0 then (i * 31 % 977) / 97.0e0 end as b, i % 3 as shop
from range(2000) as t(i)
"""
DECISION = {
    "threshold": 0.5,
    "abstain": [0.45, 0.55],
    "top_n": 200,
    "per": ["region"],
    "labels": ["leave", "call", "ask"],
    "bands": {"low": 0, "high": 0.7},
}
pytestmark = pytest.mark.slow
OUTCOMES = ("prediction", "band", "decision")


def make_project(folder: Path, **arguments: Any) -> DbtProject:
    """A table that version 1 has scored."""
    project = registered(folder)
    project.features(FEATURES)
    project.python_model("scores", "toy", key="id", passthrough=["region"], **arguments)
    project.build().check()
    return project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return make_project(tmp_path_factory.mktemp("impact") / "house", decision=DECISION, rescore="changed")


@pytest.fixture
def project(made: DbtProject, tmp_path: Path) -> DbtProject:
    return made.copy(tmp_path / "house")


def outcomes_by_key(project: DbtProject) -> dict[int, dict[str, str]]:
    """What the prediction table says of each key, a rejected row by that word."""
    rows = project.query(f"select id, {', '.join(OUTCOMES)} from scores")
    return {
        key: {name: "(rejected)" if v is None else str(v) for name, v in zip(OUTCOMES, values, strict=True)}
        for key, *values in rows
    }


def counted(document: dict[str, Any], segment: str, changes: str = "changes") -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for one in document[changes]:
        if one["segment"] == segment:
            found[one["outcome"], one["segment_value"], one["before"], one["after"]] = one["keys"]
    return found


def test_every_change_comes_true_key_by_key(project: DbtProject) -> None:
    """Compared with the tables before and after the run, which know nothing of the prediction."""
    found = impact(project, "2", "--segment", "region", "--segment", "shop")
    before = outcomes_by_key(project)
    promoted(project)
    after = outcomes_by_key(project)
    groups = {"all": lambda _: "all", "region": lambda key: f"r{key % 4}", "shop": lambda key: str(key % 3)}
    for segment, value in groups.items():
        real = Counter(
            (name, value(key), before[key][name], after[key][name]) for key in before for name in OUTCOMES
        )
        assert counted(found, segment) == real
    assert {"(rejected)", "ask", "call", "leave"} == {
        one["before"] for one in found["changes"] if one["outcome"] == "decision"
    }
    checked = impact(project, "--check")
    assert (checked["keys_compared"], checked["keys_different"], checked["same_input"]) == (2000, 0, True)
    assert checked["came_true"] and checked["predicted"] == checked["realised"]
    assert counted(checked, "all", "realised") == counted(found, "all")
    text = scorehouse(project, "impact", "toy", "--check", "--target", "dev").stdout
    assert text.endswith("came true\n")


def test_limits_say_where_a_budget_or_a_threshold_binds(project: DbtProject) -> None:
    found = impact(project, "2")
    scores = {1: project.query("select region, score from scores where score is not null")}
    promoted(project)
    scores[2] = project.query("select region, score from scores where score is not null")
    limits = {one["limit"].split()[0]: one for one in found["limits"]}
    for version, side in ((1, "before"), (2, "after")):
        competing = Counter(region for region, score in scores[version] if not 0.45 <= score < 0.55)
        good = Counter(region for region, score in scores[version] if score >= 0.55)
        beyond = [max(good[region] - 200, 0) for region in competing]
        short = [max(min(competing[region], 200) - good[region], 0) for region in competing]
        assert limits["top_n"][f"cuts_{side}"] == sum(beyond)
        assert limits["top_n"][f"binds_{side}"] == sum(cut > 0 for cut in beyond)
        assert limits["threshold"][f"cuts_{side}"] == sum(short)
        assert limits["label"][f"cuts_{side}"] == sum(score < 0.5 for _, score in scores[version])
    assert limits["top_n"]["groups"] == 4
    assert limits["top_n"]["binds_before"] + limits["threshold"]["binds_before"] > 0


def test_what_changed_since_is_counted_apart_and_another_outcome_is_found(project: DbtProject) -> None:
    impact(project, "2")
    project.features(
        f"select * replace (case when id < 7 then 9.9e0 else a end as a) from ({FEATURES}) "
        "where id <> 100 union all select 5000, 'r0', 1.0e0, 1.0e0, 0"
    )
    promoted(project)
    # of the others, decisions alone may differ: a budget compares rows with each other
    ended = scorehouse(project, "impact", "toy", "--check", "--target", "dev", "--json")
    found = json.loads(ended.stdout)
    assert (found["keys_moved"], found["keys_gone"], found["keys_new"]) == (7, 0, 1)
    assert found["keys_compared"] == 1992 and found["keys_waiting"] == 1 and not found["same_input"]
    project.query("update scores set prediction = 1 - prediction where id in (8, 9)")
    altered = impact(project, "--check", code=3)
    assert altered["keys_different"] == found["keys_different"] + 2 and not altered["came_true"]


def test_who_is_forgotten_since_is_not_compared(project: DbtProject) -> None:
    impact(project, "2")
    forgotten = scorehouse(project, "forget", "--key", "id=50", "--target", "dev")
    assert forgotten.exit_code == 3  # the feature table has it still
    promoted(project)
    found = impact(project, "--check")
    assert found["came_true"] and (found["keys_compared"], found["keys_gone"]) == (1999, 0)


def test_a_new_threshold_is_a_move_too(project: DbtProject) -> None:
    found = impact(project, "1", "--threshold", "0.3")
    ups = project.query("select count(*) from scores where score >= 0.3 and score < 0.5")[0][0]
    assert counted(found, "all")["prediction", "all", "0", "1"] == ups > 0
    promoted(project, "1", "--threshold", "0.3")
    assert impact(project, "--check")["came_true"]


def worth(project: DbtProject, *rows: tuple[Any, ...]) -> str:
    file = project.folder / "seeds" / "worth.csv"
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows(rows)
    return "worth"


MOVES = [(was, now) for was in ("leave", "call", "ask") for now in ("leave", "call", "ask") if was != now]


def test_value_is_that_of_the_users_table(project: DbtProject) -> None:
    seed = worth(project, ("before", "after", "value"), *((*move, n - 2.5) for n, move in enumerate(MOVES)))
    found = impact(project, "2", "--values", seed)
    values = {move: n - 2.5 for n, move in enumerate(MOVES)}
    changes = counted(found, "all").items()
    real = sum(
        n * values[was, now] for (name, _, was, now), n in changes if name == "decision" and was != now
    )
    assert found["value"] == pytest.approx(real) and real != 0
    levels = {"leave": 0.0, "call": 7.0, "ask": 3.0}
    found = impact(project, "2", "--values", worth(project, ("decision", "value"), *levels.items()))
    by_level = sum(
        n * (levels[now] - levels[was])
        for (name, _, was, now), n in changes
        if name == "decision" and was in levels
    )
    assert found["value"] == pytest.approx(by_level)
    promoted(project)
    checked = impact(project, "--check")
    assert checked["value_predicted"] == checked["value_realised"] == pytest.approx(by_level)
    was = next(
        one
        for one in found["changes"]
        if (one["segment"], one["outcome"]) == ("all", "decision") and one["before"] in levels
    )
    project.query(f"update scores set decision = null where decision = '{was['after']}'")
    gaps = impact(project, "--check", code=3)["value_gaps"]
    assert any(gap.startswith(f"{was['before']} -> (rejected) (") for gap in gaps)


def test_a_value_table_with_gaps_is_refused(made: DbtProject) -> None:
    gaps = refused(made, "2", "--values", worth(made, ("before", "after", "value"), ("leave", "call", 1)))
    assert "has no value for" in gaps and "call -> leave (" in gaps and "leave -> call" not in gaps


def test_bad_input_is_refused_with_words(made: DbtProject, project: DbtProject) -> None:
    assert "no row of the features has the key \"id\" = '2000'" in refused(made, "2", "--key", "2000")
    row = impact(made, "2", "--key", "id=7")["row"]
    assert [str(row[name][0]) for name in OUTCOMES] == list(outcomes_by_key(made)[7].values())
    assert "--segment names columns that the feature table does not have: 'city'" in refused(
        made, "2", "--segment", "city"
    )
    assert "takes its live scores from the alias 'canary'" in refused(made, "2", "--alias", "canary")
    same = refused(made, "1")
    assert "scored the last run of model.house.scores already" in same
    assert "name version 2, pass --threshold, or edit the alias" in same
    assert "correct --threshold, or leave it out" in refused(made, "2", "--threshold", "1.4")
    assert "no version 9" in refused(made, "9")
    assert "there is no prediction in" in refused(made, "--check", "--folder", "elsewhere")
    ended = scorehouse(made, "impact", "toy", "2", "--check", "--target", "dev")
    assert ended.exit_code == 2
    impact(project, "2")
    assert "the alias 'champion' is still at version 1" in refused(project, "--check")
    assert scorehouse(project, "promote", "toy", "2").exit_code == 0
    assert impact(project)["after"]["version"] == 2  # as a pull request that moves the alias sees it
    assert "the newest run of model.house.scores was of version 1" in refused(project, "--check")
    assert scorehouse(project, "promote", "toy", "2", "--threshold", "0.4").exit_code == 0
    assert "now at version 2 with another threshold" in refused(project, "--check")


def test_a_version_without_the_reasons_that_the_table_asks_for_is_refused(tmp_path: Path) -> None:
    """As the next run would refuse it, after the promotion."""
    project = make_project(tmp_path / "house", reasons=1)
    rows = pd.DataFrame(np.random.default_rng(1).uniform(0, 10, (300, 2)), columns=["a", "b"])
    near = KNeighborsClassifier().fit(rows, rows["a"] > 5)
    project.register(near, "toy", rows, rows["a"] > 5, task="classification", alias=None)
    assert impact(project, "2")["after"]["version"] == 2
    why = refused(project, "3")
    assert "reasons are asked for, but toy version 3 has none that can be used" in why


def test_what_a_check_cannot_read_is_named(project: DbtProject, tmp_path: Path) -> None:
    """A prediction by another release, and a table that lost what its run wrote."""
    kept = Path(impact(project, "2")["file"])
    promoted(project)
    assert impact(project, "--check")["came_true"]
    with duckdb.connect() as connection:
        facts = "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'scorehouse'"
        header = json.loads(connection.execute(facts, [str(kept)]).fetchall()[0][0])
        for name in ("last_run_at", "cost"):
            other = tmp_path / name / kept.name
            other.parent.mkdir()
            connection.execute(
                f"copy (from '{kept}') to '{other}' (format parquet, kv_metadata {{scorehouse: $text}})",
                {"text": json.dumps({key: value for key, value in header.items() if key != name})},
            )
            assert f"lacks {name!r}" in refused(project, "--check", "--folder", str(other.parent))
    project.query("create or replace table scores as select * exclude (scored_at, decision) from scores")
    assert "scores\" has no column 'decision', 'scored_at'" in refused(project, "--check")
    project.query("alter table scorehouse_run_log drop column alias_asked")
    assert "scorehouse_run_log lacks 'alias_asked'" in refused(project, "2")


def test_an_alias_that_moved_meanwhile_is_refused(project: DbtProject) -> None:
    promoted(project)
    assert scorehouse(project, "promote", "toy", "1").exit_code == 0
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)})
    project.register(
        LogisticRegression().fit(frame, frame["a"] > 9),
        "toy",
        frame,
        frame["a"] > 9,
        task="classification",
        alias=None,
    )
    assert "moved meanwhile: it is at version 1 in the project" in refused(project, "3")


def test_a_pull_request_gets_a_comment(made: DbtProject) -> None:
    words = ("impact", "toy", "2", "--target", "dev", "--segment", "region", "--format", "markdown")
    lines = scorehouse(made, *words).stdout.splitlines()
    assert lines[0] == "### toy: champion from version 1 to version 2"
    assert "| before | after | keys | share |" in lines and "such as" not in "".join(lines), (
        "a key of a person"
    )
    place = lines.index("#### decision by region")
    assert lines[place + 2].startswith("| region | keys | changed |") and lines[place + 4].count("|") == 6


def test_a_pull_request_that_moves_no_alias_is_told_so(made: DbtProject) -> None:
    """It registers version 2 beside the champion."""
    ended = scorehouse(made, "impact", "toy", "--target", "dev", "--format", "markdown")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines()[0] == "### toy: champion stays at version 1"
    assert "- version 2: scorehouse impact toy 2 --table scores --target dev\n" in ended.stdout
    assert "--segment" not in ended.stdout
    asked = scorehouse(made, "impact", "toy", "--target", "dev", "--segment", "region", "--key", "7")
    assert "--segment, --key: not used, since nothing moves" in asked.stdout
    found = impact(made)
    assert found["before"] == found["after"] and (found["changes"], found["file"]) == ([], None)
    assert found["stays"] and found.keys() == impact(made, "2").keys(), "a reader needs no other members"


def test_a_pull_request_that_registers_the_first_version_is_told_so(project: DbtProject) -> None:
    """Nothing scored it in the target, whose run log, before the first run of all, is not there either."""
    words = ("impact", "toy", "--target", "dev", "--format", "markdown")
    runs = project.query("select * from scorehouse_run_log")
    project.query("delete from scorehouse_run_log")
    assert runs and "has no successful run of 'toy'" in refused(project, "2")
    for alias, title in (("champion", "is at version 1"), ("next", "is at no version")):
        ended = scorehouse(project, *words, "--alias", alias)
        assert ended.exit_code == 0, ended.output
        assert ended.stdout.splitlines()[0] == f"### toy: {alias} {title}, not scored yet"
        assert ("the first run scores all keys" in ended.stdout) == (alias == "champion")
    asked = scorehouse(project, *words, "--segment", "region")
    assert "--segment: not used, since nothing moves" in asked.stdout
    project.query("drop table scorehouse_run_log")
    found = impact(project)
    assert (found["before"], found["after"]["version"], found["stays"]) == (None, 1, True)
    assert "has 0 run logs" in refused(project, "2")


def test_the_workflow_of_the_page_comments_each_pull_request(project: DbtProject) -> None:
    """Its steps as the page has them, on a branch that registers and on one that promotes; without `gh`."""
    page = (REPOSITORY / "docs/how-to/impact.md").read_text(encoding="utf-8")
    workflow = page.partition('title=".github/workflows/impact.yml"')[2].partition("```")[0]
    job = yaml.load(workflow, Loader=yaml.BaseLoader)["jobs"]["impact"]  # where `on` is no truth value
    (command,) = [step["run"] for step in job["steps"] if "scorehouse impact" in step.get("run", "")]
    assert "--body-file impact.md" in job["steps"][-1]["run"]
    own = command.replace(" churn ", " toy ").replace("--target prod", "--target dev")
    project.write(".gitignore", "target/\nlogs/\nimpact.md\nhouse.duckdb\n")

    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**project.environment, "PATH": path}

    def shell(script: str) -> None:
        words = ("bash", "-eo", "pipefail", "-c", script)
        ended = subprocess.run(words, cwd=project.folder, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr

    git = "git -c user.name=a -c user.email=a@b.c"
    commit = f"git add --all && {git} commit --quiet --message"
    shell(f"git init --quiet --initial-branch main && {commit} one && git checkout --quiet -b registers")
    shell(f"touch more && {commit} two && {own}")
    comment = project.folder / "impact.md"
    assert comment.read_text().startswith("### toy: champion stays at version 1\n")
    shell(f"git checkout --quiet -b promotes && scorehouse promote toy 2 && {commit} three && {own}")
    assert comment.read_text().startswith("### toy: champion from version 1 to version 2\n")
