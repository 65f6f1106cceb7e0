"""profiles.yml as dbt finds and reads it: a profile, its targets, and the settings of a target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scorehouse.cli.common import this_call
from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.project.folder import project_settings

# What ends the reading of a profile; hints do without it.
NOT_READ = (ConfigurationError, yaml.YAMLError, UnicodeError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Profile:
    """A profile of the file profiles.yml: the settings of its targets, by name, and the default target."""

    file: Path
    name: str
    targets: Mapping[str, Any]
    default: str

    def duckdb_settings(self, target: str) -> dict[str, Any]:
        """The settings of a target; it must be a DuckDB target with a path."""
        if self.targets and target not in self.targets:
            raise ConfigurationError(
                this_call(),
                f"the profile {self.name!r} in {str(self.file)!r} has no target {target!r}"
                f"{did_you_mean(target, self.targets)}",
                expected=f"one of its targets {', '.join(sorted(self.targets))}",
                action="correct --target, or name the target's profile with --profile",
            )
        settings: dict[str, Any] = self.targets.get(target) or {}
        kind = settings.get("type")
        if kind and kind != "duckdb":
            readable = sorted(
                name for name, each in self.targets.items() if (each or {}).get("type") == "duckdb"
            )
            raise ConfigurationError(
                this_call(),
                f"this command reads DuckDB targets only, and the target {target!r} is of type {kind!r}",
                expected=f"a target of `type: duckdb`{f', such as {readable[0]!r}' if readable else ''}",
                action=f"name a DuckDB target or file; on {kind}, read the tables by `dbt show`",
            )
        if not kind or not settings.get("path"):
            raise ConfigurationError(
                this_call(),
                f"the target {target!r} of the profile {self.name!r} in {str(self.file)!r} names no DuckDB "
                f"file",
                expected=f"a target of `type: duckdb` with a path; its targets are {sorted(self.targets)}",
                action="correct --profile and --target, or name the file with --database",
            )
        return settings


def read_profile(project: Path, folder: Path | None = None, name: str | None = None) -> Profile:
    """The profile `name`, by default the project's, from profiles.yml in `folder`, or where dbt finds it."""
    file = profiles_file(folder, project)
    if name is None:
        settings = project_settings(project)
        if not settings.get("profile"):
            raise ConfigurationError(
                this_call(),
                "dbt_project.yml names no profile",
                expected="a line `profile: ...` in it",
                action="name the profile with --profile",
            )
        name = str(settings["profile"])
    profile = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(name) or {}
    return Profile(file, name, profile.get("outputs") or {}, profile.get("target") or "default")


def default_target(project: Path) -> tuple[str, Mapping[str, Any]]:
    """Name and settings of the profile's default target, for hints alone; empty if they are not found."""
    try:
        profile = read_profile(project)
        return profile.default, profile.targets[profile.default] or {}
    except NOT_READ:
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
