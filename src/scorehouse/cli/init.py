"""`scorehouse init`: what a dbt project needs before its first prediction table."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import Choice, echo, heading, key_option, option
from scorehouse.cli.known_columns import built_columns, check_columns, check_tables, relations_of
from scorehouse.cli.profile_file import NOT_READ, default_target, read_profile
from scorehouse.cli.project_files import (
    has_package,
    is_git,
    new_profile,
    new_project,
    package_of_runtime,
    with_assets,
    with_attributes,
    with_ignored,
    with_package,
    with_variables,
)
from scorehouse.cli.project_nodes import node_files
from scorehouse.cli.scaffold import CANNOT
from scorehouse.cli.training_script import Source, Trained, file_of, reading, training_script
from scorehouse.errors import ConfigurationError
from scorehouse.program.sql.macros import SqlSettings
from scorehouse.project.folder import project_settings
from scorehouse.registration.lock import check_name


@click.command("init")
@click.argument("name")
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@key_option
@click.option("--label", required=True, help="Column to predict; NULL where it is not known yet.")
@click.option("--labels", help="Table with key and label, if the feature table does not have it.")
@click.option(
    "--time",
    help="Date column of the features: no feature itself; the newest days are held out.",
)
@option(
    "--task",
    type=Choice(("classification", "regression")),
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
    time: str | None,
    task: str,
    package: str | None,
    revision: str | None,
    writing: Writing,
) -> None:
    """Prepare a dbt project for the ML model NAME: package, profile, folders, variables, training script.

    Shows the changes as a diff and asks before it writes. Existing files are extended, never replaced. In a
    folder without a dbt project, it makes one, on DuckDB.

    \b
    Example:
      scorehouse init churn --features customer_features --key customer_id --label churned \\
          --labels customer_labels --time snapshot_date
    """
    call = f"init {name}"
    check_name("name", name, call)
    try:
        project = writing.project
    except ConfigurationError:
        project = (writing.project_dir or Path.cwd()).resolve()
        if not project.is_dir():
            raise
    _check_package(project, call, package)
    trained = Trained(features, keys, label, labels, time)
    dates = _check_named(project, call, trained)
    changes, target = _project_files(project, package, revision)
    source = _source(project, call, trained, target)
    script = Change(f"ml/train_{name}.py", training_script(name, trained, task, source))
    changes += new_files([script])
    if writing.carry_out(project, changes, "nothing to do: the project is already prepared"):
        hints = [*_time_hint(name, trained, dates), *_profile_hint(project, target)]
        for line in [*hints, *_next_steps(name, trained, source, script)]:
            echo(line)


def _check_package(project: Path, call: str, package: str | None) -> None:
    """An error where `dbt deps` would find no package."""
    if package is not None and not is_git(package) and not (project / package / "dbt_project.yml").is_file():
        raise ConfigurationError(
            call,
            f"--package is {package!r}, and {str(project / package)!r} is not the folder of a dbt package",
            expected="a git URL, or a folder with a dbt_project.yml, absolute or seen from the project",
            action="correct the path, or leave --package out: then it is where scorehouse came from",
        )


def _source(project: Path, call: str, trained: Trained, target: Mapping[str, Any]) -> Source:
    """Where the tables are, as profile and dbt say it."""
    try:
        profile = read_profile(project)
    except NOT_READ:
        name = ""
    else:
        name = profile.default
    return Source(project, name, target, relations_of(project, trained.tables, call))


def _check_named(project: Path, call: str, trained: Trained) -> list[str]:
    """An error for what is not there, as far as that is known. Returns the date columns of the features."""
    check_tables(project, call, {"--features": trained.features, "--labels": trained.labels})
    apart = {"--key": trained.keys, "--label": trained.label}
    of_features = apart if trained.labels is None else {"--key": trained.keys}
    check_columns(project, call, trained.features, of_features | {"--time": trained.time}, is_planned=True)
    if trained.labels is not None:
        check_columns(project, call, trained.labels, apart, is_planned=True)
    types = built_columns(project, trained.features)
    return [name for name, kind in types.items() if kind.startswith(("DATE", "TIMESTAMP"))]


def _time_hint(name: str, trained: Trained, dates: list[str]) -> list[str]:
    """What the script does about the only date column, where none is named."""
    dates = [column for column in dates if column not in (*trained.keys, trained.label)]
    if trained.time is not None or len(dates) != 1:
        return []
    return [
        heading("time"),
        f"  {dates[0]}, the only date of {trained.features}, is no feature, and rows are held out at random;",
        f"  to hold out the newest days, delete ml/train_{name}.py and add --time {shlex.quote(dates[0])}",
    ]


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
        ".gitattributes": with_attributes(
            _text(project / ".gitattributes"), SqlSettings.of(project).macro_path
        ),
    }
    return [Change(path, text) for path, text in changes.items() if text], target


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _next_steps(name: str, trained: Trained, source: Source, script: Change) -> list[str]:
    """Commands to paste, one after the other, from the project's folder."""
    flags = " ".join(f"--key {shlex.quote(key)}" for key in trained.keys)
    is_kept = trained.time is not None and trained.time not in trained.keys
    flags += f" --keep {shlex.quote(str(trained.time))}" if is_kept else ""
    features = shlex.quote(trained.features)
    argument, train = "", f"  python {script.path}"
    if source.kind in ("", "duckdb"):
        argument = "" if file_of(source.settings) else " <the DuckDB file of your target>"
    elif not source.is_postgres:
        lines = reading(name, trained, source)
        first = 1 + script.text.partition(lines)[0].count("\n")
        last = first + lines.rstrip().count("\n")
        train = (
            f"  in {script.path}, let lines {first} to {last} read {source.kind}, not DuckDB; then\n{train}"
        )
    files = node_files(source.project)
    missing = [table for table in trained.tables if "." not in table and table not in files]
    write = f"  write the models or load the seeds {', '.join(missing)}, one row per key; then"
    return [
        heading("next"),
        *([write] if missing else []),
        "  dbt deps",
        f"  {trained.build}",
        f"{train}{argument}",
        f"  scorehouse scaffold predictions {name} --features {features} {flags}",
        "  dbt build",
    ]


def _profile_hint(project: Path, target: Mapping[str, Any]) -> list[str]:
    """What the profile lacks; nothing if its default target has it all."""
    if target.get("type") in (*CANNOT, "spark") or "memory_limit" in (target.get("settings") or {}):
        return []
    profile = project_settings(project).get("profile", "<profile>")
    lacks = "has no memory limit" if target.get("type") == "duckdb" else "needs `type: duckdb`"
    return [
        heading("profile"),
        f"  the target of {profile!r} {lacks}; with `settings: {{memory_limit: 1GB}}` below it",
        "  scoring takes the same memory for any number of rows",
    ]
