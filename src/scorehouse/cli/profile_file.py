"""profiles.yml as dbt finds and reads it: profiles, their targets, and the settings of a target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.errors import ConfigurationError, did_you_mean


def this_call() -> str:
    """The command as the user wrote it."""
    context = click.get_current_context(silent=True)
    return f"scorehouse {context.command_path.partition(' ')[2] if context else ''}".rstrip()


def default_target(project: Path) -> Mapping[str, Any]:
    """The settings of the profile's default target, for hints alone; empty if they are not found."""
    return _default_target(project)[1]


def default_target_name(project: Path) -> str:
    """The name of the profile's default target, for hints alone; empty if it is not found."""
    return _default_target(project)[0]


def _default_target(project: Path) -> tuple[str, Mapping[str, Any]]:
    try:
        profile = profile_of(project)
        document = yaml.safe_load(profiles_file(None, project).read_text(encoding="utf-8"))
        name = document[profile].get("target") or "default"
        return name, document[profile]["outputs"][name] or {}
    except (ConfigurationError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return "", {}


def profiles_file(folder: Path | None, project: Path) -> Path:
    """The profiles.yml that dbt would find if it ran in the project's folder."""
    set_by_user = os.environ.get("DBT_PROFILES_DIR")
    if folder is None and set_by_user:
        folder = Path(set_by_user)
    places = [folder] if folder else [project, Path.home() / ".dbt"]
    for place in places:
        if (place / "profiles.yml").is_file():
            return place / "profiles.yml"
    raise ConfigurationError(
        this_call(),
        f"there is no profiles.yml in {' or '.join(repr(str(place)) for place in places)}",
        expected="the folder of profiles.yml",
        action="name it with --profiles-dir, or name the file with --database",
    )


def profile_of(project: Path) -> str:
    document = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    if not document.get("profile"):
        raise ConfigurationError(
            this_call(),
            "dbt_project.yml names no profile",
            expected="a line `profile: ...` in it",
            action="name the profile with --profile",
        )
    return str(document["profile"])


def outputs_of(file: Path, profile: str) -> dict[str, Any]:
    return ((yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(profile) or {}).get("outputs") or {}


def settings_of(file: Path, profile: str, target: str) -> dict[str, Any]:
    """The settings of a target; it must be a DuckDB target with a path."""
    outputs = outputs_of(file, profile)
    settings: dict[str, Any] = outputs.get(target) or {}
    kind = settings.get("type")
    if kind and kind != "duckdb":
        readable = sorted(name for name, each in outputs.items() if (each or {}).get("type") == "duckdb")
        raise ConfigurationError(
            this_call(),
            f"this command reads DuckDB targets only, and the target {target!r} is of type {kind!r}",
            expected=f"a target of `type: duckdb`{f', such as {readable[0]!r}' if readable else ''}",
            action=f"name a DuckDB target or file; on {kind}, read the tables by `dbt show`",
        )
    if settings.get("type") != "duckdb" or not settings.get("path"):
        raise ConfigurationError(
            this_call(),
            f"the target {target!r} of the profile {profile!r} in {str(file)!r} names no DuckDB file"
            + did_you_mean(target, outputs),
            expected=f"a target of `type: duckdb` with a path; its targets are {sorted(outputs)}",
            action="correct --profile and --target, or name the file with --database",
        )
    return settings


def rendered(text: str) -> str:
    """The path with env_var() rendered, the only function that is supported in a profile here."""

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise ConfigurationError(
                this_call(),
                f"the profile needs the environment variable {name!r}, which is not set",
                expected="the variable, set as it is when dbt runs",
                action=f"set {name}, or name the file with --database",
            )
        return value

    import jinja2

    return jinja2.Environment(autoescape=False).from_string(text).render(env_var=env_var)
