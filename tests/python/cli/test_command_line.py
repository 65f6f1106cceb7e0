"""Every command through its real entry point, in a stranger's project: done once, and refused once."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import duckdb
import pytest
from click.shell_completion import ShellComplete

from foreign import PREDICTIONS, ForeignProject
from keys import make_key
from project import REPOSITORY
from scorehouse.cli.main import main

FEATURES = ("--features", "basket", "--key", "id")
MODEL = ("artifacts/churn/1/model.joblib", "--features", "features.parquet")
CLASSES = ("--task", "classification")
LABELLED = ("churn", "--features", "training.parquet", "--label", "label")
RETRAINED = (*FEATURES, "--labels", "churn_labels", "--label", "churned", "--time", "visits")
READ = ("--table", "churn_predictions", "--owner", "CRM")
NEAR = "did you mean 'churn'?"
TARGET = ("--target", "dev")
# By command: words that succeed and a part of what is said then; words that fail, their exit code, and why.
Words = tuple[str, ...]
CASES: dict[str, tuple[Words, str, Words, int, str]] = {
    "answer": (("churn", "--key", "7", *TARGET), "Whom to ask", ("chrn", "--key", "7", *TARGET), 1, NEAR),
    "archive": (("churn",), "nothing to do", ("churn", "1"), 1, "it has the alias champion"),
    "check": ((), "ok", ("--project-dir", ".."), 1, "no dbt_project.yml"),
    "compile": (("churn", "--rows", "50"), "churn version 1", ("chrn",), 1, NEAR),
    "completion": (("bash",), "_SCOREHOUSE_COMPLETE", ("tcsh",), 2, "is not one of"),
    "diff": (("churn", "1", "champion"), "no difference", ("churn", "1", "9"), 1, "no version 9"),
    "evidence pack": (
        ("churn", "--output", "pack", *TARGET),
        "written: pack",
        ("chrn", "--output", "other", *TARGET),
        1,
        NEAR,
    ),
    "evidence seal": (TARGET, "head: ", (), 2, "the --target that writes it, one of dev, live, memory"),
    "evidence sign": (
        ("churn", "--key", "release.pem"),
        "signed: churn version 1",
        ("chrn", "--key", "release.pem"),
        1,
        NEAR,
    ),
    "evidence verify": (("pack", "--unsigned"), "nothing was altered", ("nowhere",), 1, "is no manifest"),
    "explain": (("churn", "--key", "7", *TARGET), "churn", ("chrn", "--key", "7", *TARGET), 1, NEAR),
    "export alerts": ((*TARGET, "churn"), "{", (*TARGET, "chrn"), 1, NEAR),
    "export mlflow": (("churn", "--folder", "m"), "m", ("churn@champoin", "--folder", "n"), 1, "'champion'?"),
    "export monitoring": (
        (*TARGET, "--output", "m.jsonl"),
        "written: m.jsonl",
        (*TARGET, "--output", "m.xls"),
        1,
        ".xls",
    ),
    "export predictions": (
        ("churn_predictions", *TARGET, "--to", "out"),
        "300 new",
        ("churn_prediction", *TARGET, "--to", "out"),
        1,
        "did you mean 'churn_predictions'?",
    ),
    "forget": (
        ("--key", "id=7", *TARGET, "--dry-run"),
        "would forget: 1 person",
        ("--key", "id=9999", *TARGET),
        1,
        "the key is in none of",
    ),
    "impact": (
        ("churn", "1", *TARGET, "--threshold", "0.6"),
        "churn: champion from no threshold to threshold",
        ("chrn", *TARGET),
        1,
        NEAR,
    ),
    "import mlflow": (
        ("./m", "other", "--features", "features.parquet"),
        "registered other version 1",
        ("nowhere", "other"),
        1,
        "nowhere",
    ),
    "importance": (LABELLED, "amount", (*LABELLED[:-1], "labl"), 1, "has no column 'labl'"),
    "init": (
        ("spend", *FEATURES, "--label", "visits", "--dry-run"),
        "ml/train_spend.py",
        ("Spend", *FEATURES, "--label", "label"),
        1,
        "cannot be used",
    ),
    "list": ((), "churn", ("--project-dir", ".."), 1, "no dbt_project.yml"),
    "mcp": (TARGET, "read-only", ("--target", "lives"), 1, "did you mean 'live'?"),
    "promote": (("churn", "1", "--alias", "champoin"), "did you mean 'champion'?", ("chrn", "1"), 1, NEAR),
    "reference": (LABELLED[:3], "written to ml_churn__reference", ("chrn", *LABELLED[1:3]), 1, NEAR),
    "register": (
        ("spend", *MODEL, *CLASSES),
        "registered spend version 1",
        ("spend", "nowhere.joblib", *MODEL[1:], *CLASSES),
        1,
        "nowhere.joblib",
    ),
    "report": (TARGET, "written: scorehouse_report/index.html", (*TARGET, "chrn"), 1, NEAR),
    "runs": ((), "success", ("--target", "lives"), 1, "did you mean 'live'?"),
    "scaffold exposure": (
        ("calls", *READ, "--email", "us@example.com", "--dry-run"),
        "ref('churn_predictions')",
        ("calls", *READ, "--email", "us", "--dry-run"),
        2,
        "an address",
    ),
    "scaffold mart": (("churn", *FEATURES[2:], "--dry-run"), "churn_mart", ("chrn", *FEATURES[2:]), 1, NEAR),
    "scaffold monitors": (
        ("churn", *FEATURES, "--dry-run"),
        "scorehouse.drift",
        ("chrn", *FEATURES),
        1,
        NEAR,
    ),
    "scaffold predictions": (
        ("churn", *FEATURES, "--folder", "new", "--dry-run"),
        "scored(",
        ("chrn", *FEATURES),
        1,
        NEAR,
    ),
    "scaffold retraining": (
        ("churn", *RETRAINED, "--dry-run"),
        "compare_metric",
        ("chrn", *RETRAINED),
        1,
        NEAR,
    ),
    "scaffold tests": (("churn", "--table", "basket"), "basket", ("chrn", "--table", "basket"), 1, NEAR),
    "score": (("churn", *TARGET, "--limit", "5"), "5 rows: 5 scored", ("chrn", *TARGET), 1, NEAR),
    "show": (("churn",), "churn version 1", ("chrn",), 1, NEAR),
    "status": ((*TARGET, "churn"), "1 not judged: churn", (*TARGET, "chrn"), 1, NEAR),
}
NEEDS_A_RUN = {"rehearse", "replay", "retrain"}  # in tests of its own below
NEEDS_A_TEACHER = {"distil", "scaffold student"}  # in test_distil.py
NEEDS_A_SERVER = {"sync mlflow"}  # in test_mlflow_sync.py
NAMED = re.compile(r"`scorehouse ([a-z][^`]*)`|^\$ scorehouse ([a-z].*)$", re.M)


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from leaves(part, *path, name)
    else:
        yield " ".join(path), command


LEAVES = dict(leaves(main))


def command_of(words: list[str]) -> click.Command:
    """The command that these words name; fails where there is none, or where an option is not its own."""
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        assert words[0] in command.commands, f"there is no command {words}"
        command = command.commands[words.pop(0)]
    known = {text for option in command.params for text in option.opts} | {"--help", "--no-program"}
    given = {word.split("=")[0].rstrip(".,;)") for word in words if word.startswith("--")}
    assert given <= known, f"{command.name} has no {given - known}"
    return command


def test_every_command_that_is_named_anywhere_exists() -> None:
    places = (
        "*.md",
        "docs/**/*.md",
        "skills/**/*.md",
        "macros/**/*.*",
        "src/**/*.py",
        "models/**/*.yml",
        "dbt_project.yml",
    )
    named = {}
    for file in (file for place in places for file in REPOSITORY.glob(place)):
        for found in NAMED.findall(file.read_text()):
            words = "".join(found).split("#")[0].split()
            command = command_of(words)
            named[command.name] = file.name
    assert {"replay", "register", "promote", "check", "runs", "compile"} <= set(named)
    with pytest.raises(AssertionError, match="no command"):
        command_of(["replai", "x"])
    with pytest.raises(AssertionError, match="has no"):
        command_of(["replay", "x", "--tarjet"])


def test_every_command_has_its_cases_and_its_line_in_the_help() -> None:
    assert set(LEAVES) == set(CASES) | NEEDS_A_RUN | NEEDS_A_TEACHER | NEEDS_A_SERVER

    def check(group: click.Group) -> None:
        for name, command in group.commands.items():
            summary = group.summaries[name]  # type: ignore[attr-defined]
            shown = click.Command(None, help=summary).get_short_help_str(500)
            assert shown == command.get_short_help_str(500)
            if isinstance(command, click.Group):
                check(command)

    check(main)


@pytest.fixture(scope="module")
def shop(foreign_project: ForeignProject, tmp_path_factory: pytest.TempPathFactory) -> ForeignProject:
    """A copy that commands may write into, whose target `live` has a run log without a run."""
    copy = ForeignProject(tmp_path_factory.mktemp("commands") / "a shop", foreign_project.home)
    shutil.copytree(foreign_project.folder, copy.folder, symlinks=True)
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute("create schema live")
        connection.execute(
            "create table live.scorehouse_run_log as from analytics.scorehouse_run_log limit 0"
        )
    if importlib.util.find_spec("cryptography"):
        make_key(copy.folder)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_command_does_its_work_and_refuses_with_words(shop: ForeignProject, name: str) -> None:
    done, said, refused, code, why = CASES[name]
    if name.endswith("mlflow") and not importlib.util.find_spec("mlflow"):
        ended = shop.run("scorehouse", *name.split(), *done, code=1)
        assert "scorehouse[mlflow]" in ended.stderr
        return
    if name == "evidence sign" and not importlib.util.find_spec("cryptography"):
        assert "scorehouse[evidence]" in shop.run("scorehouse", *name.split(), *done, code=1).stderr
        return
    if name == "mcp" and not importlib.util.find_spec("mcp"):
        assert "scorehouse[mcp]" in shop.run("scorehouse", name, *done, code=1).stderr
        return
    ended = shop.run("scorehouse", *name.split(), *done)
    assert said in ended.stdout + ended.stderr
    failed = shop.run("scorehouse", *name.split(), *refused, code=code)
    assert why in failed.stderr and failed.stdout == ""
    assert code == 2 or ("Expected: " in failed.stderr and "What to do: " in failed.stderr)


LABELS = ("--labels", "churn_labels", "--label", "churned")
WRONG_NAMES = (
    (("predictions", "churn", "--features", "basket", "--key", "idd"), "--key is 'idd', and basket has"),
    (("predictions", "churn", *FEATURES, "--keep", "day"), "--keep is 'day', and basket has"),
    (("mart", "churn", "--key", "id", "--keep", "vists"), "--keep is 'vists', and churn_predictions has"),
    (("monitors", "churn", *FEATURES, "--day", "day"), "`passthrough=['day']`"),
    (("monitors", "churn", *FEATURES, "--segment", "shop"), "`passthrough=['shop']`"),
    (("monitors", "churn", *FEATURES, *LABELS[:3], "churn"), "--label is 'churn', and churn_labels has"),
    (("retraining", "churn", *FEATURES, *LABELS, "--time", "day"), "--time is 'day', and basket has"),
    (("tests", "churn", "--table", "basket", "--day", "day"), "--day is 'day', and basket has"),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "why"), WRONG_NAMES, ids=[" ".join(words[::3]) for words, _ in WRONG_NAMES]
)
def test_a_scaffold_names_a_column_that_is_not_there(shop: ForeignProject, words: Words, why: str) -> None:
    said = shop.run("scorehouse", "scaffold", *words, *(("--yes",) if words[0] != "tests" else ()), code=1)
    assert why in said.stderr and "Expected: one of " in said.stderr and said.stdout == ""


@pytest.mark.slow
def test_a_scaffold_says_what_it_leaves_unchecked_and_as_it_is(shop: ForeignProject) -> None:
    words = ("scaffold", "predictions", "churn", "--key", "id", "--folder", "scaffolded", "--yes")
    unknown = shop.run("scorehouse", *words, "--features", "nowhere")
    assert "not checked: --key id, as nowhere cannot be read in the default target" in unknown.stderr
    again = shop.run("scorehouse", *words, "--features", "basket", "--keep", "visits")
    assert "left as it is: scaffolded/churn_predictions.sql, which is not what these options" in again.stderr
    assert "nothing to do: the files already exist" in again.stdout
    mart = ("scaffold", "mart", "churn", "--key", "id", "--folder", "scaffolded", "--yes")
    shop.run("scorehouse", *mart)
    wrong = shop.run("scorehouse", *mart, "--keep", "vists", code=1).stderr
    assert "--keep is 'vists'" in wrong and "left as it is" not in wrong, "an error comes alone"


@pytest.mark.slow
def test_a_run_is_replayed_from_its_target(shop: ForeignProject, tmp_path: Path) -> None:
    runs = json.loads(shop.run("scorehouse", "runs", *TARGET, "--json").stdout)
    (run_id,) = (run["run_id"] for run in runs if run["model_name"] == "churn")
    listed = shop.run("scorehouse", "runs", *TARGET, "--model", "churn").stdout.splitlines()
    shown = listed[1].split()[0]
    assert run_id.startswith(shown)
    found = json.loads(shop.run("scorehouse", "replay", shown, *TARGET, "--json").stdout)
    assert (found["rows_compared"], found["rows_different"], found["same_input"]) == (300, 0, True)
    with duckdb.connect(str(shop.database)) as connection:
        connection.execute("update analytics.churn_predictions set score = score + 0.1 where id = 7")
    said = shop.run("scorehouse", "replay", run_id, *TARGET, "--sample", "300", code=3).stdout
    assert "rows different: 1, such as" in said
    typo = run_id[:3] + ("0" if run_id[3] != "0" else "1") + run_id[4:]
    said = shop.run("scorehouse", "replay", typo, *TARGET, code=1).stderr
    assert f"did you mean {run_id!r}?" in said
    said = shop.run("scorehouse", "replay", run_id, "--database", shop.database, code=1).stderr
    assert "name its schema with --schema" in said
    place = ("--database", shop.database, "--schema", "analytics")
    said = shop.run("scorehouse", "replay", run_id, *place, code=1).stderr
    assert "name the --target that attaches it" in said


@pytest.mark.slow
def test_a_target_has_the_run_log_of_its_schema(shop: ForeignProject, tmp_path: Path) -> None:
    runs = json.loads(shop.run("scorehouse", "runs", *TARGET, "--json").stdout)
    assert len(runs) == len(PREDICTIONS) + 1
    assert "no scoring run" in shop.run("scorehouse", "runs", "--target", "live").stdout
    said = shop.run("scorehouse", "runs", *TARGET, "--model", "chrn").stdout
    assert said == "no scoring run of 'chrn'; did you mean 'churn'?\n"
    settings = (shop.folder / "dbt_project.yml").read_text()
    elsewhere = ForeignProject(tmp_path, shop.home)
    elsewhere.write("dbt_project.yml", settings + "vars: {scorehouse_run_log_schema: live}\n")
    (tmp_path / "warehouse.duckdb").symlink_to(shop.database)
    assert "no scoring run" in elsewhere.run("scorehouse", "runs", *TARGET).stdout


@pytest.mark.slow
def test_a_window_that_has_not_ended_is_shown_where_all_its_labels_are_there(shop: ForeignProject) -> None:
    rows = dict(shop.query("select metric, (status, round(value, 2)) from analytics.churn_performance"))
    assert rows["labels_arrived"] == ("info", 1.0)
    assert rows["accuracy"][0] == "complete" and 0.5 < rows["accuracy"][1] <= 1
    shop.run("scorehouse", "report", "churn", *TARGET, "--output", "complete.html")
    page = (shop.folder / "complete.html").read_text()
    assert "Labels arrived" in page and "Metrics appear when enough labels" not in page


WATCHED = {
    "watched": "profile(ref('churn_predictions'), ref('ml_churn__reference'), ref('basket'), key='id')",
    "watched_drift": "drift(ref('watched'), ref('ml_churn__reference'))",
}


@pytest.mark.slow
def test_a_strangers_monitors_are_rehearsed(shop: ForeignProject, tmp_path: Path) -> None:
    """In a schema of its own, with features from an attached database, and one run as its past."""
    copy = ForeignProject(tmp_path / "a shop", shop.home)
    shutil.copytree(shop.folder, copy.folder, symlinks=True)
    words = ("rehearse", "churn", *TARGET)
    assert NEAR in copy.run("scorehouse", "rehearse", "chrn", *TARGET, code=1).stderr
    assert "scaffold monitors churn" in copy.run("scorehouse", *words, code=1).stderr
    for name, sql in WATCHED.items():
        copy.write(
            f"models/{name}.sql", f"{{{{ config(materialized='table') }}}}\n{{{{ scorehouse.{sql} }}}}\n"
        )
    copy.run("dbt", "build", "--select", *WATCHED)
    found = json.loads(copy.run("scorehouse", *words, "--json").stdout)
    by_fault = {(one["fault"], one["feature"]): one["windows"] for one in found["faults"]}
    assert by_fault["NULL throughout", "amount"] == {"watched_drift": [1, 1]}


RETRAIN = """
vars:
  scorehouse_retrain:
    churn:
      training: seen
      function: learning.of_churn:learn
      label: churned
      time: seen on
      holdout: 60 days
      format: skops
"""
SEEN = """
{{ config(materialized='table') }}
select id, amount, visits, (amount > 50) as churned, date '2025-01-01' + id::integer as "seen on"
from {{ ref('basket') }}
"""
LEARN = """
from sklearn.linear_model import LogisticRegression


def learn(rows, **given):
    estimator = LogisticRegression(max_iter=1000, random_state=given["seed"])
    return estimator.fit(rows[given["features"]], rows[given["label"]])
"""


@pytest.mark.slow
def test_a_strangers_model_is_retrained(shop: ForeignProject, tmp_path: Path) -> None:
    """A column with a space, another format than the parent's, a function that takes all there is."""
    copy = ForeignProject(tmp_path / "a shop", shop.home)
    shutil.copytree(shop.folder, copy.folder, symlinks=True)
    copy.write("dbt_project.yml", (copy.folder / "dbt_project.yml").read_text() + RETRAIN)
    copy.write("models/seen.sql", SEEN)
    copy.write("learning/of_churn.py", LEARN)
    words = ("retrain", "churn", *TARGET)
    assert NEAR in copy.run("scorehouse", "retrain", "chrn", *TARGET, code=1).stderr
    assert "there is no table of signals" in copy.run("scorehouse", *words, code=1).stderr
    ended = copy.run("scorehouse", *words, "--force", "--json", code=20)
    found = json.loads(ended.stdout)
    assert (found["version"], found["provenance"]["rows"], found["provenance"]["parent"]) == (2, 300, 1)
    assert found["metrics"]["accuracy"] > 0.9
    shown = copy.run("scorehouse", "show", "churn/2").stdout
    assert "learning.of_churn:learn on model.corner_shop.seen (300 rows), seed 0" in shown
    assert "artifacts/churn/2/model.skops" in shown
    copy.run("scorehouse", "check")
    assert "reproducible" in copy.run("scorehouse", *words, "--prove", "--version", "2").stdout


def seconds_and_modules(shop: ForeignProject, *arguments: str, **variables: str) -> tuple[float, set[str]]:
    """Processor seconds of a command, the best of three, and what it has imported."""
    script = (
        "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
        "from scorehouse.cli.main import main; main(prog_name='scorehouse')"
    )
    kept = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=shop.folder,
            env={**kept, **variables},
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert ended.returncode == 0, ended.stderr
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(spent), set(ended.stderr.split())


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--help",), ("list",), ("scaffold", "--help"), ("show", "churn")])
def test_help_and_list_start_at_once(shop: ForeignProject, words: Words) -> None:
    seconds, modules = seconds_and_modules(shop, *words)
    assert not modules & {"numpy", "pyarrow", "pandas", "scipy", "sklearn", "duckdb", "dbt"}
    assert seconds < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["scorehouse pro", "scorehouse promote ch", "scorehouse runs --t"])
def test_completion_starts_at_once(shop: ForeignProject, typed: str) -> None:
    place = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    seconds, modules = seconds_and_modules(shop, _SCOREHOUSE_COMPLETE="bash_complete", **place)
    assert not modules & {"numpy", "pyarrow", "pandas", "scipy", "sklearn", "duckdb", "dbt"}
    assert seconds < 0.3


def test_no_command_is_imported_to_list_or_complete_names() -> None:
    script = "import sys, scorehouse.errors, scorehouse; print(scorehouse.__all__, *sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(ended.stdout.split()) & {"numpy", "pyarrow", "pandas", "sklearn", "click"}
    completion = ShellComplete(main, {}, "scorehouse", "_SCOREHOUSE_COMPLETE")
    (item,) = completion.get_completions(["scaffold"], "mon")
    assert item.value == "monitors" and str(item.help).startswith("Write the monitors of NAME")
