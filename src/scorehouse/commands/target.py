"""The DuckDB file of a dbt target that the user names; a target is never guessed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import duckdb
import jinja2
import yaml

from scorehouse.commands.common import Function, project_option
from scorehouse.errors import ConfigurationError
from scorehouse.registration.seeds import find_project


def target_options(function: Function) -> Function:
    """Options that name the DuckDB file and the schema in it."""
    schema = click.option("--schema", help="Schema of the dbt target, where the file holds several.")
    return file_options(schema(function))


def file_options(function: Function) -> Function:
    """Options that name the DuckDB file, and the project whose profile may name it."""
    folder = click.Path(file_okay=False, path_type=Path)
    for option in (
        project_option,
        click.option(
            "--profiles-dir",
            type=folder,
            help="Folder of profiles.yml; default: DBT_PROFILES_DIR, else the project, else ~/.dbt.",
        ),
        click.option("--target", help="Target of the profile, instead of --database; never guessed."),
        click.option("--profile", help="Profile of the target; default: that of dbt_project.yml."),
        click.option("--database", type=click.Path(dir_okay=False, path_type=Path), help="The DuckDB file."),
    ):
        function = option(function)
    return function


def _call() -> str:
    """The command as the user wrote it."""
    context = click.get_current_context(silent=True)
    return f"scorehouse {context.command_path.partition(' ')[2] if context else ''}".rstrip()


def database_of(
    database: Path | None,
    profile: str | None,
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
) -> Path:
    """The file named by --database, or that of --target in profiles.yml.

    A relative path in a profile counts from the project's folder, where dbt is run.
    """
    if database is not None and (profile or target):
        raise click.UsageError("name either --database or --target")
    if database is not None:
        return _existing(database, "this folder")
    if not target:
        raise click.UsageError("name the DuckDB file with --database, or the --target that writes it")
    project = _project(project_dir, profile)
    file = _profiles_file(profiles_dir, project)
    path = Path(_rendered(_path_of(file, profile or _profile_of(project), target)))
    return _existing(project / path.expanduser(), "the project's folder")


def _project(project_dir: Path | None, profile: str | None) -> Path:
    """The project's folder; where the profile is named and there is none, this folder stands for it."""
    try:
        return find_project(project_dir)
    except ConfigurationError:
        if project_dir is not None or profile is None:
            raise
        return Path.cwd()


def _profiles_file(folder: Path | None, project: Path) -> Path:
    """profiles.yml where dbt, run in the project's folder, would find it."""
    set_by_user = os.environ.get("DBT_PROFILES_DIR")
    if folder is None and set_by_user:
        folder = Path(set_by_user)
    places = [folder] if folder else [project, Path.home() / ".dbt"]
    for place in places:
        if (place / "profiles.yml").is_file():
            return place / "profiles.yml"
    raise ConfigurationError(
        _call(),
        f"there is no profiles.yml in {' or '.join(repr(str(place)) for place in places)}",
        expected="the folder of profiles.yml",
        action="name it with --profiles-dir, or name the file with --database",
    )


def _profile_of(project: Path) -> str:
    document = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    if not document.get("profile"):
        raise ConfigurationError(
            _call(),
            "dbt_project.yml names no profile",
            expected="a line `profile: ...` in it",
            action="name the profile with --profile",
        )
    return str(document["profile"])


def _path_of(file: Path, profile: str, target: str) -> str:
    outputs = ((yaml.safe_load(file.read_text()) or {}).get(profile) or {}).get("outputs") or {}
    settings: dict[str, Any] = outputs.get(target) or {}
    if settings.get("type") != "duckdb" or not settings.get("path"):
        raise ConfigurationError(
            _call(),
            f"the target {target!r} of the profile {profile!r} in {str(file)!r} names no DuckDB file",
            expected=f"a target of `type: duckdb` with a path; its targets are {sorted(outputs)}",
            action="correct --profile and --target, or name the file with --database",
        )
    return str(settings["path"])


def _rendered(text: str) -> str:
    """The path with env_var() replaced, the one thing that dbt offers in a profile."""

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise ConfigurationError(
                _call(),
                f"the profile needs the environment variable {name!r}, which is not set",
                expected="the variable that dbt would be run with",
                action=f"set {name}, or name the file with --database",
            )
        return value

    return jinja2.Environment(autoescape=False).from_string(text).render(env_var=env_var)


def _existing(file: Path, origin: str) -> Path:
    if not file.is_file():
        raise ConfigurationError(
            _call(),
            f"there is no DuckDB file {str(file)!r}",
            expected=f"the file that dbt writes into; a relative path counts from {origin}",
            action="correct the path, or build the project first",
        )
    return file


def connect(file: Path) -> duckdb.DuckDBPyConnection:
    """Open the file for reading."""
    try:
        return duckdb.connect(str(file), read_only=True)
    except duckdb.Error as error:
        raise ConfigurationError(
            _call(),
            f"{str(file)!r} cannot be opened ({error})",
            expected="a DuckDB file that no other process writes into at this moment",
            action="wait for the dbt run to end",
        ) from error
