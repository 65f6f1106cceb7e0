"""Tables of several versions: the model `impact` in both layouts, and an alias that moves in the list."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from challengers import BOTH, make_project
from project import DbtProject
from rescoring import execute
from scorehouse import promote
from scorehouse.cli.main import main

pytestmark = pytest.mark.slow
WORTH = [("before", "after", "value"), ("0", "1", -2), ("1", "0", 3.5)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """`scores` is long and has decisions, `wide` is not; a rejected row is in both."""
    project = make_project(tmp_path_factory.mktemp("lists") / "p", decision={"threshold": 0.6})
    wide = {"key": "id", "alias": BOTH, "layout": "wide", "passthrough": ["part"]}
    project.python_model("wide", "toy", **wide)
    with (project.folder / "seeds" / "worth.csv").open("w", newline="") as file:
        csv.writer(file).writerows(WORTH)
    by_part = "key='id', segments=['part']"
    for name, words in {
        "of_long": f"ref('scores'), {by_part}, values=ref('worth')",
        "of_wide": f"ref('wide'), {by_part}, values=ref('worth')",
        "of_decisions": f"ref('scores'), {by_part}, outcome='decision'",
        "of_gaps": "ref('scores'), key='id', values=ref('gaps')",
    }.items():
        project.write(f"models/{name}.sql", f"{{{{ scorehouse.impact({words}) }}}}")
    project.write("seeds/gaps.csv", "before,after,value\nyes,no,2\n")
    project.build().check()
    return project


def counted(project: DbtProject, model: str) -> Counter[tuple[str, ...]]:
    rows = project.query(f"select segment, segment_value, outcome_before, outcome_after, n_keys from {model}")
    return Counter({tuple(names): keys for *names, keys in rows})


@pytest.mark.parametrize(
    ("model", "outcome"), [("of_long", "prediction"), ("of_wide", "prediction"), ("of_decisions", "decision")]
)
def test_the_model_counts_what_sql_counts_by_hand(project: DbtProject, model: str, outcome: str) -> None:
    pairs = project.query(
        f"select live.part::varchar, coalesce(live.{outcome}::varchar, '(rejected)'), "
        f"coalesce(other.{outcome}::varchar, '(rejected)') from scores as live "
        "join scores as other using (id) where live.is_live and not other.is_live"
    )
    expected = Counter(
        place for part, was, now in pairs for place in (("all", "all", was, now), ("part", part, was, now))
    )
    assert counted(project, model) == expected and sum(expected.values()) == 800
    assert project.query(f"select distinct live_version, challenger_version from {model}") == [(1, 2)]


def test_the_model_values_what_changes_and_leaves_gaps_empty(project: DbtProject) -> None:
    worth = {(was, now): value for was, now, value in WORTH[1:]}
    for was, now, keys, value in project.query(
        "select outcome_before, outcome_after, n_keys, value from of_long where segment = 'all'"
    ):
        assert value == (0.0 if was == now else keys * worth[was, now])
    gaps = "select distinct value from of_gaps where outcome_before {} outcome_after"
    assert project.query(gaps.format("<>")) == [(None,)]
    assert project.query(gaps.format("=")) == [(0.0,)]
    assert project.query("select count(*) from of_decisions where value is not null") == [(0,)]


def test_an_alias_that_moves_in_a_list_is_predicted_and_comes_true(
    project: DbtProject, tmp_path: Path
) -> None:
    copy = project.copy(tmp_path / "p")

    def impact(*words: str) -> dict[str, object]:
        command = ["impact", "toy", *words, "--target", "dev", "--json", "--project-dir", str(copy.folder)]
        ended = CliRunner(env=copy.environment).invoke(main, command)
        assert ended.exit_code == 0, ended.output
        return dict(json.loads(ended.stdout))

    for table in ("scores", "wide"):
        found = impact("2", "--table", table, "--segment", "part")
        changes = found["changes"]
        assert isinstance(changes, list)
        got = Counter(
            {
                (one["segment"], one["segment_value"], one["before"], one["after"]): one["keys"]
                for one in changes
                if one["outcome"] == "prediction"
            }
        )
        assert got == counted(copy, "of_long")
        assert {one["outcome"] for one in changes} == {
            "prediction",
            *(["decision"] if table == "scores" else []),
        }
    promote("toy", 2, project_dir=copy.folder)
    copy.build("--select", "ml_toy", "scores", "wide").check()
    for table in ("scores", "wide"):
        found = impact("--check", "--table", table)
        assert (found["keys_compared"], found["keys_different"], found["came_true"]) == (400, 0, True)


def test_a_table_without_hashes_of_a_version_is_not_judged_by_other_features(
    project: DbtProject, tmp_path: Path
) -> None:
    copy = project.copy(tmp_path / "p")
    words = ["impact", "toy", "--table", "wide", "--target", "dev", "--project-dir", str(copy.folder)]
    call = CliRunner(env=copy.environment)
    assert call.invoke(main, [*words[:2], "2", *words[2:]]).exit_code == 0
    execute(copy, "update raw_rows set a = 10 - a where id < 50")
    promote("toy", 2, project_dir=copy.folder)
    copy.build("--select", "ml_toy", "features", "wide").check()
    ended = call.invoke(main, [*words, "--check"])
    assert ended.exit_code == 1 and "whether their features changed since cannot be told" in ended.stderr
