"""OpenLineage's own integration with dbt, run on a scored project: what of a scoring run arrives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from project import REPOSITORY

pytestmark = pytest.mark.foreign
pytest.importorskip("openlineage.common", reason="needs the extra openlineage")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small foreign project, built by `dbt-ol`, with its events in a file."""
    folder = tmp_path_factory.mktemp("lineage") / "shop"
    ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "artifacts", "*.duckdb", "ml")
    shutil.copytree(REPOSITORY / "integration_tests/nothing", folder, ignore=ignored)
    (folder / "packages.yml").write_text(f"packages:\n  - local: {REPOSITORY}\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    settings = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(folder / "events.jsonl"),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    for command in (["dbt", "--quiet", "deps"], ["python", "train.py"], ["dbt-ol", "build"]):
        ended = subprocess.run(command, cwd=folder, env={**kept, **settings}, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture(scope="module")
def event(project: Path) -> dict[str, Any]:
    """The event that says that the prediction table is complete."""
    events = [json.loads(line) for line in (project / "events.jsonl").read_text().splitlines()]
    (found,) = [
        event
        for event in events
        if event["eventType"] == "COMPLETE"
        and event["job"]["facets"].get("dbt_node", {}).get("alias") == "basket_predictions"
    ]
    return found


def test_the_prediction_table_comes_from_its_feature_table(event: dict[str, Any]) -> None:
    assert [dataset["name"] for dataset in event["inputs"]] == ["corner_shop.main.baskets"]
    (output,) = event["outputs"]
    assert output["name"] == "corner_shop.main.basket_predictions"
    assert output["facets"]["dbt_model"]["config"]["materialized"] == "predictions"
    fields = output["facets"]["columnLineage"]["fields"]
    assert [source["field"] for source in fields["spend"]["inputFields"]] == ["spend"]


def test_the_run_names_the_ml_model_and_how_it_was_asked(event: dict[str, Any]) -> None:
    tags = {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]}
    told = json.loads(tags["scorehouse"])
    assert told["ml_model"] == "loyalty"
    assert (told["arguments"]["key"], told["arguments"]["alias"]) == ("basket_id", "champion")


def test_the_run_leads_to_the_run_log(project: Path, event: dict[str, Any]) -> None:
    invocation = event["run"]["facets"]["dbt_run"]["invocation_id"]
    with duckdb.connect(str(project / "corner_shop.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select model_name, model_version, rows_scored from scorehouse_run_log where invocation_id = ?",
            [invocation],
        ).fetchall()
    assert found == [("loyalty", 1, 400)]


def test_the_how_to_page_shows_a_facet_that_arrives(event: dict[str, Any]) -> None:
    """Its JSON block, captured from this test, still has the shape of what arrives."""
    page = (REPOSITORY / "docs/how-to/openlineage.md").read_text()
    shown = json.loads(page.split("```json\n")[1].split("```")[0])
    (tag,) = [tag for tag in event["run"]["facets"]["tags"]["tags"] if tag["key"] == "scorehouse"]
    (example,) = shown["tags"]["tags"]
    told, documented = json.loads(tag["value"]), json.loads(example["value"])
    assert set(documented["arguments"]) <= set(told["arguments"])
    assert documented["ml_model"] == told["ml_model"] and example["source"] == tag["source"]
