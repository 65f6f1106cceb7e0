"""What a pack is made from: the run that is meant, its tests, its lineage and how the project was set."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
from test_pack import RUN, VERSION

from scorehouse.errors import ConfigurationError
from scorehouse.evidence import collect
from scorehouse.registry.policy import LoadPolicy
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.outcome import Outcome


def run_of(run_id: str, **facts: Any) -> dict[str, Any]:
    started = f"2026-03-01 0{len(facts)}:00:00"
    return {**RUN, "run_id": run_id, "started_at": started, "error": None, **facts}


def test_the_run_that_is_meant() -> None:
    started = "".join(["start", "ed"])  # a text of its own, as a warehouse returns it
    rows = [run_of("abc1"), run_of("abc1", status=started), run_of("abd2"), run_of("x3", model_name=None)]
    # of two rows of a run, the one that closed it
    assert collect.run_named(rows, "abc", "call")["status"] == "success"
    assert collect.run_named(rows[1::-1], "abc", "call")["status"] == "success"
    refused = {
        "ab": "2 run ids begin with it, such as abc1, abd2",
        "zz": "none of 4 rows of the run log begins with it",
        "x": "the run x3 ended before a version was chosen (success)",
    }
    for given, said in refused.items():
        with pytest.raises(ConfigurationError) as raised:
            collect.run_named(rows, given, "call")
        assert said in raised.value.problem
    failed = run_of("x4", model_version=None, error="no such file")
    with pytest.raises(ConfigurationError, match=r"chosen \(no such file\)"):
        collect.run_named([failed], "x4", "call")


def test_runs_of_a_version_are_its_own_and_the_last_success_is_of_its_artifact() -> None:
    own = {"model_digest": VERSION.sha256}
    rows = [
        run_of("late", started_at="2026-03-03", **own),
        run_of("failed", started_at="2026-03-04", status="error", **own),
        run_of("other artifact", started_at="2026-03-05", model_digest="cd" * 32),
        run_of("another", started_at="2026-03-06", model_digest="01" * 32),
        run_of("early", started_at="2026-03-01", **own),
        run_of("other version", started_at="2026-03-06", model_version=2, **own),
    ]
    runs = collect.runs_of(rows, VERSION)
    assert [row["run_id"] for row in runs] == ["early", "late", "failed", "other artifact", "another"]
    # status as a text of its own, as a warehouse returns it
    found = collect.last_success([{**row, "status": "".join(list(row["status"]))} for row in runs], VERSION)
    assert found is not None and found["run_id"] == "late"
    assert collect.last_success(runs[2:], VERSION) is None


def test_results_of_dbt_are_named_with_their_files(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    files = {"manifest.json": sha256(b"{}").hexdigest()}
    missing = collect.tests_of(None, "churn", tmp_path)
    assert missing["found"] is False and missing["files"] == files
    outcome = Outcome("unique_id", "test", "unique", "ok", "", "")
    shown = collect.tests_of(DbtResults({"churn": []}, {}, command="show"), "churn", tmp_path)
    assert shown["why"] == "dbt show has written over what the last tests found"
    failed = Outcome("model.churn", "model", "churn_predictions", "bad", "failed", "")
    part = collect.tests_of(DbtResults({"churn": [failed]}, {}, command="run"), "churn", tmp_path)
    assert part["found"] and part["why"] == "dbt run has written over what the last tests found"
    found = collect.tests_of(DbtResults({"churn": [outcome]}, {}, tested_at="2026-03-01"), "churn", tmp_path)
    assert (found["found"], found["tested_at"], found["files"]) == (True, "2026-03-01", files)
    assert [each["name"] for each in found["results"]] == ["unique_id"]


def test_lineage_reads_the_tables_of_the_manifest(tmp_path: Path) -> None:
    assert collect.lineage_of(duckdb.connect(), None, VERSION, [], tmp_path, "shop") is None
    nodes = {
        str(RUN["node"]): {
            "depends_on": {"nodes": ["model.shop.features", "seed.shop.ml_churn", "model.gone"]}
        },
        "model.shop.features": {"relation_name": '"memory"."main"."features"'},
        "seed.shop.ml_churn": {"relation_name": '"memory"."main"."ml_churn"'},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    with duckdb.connect() as connection:
        connection.execute("create table features (id integer, amount double)")
        event = collect.lineage_of(connection, RUN, VERSION, ["amount"], tmp_path, "shop")
    assert event is not None
    features, estimator = event["inputs"]
    assert (features["name"], estimator["name"]) == ("memory.main.features", "churn")
    fields = features["facets"]["schema"]["fields"]
    assert [(one["name"], one["type"]) for one in fields] == [("id", "INTEGER"), ("amount", "DOUBLE")]


def test_how_the_project_was_set(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project.yml"
    project.write_text("name: shop\n")
    bare = collect.configuration_of(tmp_path, LoadPolicy(), None)
    assert (bare["project"], bare["variables"], bare["run"], bare["commit"]) == ("shop", {}, None, None)
    assert bare["uncommitted_changes"] is None
    project.write_text(
        "name: shop\nvars: {other: 1, scorehouse_read_rows: 5, scorehouse: {scorehouse_write: 2, mine: 3}}\n"
    )
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    logged = {"configuration": '{"key": "id"}', "library_versions": '{"numpy": "2"}'}
    whole = collect.configuration_of(tmp_path, LoadPolicy(), logged)
    assert whole["variables"] == {"scorehouse_read_rows": 5, "scorehouse_write": 2}
    assert (whole["run"], whole["library_versions"]) == ({"key": "id"}, {"numpy": "2"})
    assert whole["uncommitted_changes"] is False and len(whole["commit"]) == 40
    project.write_text("name: shop\nvars: {scorehouse: some text}\n")
    changed = collect.configuration_of(tmp_path, LoadPolicy(), logged)
    assert changed["uncommitted_changes"] is True and changed["variables"] == {}
