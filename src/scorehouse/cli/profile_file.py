"""profiles.yml as dbt finds and reads it: a profile, its targets, and the settings of a target."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scorehouse.cli.common import this_call
from scorehouse.errors import ConfigurationError, did_you_mean, listed
from scorehouse.project.folder import project_settings

# What ends the reading of a profile; hints do without it.
NOT_READ = (ConfigurationError, yaml.YAMLError, UnicodeError, KeyError, TypeError, AttributeError)
# how psycopg2 names the settings of a target
POSTGRES = {
    **{name: name for name in ("host", "port", "user", "password", "dbname", "connect_timeout")},
    **{name: name for name in ("sslmode", "sslcert", "sslkey", "sslrootcert", "search_path")},
    **{"pass": "password", "database": "dbname"},
}


@dataclass(frozen=True)
class Profile:
    """A profile of profiles.yml: the settings of its targets, by name, and their default as written."""

    file: Path
    name: str
    targets: Mapping[str, Any]
    written: str

    @property
    def default(self) -> str:
        """The name of the default target; it may need an environment variable."""
        return rendered(self.written)

    def settings(self, target: str) -> dict[str, Any]:
        """The settings of a target as they are written."""
        if self.targets and target not in self.targets:
            raise ConfigurationError(
                this_call(),
                f"the profile {self.name!r} in {str(self.file)!r} has no target {target!r}"
                f"{did_you_mean(target, self.targets)}",
                expected=f"one of its targets {', '.join(sorted(self.targets))}",
                action="correct --target, or name the target's profile with --profile",
            )
        return self.targets.get(target) or {}

    def duckdb_settings(self, target: str) -> dict[str, Any]:
        """The settings of a target; it must be a DuckDB target with a path."""
        settings = self.settings(target)
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
                expected="a target of `type: duckdb` with a path; "
                f"its targets are {listed(sorted(self.targets))}",
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
    profiles = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if name not in profiles:
        known = sorted(set(map(str, profiles)) - {"config"})
        raise ConfigurationError(
            this_call(),
            f"there is no profile {name!r} in {str(file)!r}{did_you_mean(name, known)}",
            expected=f"one of its profiles {', '.join(known)}" if known else "a profile in this file",
            action="correct --profile or the profile of dbt_project.yml, or name --profiles-dir",
        )
    profile = profiles[name] or {}
    return Profile(file, name, profile.get("outputs") or {}, str(profile.get("target") or "default"))


def default_target(project: Path) -> tuple[str, Mapping[str, Any]]:
    """Name and settings of the profile's default target, for hints alone; empty if they are not found.

    Type and schema are rendered, where that is possible.
    """
    try:
        profile = read_profile(project)
        name = profile.default
        settings = dict(profile.targets[name] or {})
    except NOT_READ:
        return "", {}
    for setting in settings.keys() & {"type", "schema"}:
        with contextlib.suppress(ConfigurationError):
            settings[setting] = rendered(str(settings[setting]))
    return name, settings


def postgres_arguments(project: Path, target: str) -> dict[str, str]:
    """What a training script connects with by psycopg2, as dbt does, in a target of the project's profile."""
    settings = read_profile(project).settings(target)
    named = {POSTGRES[name]: value for name, value in settings.items() if name in POSTGRES}
    used = {
        name: text for name, value in named.items() if value is not None and (text := rendered(str(value)))
    }
    if path := used.pop("search_path", ""):
        used["options"] = "-c search_path=" + path.replace(" ", "\\ ")
    return used


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
    """A setting with env_var() rendered, the only function that is supported in a profile here."""

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise ConfigurationError(
                this_call(),
                f"the profile needs the environment variable {name!r}, which is not set",
                expected="the variable, set as it is when dbt runs",
                action=f"set {name}; a command with --database can name the file by that instead",
            )
        return value

    import jinja2

    environment = jinja2.Environment(autoescape=False)
    environment.filters.update(dict.fromkeys(("as_bool", "as_native", "as_number", "as_text"), str))
    try:
        return environment.from_string(text).render(env_var=env_var)
    except jinja2.TemplateError as error:  # the setting itself may be secret
        raise ConfigurationError(
            this_call(),
            f"a setting of the profile cannot be rendered here: {error}",
            expected="text with no other function than env_var(), and no other filters than dbt's",
            action="write the setting by env_var() in profiles.yml",
        ) from None
