"""The DuckDB file of a dbt target that the user names; a target is never guessed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import duckdb
import jinja2
import yaml

from scorehouse.commands.common import Function
from scorehouse.errors import ConfigurationError


def target_options(function: Function) -> Function:
    """Options that name the DuckDB file and the schema in it."""
    schema = click.option("--schema", help="Schema of the dbt target, where the file holds several.")
    return file_options(schema(function))


def file_options(function: Function) -> Function:
    """Options that name the DuckDB file."""
    folder = click.Path(file_okay=False, path_type=Path)
    for option in (
        click.option(
            "--profiles-dir",
            type=folder,
            default=Path("."),
            help="Folder of profiles.yml; default: this one.",
        ),
        click.option("--target", help="Target of the profile."),
        click.option("--profile", help="Profile in profiles.yml; with --target, instead of --database."),
        click.option("--database", type=click.Path(dir_okay=False, path_type=Path), help="The DuckDB file."),
    ):
        function = option(function)
    return function


def _call() -> str:
    """The command as the user wrote it."""
    context = click.get_current_context(silent=True)
    return f"scorehouse {context.command_path.partition(' ')[2] if context else ''}".rstrip()


def database_of(database: Path | None, profile: str | None, target: str | None, profiles_dir: Path) -> Path:
    """The file named by --database, or that of --profile and --target in profiles.yml."""
    if database is not None and (profile or target):
        raise click.UsageError("name either --database or --profile and --target")
    if database is not None:
        return _existing(database)
    if not profile or not target:
        raise click.UsageError("name the DuckDB file with --database, or both --profile and --target")
    return _existing(_path_of(profiles_dir / "profiles.yml", profile, target))


def _path_of(file: Path, profile: str, target: str) -> Path:
    if not file.is_file():
        raise ConfigurationError(
            _call(),
            f"there is no {str(file)!r}",
            expected="the folder of profiles.yml",
            action="name it with --profiles-dir",
        )
    outputs = ((yaml.safe_load(file.read_text()) or {}).get(profile) or {}).get("outputs") or {}
    settings: dict[str, Any] = outputs.get(target) or {}
    if settings.get("type") != "duckdb" or not settings.get("path"):
        raise ConfigurationError(
            _call(),
            f"the target {target!r} of the profile {profile!r} in {str(file)!r} names no DuckDB file",
            expected=f"a target of `type: duckdb` with a path; its targets are {sorted(outputs)}",
            action="correct --profile and --target, or name the file with --database",
        )
    return Path(_rendered(str(settings["path"])))


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


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise ConfigurationError(
            _call(),
            f"there is no DuckDB file {str(file)!r}",
            expected="the file that dbt writes into; a relative path counts from this folder",
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
