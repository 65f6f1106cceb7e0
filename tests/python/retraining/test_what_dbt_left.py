"""What a retraining reads of dbt's own files: models, the gate, and what a training is known by."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from scorehouse.cli.retrain import _refused
from scorehouse.errors import ConfigurationError, EngineError, RegistryError
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version
from scorehouse.report.words import MINUS
from scorehouse.retraining.dbt import Dbt, Node, dbt_options
from scorehouse.retraining.gate import Judgement, comparison_in_words, comparison_of, failed, judge
from scorehouse.retraining.prepared import House
from scorehouse.retraining.rows import commit_of, found_again, retrained, with_key
from scorehouse.retraining.run import Outcome
from scorehouse.retraining.settings import Settings

NODES = {
    "model.shop.rows": {
        "database": "dev",
        "schema": "main",
        "alias": "rows",
        "compiled_code": "select 1\n",
    },
    "model.shop.other": {"database": None, "schema": "main", "alias": "renamed"},
    "test.shop.rows": {"schema": "main", "alias": "rows"},
}
TESTS = {"test.shop.not_worse.1": "pass", "test.shop.not_worse_2.2": "fail", "test.shop.alone_3.3": "warn"}


@pytest.fixture
def dbt(tmp_path: Path) -> Dbt:
    """dbt's target folder after a command."""
    (tmp_path / "target").mkdir()
    nodes = {
        key: {
            "unique_id": key,
            "resource_type": key.partition(".")[0],
            "name": key.rpartition(".")[2],
            **facts,
        }
        for key, facts in NODES.items()
    }
    ran = [{"unique_id": key, "status": status} for key, status in TESTS.items()]
    ran.append({"unique_id": "model.shop.other", "compiled_code": "select 2"})
    (tmp_path / "target" / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    (tmp_path / "target" / "run_results.json").write_text(json.dumps({"results": ran}))
    return Dbt(tmp_path, (), "retrain")


def test_the_training_model_is_known_by_its_compiled_sql(dbt: Dbt) -> None:
    assert dbt.node("rows") == Node("model.shop.rows", '"dev"."main"."rows"', sha256(b"select 1").hexdigest())
    # as the last command has compiled it, and without a database
    assert dbt.node("other") == Node("model.shop.other", '"main"."renamed"', sha256(b"select 2").hexdigest())
    with pytest.raises(ConfigurationError, match=r"no dbt model 'row' in this project.*'rows'"):
        dbt.node("row")


def test_a_shadow_that_is_no_model_is_named(dbt: Dbt) -> None:
    dbt.check_shadow(["rows", "other"])
    with pytest.raises(ConfigurationError, match="`shadow` names 'othr', and there is no dbt model"):
        dbt.check_shadow(["rows", "othr"])


def test_the_gate_is_the_only_test_that_begins_with_its_name(dbt: Dbt) -> None:
    found = {name: dbt.test_result(name)["status"] for name in ("not_worse", "not_worse_2", "alone")}
    assert found == {"not_worse": "pass", "not_worse_2": "fail", "alone": "warn"}
    for name, number in (("not", 2), ("gone", 0)):
        with pytest.raises(
            ConfigurationError, match=f"dbt ran {number} tests whose names begin with '{name}'"
        ):
            dbt.test_result(name)


@dataclass(frozen=True)
class Told(Dbt):
    """dbt that is told what to run, and runs nothing."""

    words: list[str] = field(default_factory=list)

    def run(self, *words: str, may_fail: bool = False, timeout: float | None = None) -> None:
        self.words.append(" ".join(words))


def test_a_challenger_is_loaded_and_scores_in_shadow(tmp_path: Path) -> None:
    own, said = Settings("rows", "a:b", "y", "day", alias="rival"), list[str]()
    loads = "seed --full-refresh --select ml_m ml_m__signature ml_m__reference"
    for shadow, words in (((), [loads]), (("one", "two"), [loads, "build --select one two"])):
        dbt, connect = Told(tmp_path, (), "retrain"), cast(Any, None)
        house = House(ModelSeeds(tmp_path, "m"), replace(own, shadow=shadow), dbt, connect, said.append, "x")
        assert judge(house, Version(name="m", version=2)) == Judgement(None, "no gate is set")
        assert dbt.words == words
    assert said == ["shadow: one, two scored with m version 2 as rival"]


def test_the_words_that_name_a_target() -> None:
    assert dbt_options("dev", None, None) == ("--target", "dev")
    assert dbt_options("", "shop", Path("there")) == ("--profile", "shop", "--profiles-dir", "there")


ROW = {
    "output": "late",
    "segment": None,
    "metric": "roc_auc",
    "challenger_value": 0.812345,
    "live_value": 0.8,
    "difference": 0.012345,
    "difference_low": -0.01,
    "difference_high": 0.03,
    "n_rows": 12000,
    "is_judged": True,
    "problem": None,
}


def test_a_comparison_in_words() -> None:
    few = {**ROW, "output": "lost", "difference": None, "is_judged": False}
    worse = {**ROW, "output": "gone", "problem": "is worse"}
    lines = comparison_in_words([ROW, few, worse])
    numbers = "roc_auc 0.8123, champion 0.8, lead 0.01235 (-0.01 to 0.03), 12,000 rows"
    assert [line.partition(": ")[2] for line in lines] == [
        *(numbers, "not judged, too few rows", f"{numbers}: is worse")
    ]
    assert all(name in line for name, line in zip(("late", "lost", "gone"), lines, strict=True))
    whole = {name: value for name, value in ROW.items() if name not in ("output", "segment")}
    assert comparison_in_words([whole]) == [numbers]
    # a gate that refuses has said it already, or has no numbers
    assert comparison_in_words([{**whole, "problem": "is worse"}, {**whole, "difference": None}]) == []


def test_what_the_gate_found_in_words() -> None:
    house: Any = None  # the rows are there
    for sql in ("", "select 1", "judged as (a) select * from validation_errors", "challenger_value"):
        assert comparison_of(house, sql) == ()
    wrong = [{**ROW, "output": f"o{number}", "problem": "is worse"} for number in range(7)]
    said = failed(house, "", [ROW, *wrong])
    assert said.startswith(": ") and said.count("is worse") == 5 and said.endswith(", and 2 more")
    assert failed(house, "", wrong[:5]).count("is worse") == 5 and "more" not in failed(house, "", wrong[:5])
    alone = failed(house, "", [{"n_rows": None, "metric": "rmse", "difference": 0.25, "problem": "is worse"}])
    assert alone == ": metric rmse, difference 0.25, problem is worse", "of a test that is not ours"
    whole = {name: value for name, value in ROW.items() if name not in ("output", "segment")}
    row = {**whole, "challenger": "challenger", "margin": 0.002, "problem": "worse"}
    assert failed(house, "", [row]) == (
        ": the challenger has 0.8123 in ROC AUC, the champion 0.8000, on 12,000 rows: "
        f"its lead may be as low as {MINUS}0.0100, and the gate allows {MINUS}0.002"
    )
    empty = dict.fromkeys(row) | {"challenger": "blue", "margin": 0.01, "problem": "not_compared"}
    assert failed(house, "", [empty]) == ": the blue: it has not scored this table beside the champion"
    replayed = {"backend": "sql", "rows_compared": 3, "rows_different": 0, "problem": "too_few_rows"}
    said = failed(house, "", [replayed])
    assert said.endswith("rows_compared 3, rows_different 0, problem too_few_rows"), "no gate of ours"


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        (
            ["too_few_rows", None],
            "the gate waits for more labels of m version 2, and fails in each build until they are there. "
            "Until then, builds are green without the alias rival, which these commands take away",
        ),
        (
            ["too_few_rows", "worse"],
            "the gate refused m version 2, and fails in each build while this version has the alias rival. "
            "These commands take it away",
        ),
    ],
)
def test_what_a_gate_asks_for_is_a_sentence(problems: list[str | None], told: str) -> None:
    outcome = Outcome("gate_refused", "", 1, version=2)
    found = tuple({"problem": problem} for problem in problems)
    assert _refused(replace(outcome, comparison=found), "m version 2", "rival") == told
    assert _refused(outcome, "m version 2", "rival").startswith("the gate refused"), "of another kind of test"


RECORD = {"rows_sha256": "aa", "seed": 1, "function": "training:train", "commit": "1" * 40}


def test_a_training_is_found_again_by_what_decides_it() -> None:
    key = with_key(RECORD)["key"]
    assert key == with_key({**RECORD, "commit": "2" * 40})["key"] != with_key({**RECORD, "seed": 2})["key"]
    assert key == "f8ddcd9f79cb58ee8d44804f69b193c47d3b7f128830d08cdba83932e19e754c"  # in each release
    versions = [
        Version(name="m", version=number, provenance=with_key({**RECORD, "seed": seed}))
        for number, seed in ((1, 1), (2, 2), (3, 1))
    ]
    found = [found_again(versions, with_key({**RECORD, "seed": seed})) for seed in (1, 2, 3)]
    assert [one and one.version for one in found] == [3, 2, None]
    assert retrained(versions, 2, "retrain").version == 2
    with pytest.raises(RegistryError, match=r"m version 2 has no provenance.*\n.*1, 3\."):
        retrained([versions[0], replace(versions[1], provenance={}), versions[2]], 2, "retrain")


def test_the_commit_of_a_folder_and_whether_it_differs(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == (None, False)
    own = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b")
    (tmp_path / "file").write_text("1")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*own, *words], check=True)
    commit, changed = commit_of(tmp_path)
    assert (len(commit or ""), changed) == (40, False)
    (tmp_path / "file").write_text("2")
    assert commit_of(tmp_path) == (commit, True)


def test_the_last_lines_of_dbt_are_told_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, own = tmp_path / "dbt", Dbt(tmp_path, ("--target", "dev"), "retrain")
    program.write_text(
        "#!/bin/sh\nfor n in $(seq 20); do echo line $n; echo; done\necho $@ > words\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EngineError) as raised:
        own.run("build", "--select", "x")
    first, *lines = raised.value.problem.splitlines()
    assert first == "`dbt build --select x` failed:"
    assert lines == [f"    line {number}" for number in range(9, 21)]
    own.run("test", may_fail=True)
    words = f"--quiet --no-use-colors test --project-dir {tmp_path} --target-path target --target dev\n"
    assert (tmp_path / "words").read_text() == words
    program.rename(tmp_path / "elsewhere")
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "/nowhere")
        with pytest.raises(ConfigurationError, match="there is no command dbt"):
            own.run("build")
