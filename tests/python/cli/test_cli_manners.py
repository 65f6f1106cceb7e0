"""Manners that every command shares: help with examples, --json, colours, completion, the named target."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from project import REPOSITORY
from scorehouse import register
from scorehouse.cli import GROUPS, common
from scorehouse.cli.common import complete_name, table
from scorehouse.cli.main import main

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
EXAMPLE = re.compile(r"^ +(scorehouse (?:.*\\\n)*.*)$", re.M)


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its words."""
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from leaves(part, *path, name)
    else:
        yield " ".join(path), command


LEAVES = dict(leaves(main))


def parsed(words: list[str]) -> None:
    """Read a command and its arguments as click would, and run nothing."""
    command: click.Command = main
    context = main.make_context("scorehouse", list(words))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


def words_of(line: str) -> list[str]:
    """Arguments of a line of shell, without what follows the command."""
    text = re.split(r"\s[|>]\s?|\s#", line.replace("\\\n", " "))[0]
    return shlex.split(text)[1:]


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_explains_itself(name: str) -> None:
    command = LEAVES[name]
    assert re.search(r"\bExamples?:", command.help or ""), "help without an example"
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []
    assert "--json" in {text for option in options for text in option.opts}
    for example in EXAMPLE.findall(command.help or ""):
        assert name.split()[0] in example
        parsed(words_of(example))


def test_a_wrong_example_is_found() -> None:
    for line in ("scorehouse diff churn", "scorehouse list --jsn", "scorehouse scaffold marts churn"):
        with pytest.raises(click.UsageError):
            parsed(words_of(line))


def test_commands_in_the_documentation_are_commands() -> None:
    found = 0
    for page in PAGES:
        for line in re.findall(r"^\$ (scorehouse (?:.*\\\n)*.*)$", page.read_text(), re.M):
            if "_COMPLETE" not in line:
                parsed(words_of(line))
                found += 1
    assert found > 15


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two versions of an ML model, a run log in its target `dev`, and a profile."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: store\n")
    (folder / "models").mkdir()
    outputs = "dev: {type: duckdb, path: store.duckdb}, away: {type: duckdb, path: /nowhere/store.duckdb}"
    (folder / "profiles.yml").write_text(f"store: {{target: away, outputs: {{{outputs}}}}}\n")
    frame = pd.DataFrame({"spend": np.arange(60.0)})
    label = (frame["spend"] > 30).astype(int)
    for strength, alias in ((1.0, "champion"), (0.1, "challenger")):
        estimator = LogisticRegression(C=strength).fit(frame, label)
        register(estimator, "churn", frame, label, task="classification", alias=alias, project_dir=folder)
    with duckdb.connect(str(folder / "store.duckdb")) as connection:
        connection.execute(
            "create table scorehouse_run_log as select 'success' as status, 'model.shop.p' as node, "
            "'churn' as model_name, 1 as model_version, 1 as rows_in, 1 as rows_scored, 0 as rows_rejected, "
            "1.0e0 as seconds, 'replace' as write_mode, now()::timestamp as started_at, null as error, "
            "uuid() as run_id, uuid() as parent_run_id"
        )
    return folder


def run(*arguments: str | Path, code: int = 0) -> str:
    ended = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended.output


@pytest.mark.parametrize("place", [".", "models"])
def test_a_named_target_is_found_from_any_folder_of_the_project(
    shop: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop / place)
    (row,) = json.loads(run("runs", "--target", "dev", "--json"))
    assert row["model_name"] == "churn"
    assert "target: away" in run("runs", code=1), "the profile's default, whose file is elsewhere"
    assert "the --target that writes it" in run("evidence", "seal", code=2), "what is kept names it"
    assert "there is no DuckDB file '/nowhere/store.duckdb'" in run("runs", "--target", "away", code=1)


@pytest.fixture
def elsewhere(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop with a second target, `pg`, of a PostgreSQL server that is not there."""
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    server = {"host": "127.0.0.1", "port": 1, "user": "u", "password": "p", "dbname": "crm"}
    outputs = {
        "dev": {"type": "duckdb", "path": "store.duckdb"},
        "pg": {"type": "postgres", "schema": "marts", "threads": 1, **server},
    }
    (copy / "profiles.yml").write_text(yaml.safe_dump({"store": {"target": "dev", "outputs": outputs}}))
    monkeypatch.chdir(copy)
    return copy


@pytest.mark.parametrize(
    "words",
    [
        ("export", "predictions", "p", "--to", "out"),
        ("score", "churn"),
        ("replay", "0b"),
    ],
    ids=" ".join,
)
def test_another_engine_is_refused_with_words_before_anything_is_written(
    elsewhere: Path, words: tuple[str, ...]
) -> None:
    before = sorted(elsewhere.rglob("*"))
    said = run(*words, "--target", "pg", code=1)
    problem = "this command reads DuckDB targets only, and the target 'pg' is of type 'postgres'."
    assert f"scorehouse {' '.join(words[: 2 if words[0] == 'export' else 1])}: {problem}" in said
    assert "Expected: a target of `type: duckdb`, such as 'dev'." in said and "What to do: " in said
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("export", "alerts", "--output", "out"),
        ("export", "monitoring", "--output", "out.jsonl"),
        ("evidence", "pack", "churn", "--output", "out"),
        ("evidence", "seal"),
        ("report", "--output", "out"),
        ("explain", "churn", "--key", "1"),
        ("answer", "churn", "--key", "1", "--output", "out"),
        ("impact", "churn"),
        ("runs",),
        ("status",),
    ],
    ids=" ".join,
)
def test_a_database_that_dbt_cannot_read_is_told_of_in_words(elsewhere: Path, words: tuple[str, ...]) -> None:
    before = sorted(elsewhere.iterdir())
    said = run(*words, "--target", "pg", code=1)
    command = " ".join(words[: 2 if words[0] in ("export", "evidence") else 1])
    assert f"scorehouse {command}: dbt cannot read the target 'pg' (" in said
    if find_spec("dbt.adapters.postgres"):
        assert "see that the server runs, and check host, port, user and password in profiles.yml" in said
    else:
        assert "Could not find adapter type postgres" in said
    assert {each.name for each in set(elsewhere.iterdir()) - set(before)} <= {"logs", "target"}


def test_an_error_begins_with_the_command_that_was_called(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ("list", "check churn", "evidence seal --target dev"):
        command = words.removesuffix(" churn").removesuffix(" --target dev")
        assert run(*words.split(), code=1).startswith(f"scorehouse {command}: no dbt_project.yml in ")
    monkeypatch.chdir(shop)
    assert run("show", "chrun", code=1).startswith("scorehouse show chrun: there is no ML model 'chrun' in ")
    for words in ("promote churn 9", "promote churn 1 --alias '1 b'", "promote churn 1 --require none"):
        assert run(*shlex.split(words), code=1).startswith(f"scorehouse {words}: ")
    said = run("importance", "churn", "--features", "no.csv", code=1)
    assert said.startswith("scorehouse importance: --features no.csv: the file does not exist.")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("show churn --version 2", "The first argument has it, as in churn@challenger or churn/2."),
        ("score churn --alias challenger", "The first argument has it"),
        ("promote churn --version 2", "Give the version alone, as in the usage above."),
        ("diff churn --old 1 --new 2", "Give the old alone, as in the usage above."),
        ("runs --targt dev", "--target"),
        ("scaffold tests churn --table t --yes", "Leave it out: the command asks nothing."),
        ("scaffold tests churn --table t --force", "Leave it out: a file of yours is not overwritten; name"),
    ],
)
def test_an_option_that_is_none_of_the_command_says_what_to_do(words: str, hint: str) -> None:
    said = run(*words.split(), code=2)
    assert "No such option" in said and said.count(hint) == 1 and "--json" not in said
    assert hint == "--target" or "Did you mean" not in said, "a near spelling of another option"
    assert "Leave it out" not in run("report", "churn", "--force", code=2), "which replaces its pages"


@pytest.mark.parametrize(
    "words", ["init new --features f --key k --label l --task", "register new model.joblib --task"]
)
def test_a_choice_suggests_a_near_one(words: str) -> None:
    said = run(*words.split(), "clasification", code=2)
    assert "'clasification' is not one of 'classification', " in said
    assert said.endswith("; did you mean 'classification'?\n")
    assert "did you mean" not in run(*words.split(), "x", code=2)


def test_names_that_are_not_there_are_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    score = ("score", "churn", "--target", "dev", "--key", "run_id", "--table")
    for place in ("", "main."):
        said = run(*score, f"{place}scorehouse_run_lgo", code=1)
        assert "does not exist!); did you mean 'scorehouse_run_log'?" in said
    assert "did you mean" not in run(*score, "nowhere", code=1)
    scaffold = ("scaffold", "predictions", "churn", "--features", "X", "--key", "k", "--dry-run")
    assert "note: " not in run(*scaffold), "every model of this project is still to come"
    (shop / "models/spenders.sql").write_text("select 1 as k")
    said = run(*scaffold)
    (shop / "models/spenders.sql").unlink()
    assert "note: --features is 'X', and " in said and "it; correct it, or write its model" in said
    said = run("show", "churn@champoin", code=1)
    assert "has the alias 'champoin'; did you mean 'champion'?\n" in said


def test_profiles_are_looked_for_where_dbt_looks(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    assert f"there is no profiles.yml in {str(tmp_path)!r}" in run("runs", "--target", "dev", code=1)
    assert "success" in run("runs", "--target", "dev", "--profiles-dir", shop)
    monkeypatch.delenv("DBT_PROFILES_DIR")
    bare = tmp_path / "bare"
    shutil.copytree(shop, bare)
    (tmp_path / ".dbt").mkdir()
    (bare / "profiles.yml").rename(tmp_path / ".dbt/profiles.yml")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "success" in run("runs", "--target", "dev", "--project-dir", bare)
    (bare / "dbt_project.yml").write_text("name: shop\n")
    assert "names no profile" in run("runs", "--target", "dev", "--project-dir", bare, code=1)


def test_scaffolded_tests_as_json(shop: Path, tmp_path: Path) -> None:
    told = ("scaffold", "tests", "churn", "--table", "customers", "--project-dir", shop, "--json")
    (model,) = json.loads(run(*told))["models"]
    assert (model["name"], model["columns"][0]["name"]) == ("customers", "spend")
    file = tmp_path / "tests.yml"
    assert json.loads(run(*told, "--output", file)) == {"written": str(file)}
    assert "exists" in run(*told, "--output", file, code=1)


def test_compile_as_json(shop: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    proven = json.loads(
        run("compile", "churn", "--version", "2", "--rows", "50", "--project-dir", copy, "--json")
    )
    assert [(item["name"], item["version"]) for item in proven] == [("churn", 2)]
    assert proven[0]["program"]["sql"]["largest_difference"] < 1e-9


def in_shell(shop: Path, *command: str | Path, terminal: bool, **variables: str) -> str:
    """What a command prints, on a terminal or into a pipe."""
    environment = {**os.environ, "TERM": "xterm", **variables}
    if "NO_COLOR" not in variables:
        environment.pop("NO_COLOR", None)
    words = [str(word) for word in command]
    if not terminal:
        return subprocess.run(words, cwd=shop, env=environment, capture_output=True, text=True).stdout
    outer, inner = pty.openpty()
    with subprocess.Popen(words, cwd=shop, env=environment, stdout=inner, stderr=inner) as process:
        os.close(inner)
        said = b""
        while part := _read(outer):
            said += part
        process.wait()
    os.close(outer)
    return said.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("terminal", "variables", "coloured"),
    [(True, {}, True), (True, {"NO_COLOR": "1"}, False), (False, {}, False)],
)
def test_colours_on_a_terminal_only(
    shop: Path, terminal: bool, variables: dict[str, str], coloured: bool
) -> None:
    said = in_shell(shop, SCOREHOUSE, "show", "churn", terminal=terminal, **variables)
    assert "churn version 1 (classification)" in said
    assert ("\x1b[" in said) is coloured
    faults = in_shell(shop, SCOREHOUSE, "show", "other", terminal=terminal, **variables)
    assert ("\x1b[31m" in faults) is coloured


def test_the_help_groups_all_commands() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert set(main.commands) == set(grouped) and len(grouped) == len(set(grouped))
    _, _, commands = run("--help").partition("\nCommands:\n")
    assert re.findall(r"^  ([a-z]+) ", commands, re.MULTILINE) == grouped
    assert re.findall(r"^ (\S.*)$", commands, re.MULTILINE) == list(GROUPS)


def test_the_help_cuts_no_sentence_within_a_clause() -> None:
    lines = run("--help").partition("\nCommands:\n")[2].splitlines()
    assert not [line for line in lines if line.endswith("...") or len(line) > 80]
    assert "  init        Prepare a dbt project for the ML model NAME" in lines


def test_a_command_that_takes_long_says_so_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "PATIENCE_SECONDS", 0.01)
    with common.waiting("thinking"):
        time.sleep(0.05)
    assert capsys.readouterr().err == "", "not into a pipe"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with common.waiting("thinking"):
        time.sleep(0.05)
    said = capsys.readouterr().err
    assert ": thinking, 0 s" in said and said.endswith(common.CLEAR)


COMPLETE = """
source <({scorehouse} completion bash)
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_scorehouse_completion {scorehouse}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("scorehouse com", {"compile", "completion"}),
        ("scorehouse promote ch", {"churn"}),
        ("scorehouse show churn@", {"churn@champion", "churn@challenger"}),
        ("scorehouse show churn/", {"churn/1", "churn/2"}),
        ("scorehouse runs --targ", {"--target"}),
    ],
)
def test_bash_completes_commands_and_registered_names(shop: Path, words: str, expected: set[str]) -> None:
    script = COMPLETE.format(scorehouse=SCOREHOUSE, words=words)
    said = in_shell(shop, "bash", "--norc", "-c", script, terminal=False)
    assert set(said.split()) == expected


@pytest.mark.parametrize(("shell", "sign"), [("zsh", "#compdef scorehouse"), ("fish", "complete --no-files")])
def test_completion_for_other_shells(shell: str, sign: str) -> None:
    assert sign in run("completion", shell)
    assert sign in json.loads(run("completion", shell, "--json"))["script"]
    assert "is not one of" in run("completion", "tcsh", code=2)


def test_completion_outside_of_a_project_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no dbt_project.yml" in run("list", code=1)
    command = LEAVES["promote"]
    assert complete_name(click.Context(command), command.params[0], "") == []


def test_a_table_has_its_numbers_to_the_right_and_everything_else_to_the_left() -> None:
    rows = [("9E-33", 12345, 0.25, "+1.5%", None), ("9E-3", None, 12345.6, "-0.5%", True)]
    head, *lines = map(click.unstyle, table(["flight", "rows", "value", "change", "kept"], rows))
    assert head == "flight    rows   value  change  kept"
    assert lines == [
        "9E-33   12,345    0.25   +1.5%  -",
        "9E-3         -  12,346   -0.5%  yes",
    ]
