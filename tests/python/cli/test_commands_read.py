"""`scorehouse show`, `diff` and `runs`: what they print, as text and as JSON, and how they exit."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from scorehouse import Card, register
from scorehouse.cli import common
from scorehouse.cli.main import main
from scorehouse.explain.row import newest_runs
from scorehouse.registration.groups import grouped


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions: the second has a feature more, another quality and is not promoted."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "dbt_project.yml").write_text("name: shop\n")
    frame = pd.DataFrame({"spend": np.arange(60.0), "visits": np.arange(60) % 7})
    label = (np.arange(60) > 30).astype(int)
    for columns, roc_auc, alias in ((["spend"], 0.8, "champion"), (["spend", "visits"], 0.85, "challenger")):
        estimator = LogisticRegression().fit(frame[columns], label)
        register(
            estimator,
            "churn",
            frame[columns],
            label,
            task="classification",
            card=Card(metrics={"roc_auc": roc_auc}, owner="crm"),
            alias=alias,
            project_dir=folder,
        )
    return folder


def run(*arguments: str | Path, code: int = 0) -> str:
    ended = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended.output


def test_show_prints_the_champion(project: Path) -> None:
    said = run("show", "churn", "--project-dir", project)
    assert said.startswith("churn version 1 (classification)")
    assert "roc_auc 0.8" in said and "crm" in said
    assert "\x1b[" not in said, "no colours where there is no terminal"


@pytest.mark.parametrize("reference", ["churn/2", "churn@challenger"])
def test_show_as_json_keeps_types(project: Path, reference: str) -> None:
    document = json.loads(run("show", reference, "--json", "--project-dir", project))
    assert (document["version"], document["aliases"], document["metrics"]) == (
        2,
        ["challenger"],
        {"roc_auc": 0.85},
    )
    assert [feature["feature"] for feature in document["features"]] == ["spend", "visits"]
    assert document["features"][0]["maximum"] == 59.0


def test_a_preview_reads_what_the_live_table_read() -> None:
    """A table of shadows is built later, and its live version too has scored other rows."""
    runs = [("live", True, 1), ("shadow", True, 2), ("shadow", False, 3), ("no rows", True, 4)]
    with duckdb.connect() as connection:
        connection.execute(
            "create table log (run_id varchar, node varchar, is_live boolean, started_at integer, "
            "rows_in integer, model_name varchar, status varchar, feature_query varchar, "
            "prediction_table varchar)"
        )
        for node, is_live, at in runs:
            read = f"select * from {node[:4]}_features"
            facts = [f"{node} {at}", f"model.shop.{node}", is_live, at, 0 if node == "no rows" else 9]
            connection.execute(
                f"insert into log values (?, ?, ?, ?, ?, 'churn', 'success', '{read}', 'main.scores')", facts
            )
        found = [run["run_id"] for run in newest_runs(connection, "log", "churn", None, "score")]
        assert found == ["live 1", "shadow 2", "no rows 4"]
        (named,) = newest_runs(connection, "log", "churn", "shadow", "explain")
        assert named["run_id"] == "shadow 2"


@pytest.mark.slow
def test_a_file_that_another_process_writes_to_is_named_with_it(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    writes = f"import duckdb; c = duckdb.connect({str(file)!r}); print('open', flush=True); input()"
    words, pipe = [sys.executable, "-c", writes], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        said = run("runs", "--database", file, code=1)
        writer.communicate("\n")
    assert f"{str(file)!r} is open in the process {writer.pid} (" in said and "IO Error" not in said
    assert "wait for that process to end" in said


def test_show_of_what_is_not_there(project: Path) -> None:
    said = run("show", "chrn", "--project-dir", project, code=1)
    assert "there is no ML model 'chrn'" in said and "did you mean 'churn'?" in said
    assert "has no version 9" in run("show", "churn/9", "--project-dir", project, code=1)


def test_diff_says_what_changes(project: Path) -> None:
    document = json.loads(run("diff", "churn", "champion", "2", "--json", "--project-dir", project))
    assert (document["old"], document["new"]) == (1, 2)
    assert document["metrics"] == {"roc_auc": {"old": 0.8, "new": 0.85}}
    assert document["features"] == {"visits": {"change": "added", "type": "integer"}}
    said = run("diff", "churn", "1", "2", "--project-dir", project)
    assert "+0.05" in said and "quality: as registered, each version on test rows of its own" in said


def test_diff_tells_by_its_exit_code_when_asked(project: Path) -> None:
    run("diff", "churn", "1", "2", "--exit-code", "--project-dir", project, code=3)
    said = run("diff", "churn", "1", "champion", "--exit-code", "--project-dir", project)
    assert "no difference" in said


def test_diff_shows_whatever_differs(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\n")
    text = "Customers who will not have bought again within 90 days of "
    for month, roc_auc, plans in (("May", 0.8123411, "abcde"), ("June", 0.8123412, "abcdef")):
        frame = pd.DataFrame({"plan": [plans[i % len(plans)] for i in range(60)]})
        model = make_pipeline(OneHotEncoder(), LogisticRegression())
        label = np.arange(60) > 30
        facts = {"description": text + month, "metrics": {"roc_auc": roc_auc}, "project_dir": tmp_path}
        register(model.fit(frame, label), "churn", frame, label, task="classification", **grouped(facts))
    said = run("diff", "churn", "1", "2", "--project-dir", tmp_path)
    assert text + "May" in said and text + "June" in said
    assert "0.8123411" in said and "0.8123412" in said
    assert "5 values -> 6 values, only here: f" in said


def test_a_near_alias_is_named_and_never_promoted_to(project: Path) -> None:
    said = run("diff", "churn", "champoin", "2", "--project-dir", project, code=1)
    assert "did you mean 'champion'?" in said and "promote" not in said
    said = run("diff", "churn", "staging", "2", "--project-dir", project, code=1)
    assert "scorehouse promote churn 2 --alias staging" in said
    assert "Did you mean 'promote'?" in run("promot", code=2)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A run log of two runs, of which one failed."""
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("""
            create table scorehouse_run_log as
            select *, run_id as parent_run_id from (values
                ('0af1c2d3-0000-4000-8000-000000000001'::uuid, 'success', 'model.shop.churn_predictions',
                 'churn', 1, 100, 98, 2, 1.5e0, 'replace', timestamp '2026-01-01 06:00:00', null),
                ('90af1c2d-0000-4000-8000-000000000002', 'failed', 'model.shop.churn_predictions',
                 'churn', 2, 0, 0, 0, 0.1e0, 'replace', timestamp '2026-01-02 06:00:00',
                 'score(): the artifact is not there'))
            as runs(run_id, status, node, model_name, model_version, rows_in, rows_scored, rows_rejected,
                    seconds, write_mode, started_at, error)""")
    return file


def test_runs_newest_first(database: Path) -> None:
    lines = run("runs", "--database", database).splitlines()
    assert lines[0].split()[:5] == ["run", "started_at", "status", "node", "model"]
    assert lines[1].startswith("90af1c2d  ") and "failed" in lines[1]
    assert lines[2].startswith("0af1c2d3  ") and "success" in lines[2]
    assert "the artifact is not there" in lines[-1]


def test_a_table_fits_the_terminal(database: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("runs", "--database", database).splitlines()
    monkeypatch.setattr(common, "_room", lambda: 90)
    lines = run("runs", "--database", database).splitlines()
    assert lines[0].split() == [
        each for each in whole[0].split() if each not in ("mode", "seconds", "scored")
    ]
    assert lines[3] == "too narrow for mode, seconds, scored: --json has all"
    assert max(map(len, lines[:4])) <= 90 < len(whole[0])
    monkeypatch.setattr(common, "_room", lambda: 20)  # what names a row, and what it is like, stay
    assert run("list", "--project-dir", project).splitlines()[0].split() == [
        "ML",
        "model",
        "version",
        "aliases",
        "quality",
    ]


def test_runs_since_a_day_as_csv(database: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("runs", "--database", database, "--csv"))))
    newest = rows[0]["started_at"]
    assert len(rows) == 2 and rows[0].keys() >= {"run_id", "error"} and newest > rows[1]["started_at"]
    assert len(json.loads(run("runs", "--database", database, "--since", newest, "--json"))) == 1
    assert run("runs", "--database", database, "--since", "2999-01-01", "--csv") == ""
    said = run("runs", "--database", database, "--since", "yesterday", code=2)
    assert "'yesterday' is neither a day such as 2026-11-01" in said and "%" not in said


def test_runs_as_json_and_filtered(database: Path) -> None:
    rows = json.loads(run("runs", "--database", database, "--failed", "--json"))
    assert [row["model_version"] for row in rows] == [2]
    assert run("runs", "--database", database, "--model", "other").strip() == "no scoring run of 'other'"
    assert len(json.loads(run("runs", "--database", database, "--limit", "1", "--json"))) == 1


def test_the_default_target_is_read_and_said(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = "shop: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ env_var('SHOP_FILE') }}\"}}}\n"
    (tmp_path / "profiles.yml").write_text(profiles)
    assert "or the --target that writes it" in run("runs", "--profile", "shop", code=2)
    said = run("runs", "--profile", "chop", "--profiles-dir", tmp_path, code=2)
    where = f"'{tmp_path}/profiles.yml'"
    near = f"there is no profile 'chop' in {where}; did you mean 'shop'?"
    assert f"or the --target that writes it ({near})" in said
    said = run("runs", "--profile", "chop", "--profiles-dir", tmp_path, "--target", "dev", code=1)
    assert f"scorehouse runs: {near}\n  Expected: one of its profiles shop." in said
    ours = ("--profile", "shop", "--profiles-dir", tmp_path)
    assert "or the --target that writes it, one of dev" in run("evidence", "seal", *ours, code=2)
    named = ("runs", *ours, "--json", "--target")
    assert "needs the environment variable 'SHOP_FILE'" in run(*named, "dev", code=1)
    monkeypatch.setenv("SHOP_FILE", str(database))
    assert len(json.loads(run(*named, "dev"))) == 2
    said = CliRunner().invoke(main, [str(word) for word in named[:-1]])
    assert (len(json.loads(said.stdout)), said.stderr) == (2, "target: dev\n")
    assert "one of its targets dev" in run(*named, "prod", code=1)
    assert "either --database or" in run(*named, "dev", "--database", database, code=2)


def test_run_logs_in_two_schemas_need_a_choice(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "create schema other; create table other.scorehouse_run_log as from scorehouse_run_log"
        )
    assert "has 2 run logs; run logs are in the schemas main, other" in run(
        "runs", "--database", database, code=1
    )
    assert "success" in run("runs", "--database", database, "--schema", "other")


def test_a_file_without_a_run_log(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    assert "has 0 run logs" in run("runs", "--database", tmp_path / "empty.duckdb", code=1)
    assert "there is no DuckDB file" in run("runs", "--database", tmp_path / "none.duckdb", code=1)
