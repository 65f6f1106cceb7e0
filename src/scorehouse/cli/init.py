"""`scorehouse init`: what a dbt project needs before its first prediction table."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import echo, heading, key_option, option
from scorehouse.cli.profile_file import default_target
from scorehouse.cli.project_files import (
    has_package,
    new_profile,
    new_project,
    package_of_runtime,
    with_assets,
    with_attributes,
    with_ignored,
    with_package,
    with_variables,
)
from scorehouse.cli.training_script import Trained, file_of, training_script
from scorehouse.errors import ConfigurationError
from scorehouse.registration.lock import check_name


@click.command("init")
@click.argument("name")
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@key_option
@click.option("--label", required=True, help="Column to predict; NULL where it is not known yet.")
@click.option("--labels", help="Table with key and label, if the feature table does not have it.")
@option(
    "--task",
    type=click.Choice(("classification", "regression")),
    default="classification",
    help="What is predicted: classes, or numbers.",
)
@click.option("--package", help="Folder or git URL of the dbt package; default: where scorehouse came from.")
@click.option("--revision", help="Tag or commit of the git URL.")
@write_options
def init_command(
    name: str,
    features: str,
    keys: tuple[str, ...],
    label: str,
    labels: str | None,
    task: str,
    package: str | None,
    revision: str | None,
    writing: Writing,
) -> None:
    """Prepare a dbt project for the ML model NAME: package, profile, folders, variables, training script.

    Shows the changes as a diff and asks before it writes. Existing files are extended, never replaced; a
    second call changes nothing. In a folder without a dbt project, it makes one, on DuckDB.

    \b
    Example:
      scorehouse init churn --features customer_features --key customer_id --label churned \\
          --labels customer_labels
    """
    check_name("name", name, f"init {name}")
    try:
        project = writing.project
    except ConfigurationError:
        project = (writing.project_dir or Path.cwd()).resolve()
        if not project.is_dir():
            raise
    changes, target = _project_files(project, package, revision)
    trained = Trained(features, keys, label, labels)
    script = Change(f"ml/train_{name}.py", training_script(name, trained, task, target))
    changes += new_files(project, [script])
    if writing.carry_out(project, changes, "nothing to do: the project is already prepared"):
        for line in [*_profile_hint(project, target), *_next_steps(project, name, trained, target)]:
            echo(line)


def _project_files(
    project: Path, package: str | None, revision: str | None
) -> tuple[list[Change], Mapping[str, Any]]:
    """Every file of the project as it should be, but for the training script; and the default target."""
    settings = _text(project / "dbt_project.yml") or new_project(project)
    packages = _text(project / "packages.yml")
    if package is None and not has_package(packages + _text(project / "dependencies.yml")):
        package, revision = package_of_runtime()
    profile = new_profile(project, settings)
    _, target = default_target(project)
    for new in profile.values():
        target = new["outputs"][new["target"]]
    settings = with_variables(with_assets(settings), str(target.get("type") or ""))
    changes = {
        "packages.yml": with_package(packages, package, revision) if package is not None else "",
        "dbt_project.yml": settings,
        "profiles.yml": yaml.safe_dump(profile, sort_keys=False) if profile else "",
        ".gitignore": with_ignored(_text(project / ".gitignore")),
        ".gitattributes": with_attributes(_text(project / ".gitattributes")),
    }
    return [Change(path, text) for path, text in changes.items() if text], target


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _next_steps(project: Path, name: str, trained: Trained, target: Mapping[str, Any]) -> list[str]:
    """Commands to paste, one after the other, from the project's folder."""
    flags = " ".join(f"--key {shlex.quote(key)}" for key in trained.keys)
    features = shlex.quote(trained.features)
    database = "" if file_of(target) else " <the DuckDB file of your target>"
    tables = [trained.features, *filter(None, [trained.labels])]
    tables = [table for table in tables if "." not in table]
    missing = [table for table in tables if not _node(project, table)]
    write = f"  write the models or load the seeds {', '.join(missing)}, one row per key; then"
    return [
        heading("next"),
        *([write] if missing else []),
        "  dbt deps",
        f"  dbt build --select {' '.join(shlex.quote(f'+{table}') for table in tables)}",
        f"  python ml/train_{name}.py{database}",
        f"  scorehouse scaffold predictions {name} --features {features} {flags}",
        "  dbt build",
    ]


def _node(project: Path, name: str) -> bool:
    """Whether a model or seed of this name is in one of the project's folders."""
    settings = yaml.safe_load(_text(project / "dbt_project.yml")) or {}
    folders = [*(settings.get("model-paths") or ["models"]), *(settings.get("seed-paths") or ["seeds"])]
    endings = (".sql", ".py", ".csv")
    return any(
        any((project / str(folder)).rglob(f"{name}{ending}")) for folder in folders for ending in endings
    )


def _profile_hint(project: Path, target: Mapping[str, Any]) -> list[str]:
    """What the profile lacks; nothing if its default target has it all."""
    if target.get("type") == "duckdb" and "memory_limit" in (target.get("settings") or {}):
        return []
    profile = (yaml.safe_load((project / "dbt_project.yml").read_text()) or {}).get("profile", "<profile>")
    lacks = "has no memory limit" if target.get("type") == "duckdb" else "needs `type: duckdb`"
    return [
        heading("profile"),
        f"  the target of {profile!r} {lacks}; with `settings: {{memory_limit: 1GB}}` below it",
        "  scoring takes the same memory for any number of rows",
    ]
