"""Another person's project with this package: no example is in it, and its place does not matter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from foreign import ML_MODELS, PREDICTIONS, ROWS, ForeignProject, our_models, our_names

pytestmark = pytest.mark.slow


def test_every_name_of_the_examples_is_free(foreign_project: ForeignProject) -> None:
    manifest = json.loads((foreign_project.folder / "target/manifest.json").read_text())
    kinds = ("nodes", "sources", "exposures", "unit_tests", "docs")
    found = [entry for kind in kinds for entry in manifest[kind].values()]
    found += [entry for entries in manifest["disabled"].values() for entry in entries]
    ours = {entry["name"] for entry in found if entry["package_name"] == "scorehouse"}
    assert ours == {
        "scorehouse_runs",
        "scorehouse_run_log",
        "scorehouse-on-run-start-0",
        "scorehouse-on-run-end-0",
    }
    macros = {entry["original_file_path"].split("/")[0] for entry in manifest["macros"].values()
              if entry["package_name"] == "scorehouse"}  # fmt: skip
    assert macros == {"macros"}
    theirs = {entry["name"] for entry in found if entry["package_name"] == "corner_shop"}
    names = our_models() | our_names("exposures") | our_names("unit_tests")
    assert names | {f"ml_{name}" for name in ML_MODELS} <= theirs
    assert len(names) > 50


def test_settings_of_the_run_log_keep_their_path(foreign_project: ForeignProject) -> None:
    manifest = json.loads((foreign_project.folder / "target/manifest.json").read_text())
    assert manifest["nodes"]["model.scorehouse.scorehouse_runs"]["tags"] == ["ours"]


def test_every_table_is_scored_from_the_attached_database(foreign_project: ForeignProject) -> None:
    for name in (*PREDICTIONS, "flight_predictions"):
        query = f"select row_status, count(*) from analytics.{name} group by all"
        assert foreign_project.query(query) == [("scored", ROWS)], name
    logged = foreign_project.query("select status, count(*) from analytics.scorehouse_runs group by all")
    assert logged == [("success", len(PREDICTIONS) + 1)]


def test_a_quote_in_the_path_and_a_database_in_memory_give_the_same_scores(
    foreign_project: ForeignProject, tmp_path: Path
) -> None:
    shop = ForeignProject(tmp_path / "Pat O'Brien's", foreign_project.home)
    shutil.copytree(foreign_project.folder, shop.folder, symlinks=True)
    settings = (shop.folder / "dbt_project.yml").read_text()
    # dbt-duckdb's COPY does not escape the path
    shop.write("dbt_project.yml", settings.replace("+fast: true", "+fast: false"))
    selected = ("--select", "+churn_predictions", "+flight_predictions", "same_scores")
    selected = (*selected, "--indirect-selection", "cautious")
    profiles = {"DBT_PROFILES_DIR": str(shop.home / ".dbt")}
    said = shop.run("dbt", "build", *selected, "--target", "memory", **profiles).stdout
    assert "PASS same_scores" in said and "ERROR=0" in said
    found = json.loads(shop.run("scorehouse", "check", "--json").stdout)
    assert [item["faults"] for item in found] == [[]] * len(ML_MODELS)
    shop.run("scorehouse", "promote", "churn", "1", "--alias", "fallback")


def test_the_source_files_have_windows_line_ends(foreign_project: ForeignProject) -> None:
    for file in ("seeds/ml/churn/ml_churn.csv", "macros/ml/churn.sql", "models/churn_predictions.sql"):
        assert b"\r\n" in (foreign_project.folder / file).read_bytes()
    said = foreign_project.run("scorehouse", "check", "--json").stdout
    assert [item["faults"] for item in json.loads(said)] == [[]] * len(ML_MODELS)
