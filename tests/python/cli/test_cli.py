"""The command `scorehouse`: what it prints, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from sklearn.linear_model import LinearRegression, LogisticRegression

from project import REPOSITORY
from scorehouse import promote, register
from scorehouse.cli.main import main
from scorehouse.registration.groups import grouped
from scorehouse.registration.promote import alias_diff
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

X = pd.DataFrame({"age": np.arange(40.0), "visits": np.arange(40) % 7})
Y = np.arange(40) > 20


def classifier(strength: float = 1.0) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000).fit(X, Y)


def churn(strength: float = 1.0, **facts: Any) -> Any:
    return register(classifier(strength), "churn", X, Y, task="classification", **grouped(facts))


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def training_files(empty_project: Path) -> tuple[str, str]:
    joblib.dump(classifier(), empty_project / "given.joblib")
    X.to_parquet(empty_project / "train.parquet")
    return str(empty_project / "given.joblib"), str(empty_project / "train.parquet")


def test_command_register(training_files: tuple[str, str], empty_project: Path) -> None:
    file, features = training_files
    told = ("register", "churn", file, "--features", features, "--task", "classification")
    ended = command(*told, "--metric", "roc_auc=0.8", "--metric", "brier=0.1", "--owner", "team")
    assert ended.exit_code == 0, ended.output
    assert "registered churn version 1: artifacts/churn/1/model.joblib" in ended.output
    assert "next: scorehouse promote churn 1 --alias champion" in ended.output
    (version,) = ModelSeeds(empty_project, "churn").versions()
    assert version.metrics == {"roc_auc": 0.8, "brier": 0.1} and version.owner == "team"


def test_show_says_what_drift_finds_by_month(empty_project: Path) -> None:
    """From when training rows were recorded; without that, nothing says how much months differ."""
    told = command("show", "churn", "--project-dir", str(REPOSITORY)).output
    shown = {line.split()[0]: line.split()[-1] for line in told.splitlines() if line.strip()}
    assert (shown["country"], shown["tenure_days"], shown["recency_days"]) == ("-", "blind", "86.71")
    assert "minimum_detectable: the least shift of the mean" in told
    churn()
    assert "minimum_detectable" not in command("show", "churn").output


def test_command_register_from_csv(training_files: tuple[str, str], empty_project: Path) -> None:
    X.to_csv(empty_project / "train.csv", index=False)
    told = ("--features", "train.csv", "--task", "classification", "--alias", "champion")
    ended = command("register", "churn", training_files[0], *told, "--project-dir", str(empty_project))
    assert ended.exit_code == 0, ended.output
    assert ModelSeeds(empty_project, "churn").versions()[0].aliases == ("champion",)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--features", "nowhere.parquet"), 1, "the file does not exist"),
        (("--features", "train.xlsx"), 1, "its extension is '.xlsx'"),
        (("--features", "train.parquet", "--metric", "roc_auc"), 2, "expected NAME=VALUE with a number"),
        (("--features", "train.parquet", "--metric", "roc_auc=high"), 2, "expected NAME=VALUE with a number"),
        ((), 2, "--features"),
    ],
)
def test_command_register_refused(
    arguments: tuple[str, ...], code: int, told: str, training_files: tuple[str, str]
) -> None:
    ended = command("register", "churn", training_files[0], "--task", "classification", *arguments)
    assert (ended.exit_code, "Traceback" in ended.output) == (code, False)
    assert told in ended.output


def test_command_promote(empty_project: Path) -> None:
    churn()
    churn(0.1, alias="champion")
    ended = command("promote", "churn", "1")
    assert ended.exit_code == 0 and "aliases of churn version 1: champion" in ended.output
    assert "before the build: scorehouse impact churn 1 --target TARGET --format markdown" in ended.output
    for words in (("1",), ("2", "--alias", "challenger"), ("2", "--alias", "canary")):
        assert "scorehouse impact" not in command("promote", "churn", *words).output  # nothing moves
    assert "impact churn 1 --alias canary" in command("promote", "churn", "1", "--alias", "canary").output
    ended = command("promote", "churn", "9", "--alias", "champion")
    assert ended.exit_code == 1 and "has no version 9" in ended.output and "What to do" in ended.output
    assert command("promote", "churn", "one").exit_code == 2
    unknown = command("promote", "churn", "9", "--require", "gate")
    assert "has no version 9" in unknown.output and "one of the versions 1, 2" in unknown.output
    decided = command("promote", "churn", "1", "--threshold", "0.4")
    assert "threshold of churn version 1: none -> 0.4" in decided.output
    assert "scorehouse impact churn 1 " in decided.output
    assert "scorehouse impact" not in command("promote", "churn", "1", "--threshold", "0.4").output
    within = "above 0, and at most 1"
    for threshold, expected in (("1.7", within), ("-3", within), ("nan", "a finite number")):
        refused = command("promote", "churn", "1", "--threshold", threshold)
        assert (
            refused.exit_code == 1
            and expected in refused.output
            and "correct the threshold" in refused.output
        )
    assert "predicted from 0.4 on" in command("show", "churn").output
    assert "did you mean 'challenger'?" in command("show", "churn@chalenger").output


def test_an_alias_is_removed(empty_project: Path) -> None:
    churn(alias="champion")
    churn(0.1, alias="challenger")
    rolled_back = (command("promote", "churn", "2"), command("promote", "churn", "1"))[1]
    assert "-churn,2,challenger|champion,...\n+churn,2,challenger,...\n" in rolled_back.output
    assert "to take it away: scorehouse promote churn --remove challenger" in rolled_back.output
    (empty_project / "models").mkdir(exist_ok=True)
    for name in ("churn", "demand"):
        sql = f'{{{{ scorehouse.scored(\'{name}\', alias=["champion", "challenger"]) }}}}'
        (empty_project / f"models/{name}_predictions.sql").write_text(sql)
    ended = command("promote", "churn", "--remove", "challenger")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.startswith("-churn,2,challenger,...\n+churn,2,,...\nnext: dbt build --select ")
    note = "note: models/churn_predictions.sql names the alias 'challenger', which no version has now\n"
    assert ended.stderr == note
    assert [row.aliases for row in ModelSeeds(empty_project, "churn").versions()] == [("champion",), ()]
    yaml = empty_project / "seeds/ml/churn/_ml_churn.yml"
    assert "challenger" not in yaml.read_text()
    said = command("show", "churn@chalenger").output
    assert "did you mean 'challenger', which no version has yet?" in said


def test_what_is_registered_meanwhile_is_no_difference() -> None:
    before = [Version(name="churn", version=1, aliases=("champion",)), Version(name="churn", version=2)]
    after = [
        Version(name="churn", version=1),
        Version(name="churn", version=2, aliases=("champion",)),
        Version(name="churn", version=3),
    ]
    lines = ["-churn,1,champion,...", "+churn,1,,...", "-churn,2,,...", "+churn,2,champion,..."]
    assert alias_diff(before, after) == lines


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--remove", "champion"), 1, "would have no version"),
        (("--remove", "chalenger"), 1, "did you mean 'challenger'?"),
        (("2", "--remove", "challenger"), 2, "name a VERSION to promote, or with --remove alone"),
        (("--remove", "challenger", "--alias", "champion"), 2, "with --remove alone"),
        ((), 2, "name a VERSION to promote"),
    ],
)
def test_what_cannot_be_removed(words: tuple[str, ...], code: int, told: str, empty_project: Path) -> None:
    churn(alias="champion")
    churn(0.1, alias="challenger")
    registry = ModelSeeds(empty_project, "churn").registry_file
    before = registry.read_bytes()
    ended = command("promote", "churn", *words)
    assert ended.exit_code == code and told in ended.output, ended.output
    assert code == 2 or f"scorehouse promote churn {' '.join(words)}: " in ended.output
    assert registry.read_bytes() == before


@pytest.mark.parametrize("file", ["model.joblib", "signature.json", "program.npz", "proof.arrow"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Path.unlink, "cannot be read (No such file or directory)"),
        (lambda file: file.write_bytes(file.read_bytes() + b" "), "expected: the registered sha256"),
    ],
)
def test_a_version_whose_files_are_gone_or_altered_is_not_promoted(
    file: str, change: Callable[[Path], Any], told: str, empty_project: Path
) -> None:
    churn(alias="champion")
    churn(0.1)
    before = ModelSeeds(empty_project, "churn").registry_file.read_bytes()
    change(empty_project / "artifacts/churn/2" / file)
    ended = command("promote", "churn", "2")
    assert ended.exit_code == 1 and told.lower() in ended.output.lower(), ended.output
    assert f"{file}' of " in ended.output and "from version control" in ended.output
    assert ModelSeeds(empty_project, "churn").registry_file.read_bytes() == before
    assert command("promote", "churn", "1", "--alias", "fallback").exit_code == 0


def test_command_list(empty_project: Path) -> None:
    assert "no ML model is registered yet" in command("list").output
    churn(alias="champion")
    register(LinearRegression().fit(X, Y), "demand", X, task="regression")
    head, *lines, _, counts = command("list").output.splitlines()
    assert head.startswith("ML model  version  aliases") and counts == "2 ML models, 2 versions"
    assert [line.split()[:4] for line in lines] == [
        ["churn", "1", "champion", "classification"],
        ["demand", "1", "-", "regression"],
    ]
    listed = json.loads(command("list", "--json").output)
    assert [(row["name"], row["aliases"]) for row in listed] == [("churn", ["champion"]), ("demand", [])]
    assert (listed[0]["version"], listed[0]["training_rows"], listed[1]["threshold"]) == (1, 40, None)
    assert isinstance(listed[0]["parity"], dict)


def test_versions_are_listed_by_one_metric(empty_project: Path) -> None:
    """The first that the report shows, of those that most versions have."""
    known = ({"accuracy": 0.9, "roc_auc": 0.8}, {"brier": 0.1, "roc_auc": 0.7}, {"brier": 0.2})
    for strength, metrics in enumerate(known, 1):
        churn(strength, metrics=metrics)
    lines = command("list").output.splitlines()[1:4]
    assert ["roc_auc 0.8" in lines[0], "roc_auc 0.7" in lines[1], "brier" in lines[2]] == [True, True, False]


def test_command_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command("list")
    assert ended.exit_code == 1 and "no dbt_project.yml" in ended.output


def test_register_and_promote_print_json(training_files: tuple[str, str], empty_project: Path) -> None:
    file, features = training_files
    told = ("register", "churn", file, "--features", features, "--task", "classification")
    registered = json.loads(command(*told, "--metric", "roc_auc=0.5", "--json").stdout)
    assert (registered["name"], registered["version"], registered["aliases"]) == ("churn", 1, [])
    assert registered["metrics"] == {"roc_auc": 0.5}
    promoted = json.loads(command("promote", "churn", "1", "--json").output)
    assert (promoted["aliases"], promoted["required"]) == (["champion"], None)


def test_promotion_past_a_test_asks_for_the_champion_again(
    training_files: tuple[str, str], empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody promotes another version between the test and the promotion that it is required for."""
    file, features = training_files
    for _ in range(3):
        estimator = joblib.load(file)
        estimator.coef_ = estimator.coef_ / 2
        joblib.dump(estimator, file)
        command("register", "churn", file, "--features", features, "--task", "classification")
    command("promote", "churn", "1")

    def passed_meanwhile(*_: object, **__: object) -> str:
        promote("churn", 3)
        return "gate passed"

    monkeypatch.setattr("scorehouse.cli.promote.require_test", passed_meanwhile)
    ended = command("promote", "churn", "2", "--require", "gate")
    assert ended.exit_code == 1
    assert "champion is version 3, and was version 1 when version 2 was compared with it" in ended.output


def test_completion_knows_the_commands() -> None:
    completion = ShellComplete(main, {}, "scorehouse", "_SCOREHOUSE_COMPLETE")
    names = {item.value for item in completion.get_completions([], "")}
    assert {"register", "promote", "list", "scaffold", "runs"} <= names
    options = {item.value for item in completion.get_completions(["promote", "churn"], "--")}
    assert {"--alias", "--json"} <= options
