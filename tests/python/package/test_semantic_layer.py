"""The metrics of integration_tests/semantic_layer: built without a warning; queried where MetricFlow is."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from followed_page import follow
from foreign import ForeignProject
from project import REPOSITORY

PROJECT = REPOSITORY / "integration_tests/semantic_layer"
PAGE = REPOSITORY / "docs/how-to/metrics.md"
METRICS = {
    "ml_auc",
    "ml_auc_by_segment",
    "ml_auc_rows",
    "ml_auc_weighted",
    "ml_drifted_features",
    "ml_limits_broken",
    "ml_psi",
    "ml_rejected_share",
    "ml_rows_in",
    "ml_rows_rejected",
    "ml_runs",
    "ml_scoring_seconds",
}
metricflow = pytest.mark.skipif(
    importlib.util.find_spec("dbt_metricflow") is None, reason="run `./run test dbt112`, which has MetricFlow"
)


class Tramway(ForeignProject):
    @property
    def database(self) -> Path:
        return self.folder / "tramway.duckdb"


def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    places = {"SCOREHOUSE_PACKAGE": str(REPOSITORY), "DBT_PROFILES_DIR": str(folder), "PATH": path}
    return {**places, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


@pytest.fixture(scope="module")
def tramway(tmp_path_factory: pytest.TempPathFactory) -> Tramway:
    home = tmp_path_factory.mktemp("metrics")
    project = Tramway(home / "tramway", home)
    shutil.copytree(PROJECT, project.folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb"))
    variables = environment(project.folder)
    project.run("dbt", "deps", **variables)
    project.run("python", "train.py", **variables)
    project.run("dbt", "--warn-error", "build", **variables)
    return project


def test_the_page_names_the_files_and_the_metrics_of_the_project() -> None:
    page = PAGE.read_text()
    (copied,) = re.findall(r"^cp dbt_packages/scorehouse/(\S+) models/$", page, re.M)
    assert (REPOSITORY / copied).is_file() and (REPOSITORY / copied).parent == PROJECT / "models"
    assert {"days.sql", "_days.yml"} <= {file.name for file in (PROJECT / "models").iterdir()}
    assert set(re.findall(r"`(ml_\w+)`", page)) == METRICS - {"ml_auc_rows", "ml_auc_weighted"}


def test_the_package_itself_has_no_semantic_model_and_no_time_spine() -> None:
    """A project without a semantic layer would need a time spine, if it had one."""
    for file in (*REPOSITORY.glob("models/**/*.yml"), *REPOSITORY.glob("python_models/*.yml")):
        text = file.read_text()
        assert not re.search(r"^(semantic_models|metrics|saved_queries):|time_spine:", text, re.M), file


@pytest.mark.slow
def test_dbt_knows_the_metrics(tramway: Tramway) -> None:
    manifest = json.loads((tramway.folder / "target/manifest.json").read_text())
    metrics = {entry["name"]: entry for entry in manifest["metrics"].values()}
    assert set(metrics) == METRICS
    assert {entry["name"] for entry in manifest["semantic_models"].values()} == {
        "ml_performance",
        "ml_drift",
        "ml_runs",
    }
    kinds = ("metrics", "semantic_models", "saved_queries")
    owners = {entry["package_name"] for kind in kinds for entry in manifest[kind].values()}
    assert owners == {"tramway"}
    runs = next(entry for entry in manifest["semantic_models"].values() if entry["name"] == "ml_runs")
    assert runs["depends_on"]["nodes"] == ["model.scorehouse.scorehouse_runs"]


@pytest.mark.slow
@metricflow
def test_metricflow_finds_the_definitions_valid(tramway: Tramway) -> None:
    said = tramway.run("mf", "validate-configs", **environment(tramway.folder)).stdout
    found = re.findall(r"(?:ERRORS|WARNINGS): (\d+)", said)
    assert len(found) >= 18 and set(found) == {"0"}, said


@pytest.mark.slow
@metricflow
def test_auc_by_segment_is_that_of_the_performance_table(tramway: Tramway) -> None:
    file = tramway.folder / "auc.csv"
    grouped = "performance_row__segment,metric_time__day"
    words = ("query", "--metrics", "ml_auc_by_segment", "--group-by", grouped, "--csv", file)
    tramway.run("mf", *words, **environment(tramway.folder))
    with file.open(newline="") as opened:
        found = {
            (row["performance_row__segment"], row["metric_time__day"][:10]): row["ml_auc_by_segment"]
            for row in csv.DictReader(opened)
        }
    wanted = tramway.query(
        "select segment, window_start::date::varchar, value from trip_performance "
        "where metric = 'roc_auc' and segment <> 'all'"
    )
    assert len(wanted) == len(found) == 6
    for segment, day, value in wanted:
        text = found[segment, day]
        assert (value is None and not text) or abs(float(text) - value) < 1e-9, (segment, day)
    assert sum(value is not None for _, _, value in wanted) == 4


@pytest.mark.slow
@metricflow
def test_the_page_prints_what_it_says(tramway: Tramway, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(re.sub(r"^```sh$.*?^```$", "", PAGE.read_text(), flags=re.M | re.S))
    followed = follow(page, tramway.folder, {}, **environment(tramway.folder))
    assert len(followed.said) == 1 and followed.differences() == ""
