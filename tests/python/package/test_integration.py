"""A stranger's projects: the package by packages.yml, the runtime from a wheel, in fresh environments."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from installed import copy_package
from project import REPOSITORY
from virtual_environments import Environment, build_wheel, make_environment

# of every library, not only of dbt
LOCKS = {"newest": "requirements.lock", "oldest": "requirements-oldest.lock"}
PROJECTS = REPOSITORY / "integration_tests"


@dataclass(frozen=True)
class Installed:
    """One of the two projects, in a folder of its own, built once."""

    folder: Path
    environment: Environment
    package: Path

    def run(self, *command: str, check: bool = True) -> str:
        ended = self.environment.run(
            *command, cwd=self.folder, check=check, SCOREHOUSE_PACKAGE=str(self.package)
        )
        assert check or ended.returncode != 0, ended.stdout
        return ended.stdout

    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "target/manifest.json").read_text())

    def nodes(self, package: str) -> set[str]:
        """Whatever of a package is in the build: models, seeds, tests, hooks, sources, exposures."""
        document = self.manifest()
        kinds = ("nodes", "sources", "exposures", "metrics", "semantic_models", "unit_tests")
        everything = [node for kind in kinds for node in document.get(kind, {}).values()]
        return {node["name"] for node in everything if node["package_name"] == package}


@pytest.fixture(scope="module", params=LOCKS)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp(request.param)
    by = "pip" if request.param == "newest" else "uv"
    return make_environment(folder / "venv", str(build_wheel(folder)), lock=LOCKS[request.param], by=by)


def install(name: str, environment: Environment, folder: Path) -> Installed:
    """Copy the project and the package, then do what the project's README says."""
    package = copy_package(folder / "package")
    ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "artifacts", "*.duckdb")
    shutil.copytree(PROJECTS / name, folder / name, ignore=ignored)
    project = Installed(folder / name, environment, package)
    project.run("dbt", "deps")
    project.run("python", "train.py")
    project.run("dbt", "build")
    return project


@pytest.fixture(scope="module")
def everything(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install("everything", environment, tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def nothing(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install("nothing", environment, tmp_path_factory.mktemp("nothing"))


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.sql(sql).fetchall()


def test_the_oldest_releases_are_the_lower_ends_of_the_declared_ranges() -> None:
    document = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    text = (REPOSITORY / LOCKS["oldest"]).read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    for requirement in map(Requirement, document["project"]["dependencies"]):
        if requirement.marker is not None:  # a range of one Python
            continue
        (lowest,) = (bound.version for bound in requirement.specifier if bound.operator == ">=")
        found = locked[requirement.name.lower()]
        assert Version(found) == Version(lowest), f"{requirement.name} {found}: ./run lock"


def test_the_project_with_everything_sets_every_variable() -> None:
    used = set()
    for file in (*REPOSITORY.glob("macros/**/*.sql"), *REPOSITORY.glob("models/**/*.*")):
        used |= set(re.findall(r"var\(\s*['\"](scorehouse_\w+)", file.read_text()))
    for file in (REPOSITORY / "src").glob("**/*.py"):
        used |= set(re.findall(r'^VARIABLE = "(scorehouse_\w+)"', file.read_text(), re.MULTILINE))
    document = yaml.safe_load((PROJECTS / "everything/dbt_project.yml").read_text())
    assert used - set(document["vars"]) == set(), "set these in integration_tests/everything/dbt_project.yml"


@pytest.mark.foreign
def test_nothing_of_ours_is_in_the_build_but_the_run_log(nothing: Installed) -> None:
    assert nothing.nodes("scorehouse") == {
        "scorehouse_runs",
        "scorehouse_run_log",
        "scorehouse-on-run-start-0",
        "scorehouse-on-run-end-0",
    }
    pages = {(doc["package_name"], doc["name"]) for doc in nothing.manifest()["docs"].values()}
    assert {page for page in pages if page[0] != "dbt"} == set()  # the home page of dbt docs is the user's
    assert nothing.nodes("corner_shop") == {
        "baskets",
        "basket_predictions",
        "ml_loyalty",
        "ml_loyalty__signature",
        "ml_loyalty__reference",
    }
    tables = query(nothing.folder / "corner_shop.duckdb", "select table_name from information_schema.tables")
    assert {name for (name,) in tables} == {
        "baskets",
        "basket_predictions",
        "ml_loyalty",
        "ml_loyalty__signature",
        "ml_loyalty__reference",
        "scorehouse_run_log",
        "scorehouse_runs",
    }


@pytest.mark.foreign
def test_the_run_is_logged_by_the_installed_runtime(nothing: Installed) -> None:
    (row,) = query(
        nothing.folder / "corner_shop.duckdb",
        "select status, rows_in, rows_scored, model_name, library_versions from scorehouse_runs",
    )
    assert row[:4] == ("success", 400, 400, "loyalty")
    assert json.loads(row[4])["scorehouse"] == nothing.run("scorehouse", "--version").split()[-1]


@pytest.mark.foreign
def test_the_runtime_is_the_wheel(nothing: Installed) -> None:
    place = nothing.run("python", "-c", "import scorehouse; print(scorehouse.__file__)").strip()
    assert Path(place).is_relative_to(nothing.environment.folder)
    assert not list(nothing.folder.glob("**/scorehouse/cli.py"))


@pytest.mark.foreign
def test_a_disabled_run_log_view_leaves_nothing(nothing: Installed) -> None:
    listed = nothing.run("dbt", "--quiet", "ls", "--vars", "scorehouse_runs_enabled: false")
    assert "scorehouse.run_log" not in listed
    assert "basket_predictions" in listed


@pytest.mark.foreign
def test_names_schemas_and_settings_of_the_foreign_project_hold(everything: Installed) -> None:
    database = everything.folder / "utility.duckdb"
    places = dict(query(database, "select table_name, table_schema from information_schema.tables"))
    assert places["consumption_predictions"] == places["band_predictions"] == "energy"
    assert places["scorehouse_run_log"] == "machine_learning"
    assert places["scorehouse_runs"] == "operations"
    statuses = query(database, "select row_status, count(*) from energy.consumption_predictions group by 1")
    assert dict(statuses) == {"scored": 576, "rejected": 24}


@pytest.mark.foreign
def test_a_second_run_merges_by_key_in_the_foreign_schema(everything: Installed) -> None:
    everything.run("dbt", "run", "--select", "consumption_predictions")
    modes = query(
        everything.folder / "utility.duckdb",
        "select write_mode, rows_in from operations.scorehouse_runs "
        "where model_name = 'consumption' order by started_at",
    )
    assert modes[0] == ("replace", 600)
    assert modes[-1] == ("merge", 600)


@pytest.mark.foreign
def test_the_command_works_from_any_folder_of_the_project(everything: Installed) -> None:
    ended = everything.environment.run("scorehouse", "list", "--json", cwd=everything.folder / "models")
    assert {row["name"] for row in json.loads(ended.stdout)} == {"band", "consumption"}


@pytest.mark.foreign
def test_a_package_of_another_release_is_refused(nothing: Installed, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(nothing.folder.parent, copy, ignore=shutil.ignore_patterns("dbt_packages"))
    project = Installed(copy / "nothing", nothing.environment, copy / "package")
    macro = project.package / "macros/scoring/_request/_package_version.sql"
    macro.write_text(re.sub(r"'\d+\.\d+\.\d+'", "'7.4.1'", macro.read_text()))
    project.run("dbt", "deps")
    said = project.run("dbt", "run", "--select", "basket_predictions", check=False)
    assert "the dbt package scorehouse is 7.4.1, and the Python runtime is" in said
    assert "packages.yml" in said
