"""The folders that dbt-duckdb adds to Python's path: `module_paths` in the targets of a project's profile."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment


def module_paths(project: Path) -> list[str]:
    """The folders of all targets in the profile; relative paths start at the project, where dbt runs."""
    document = _read(project / "dbt_project.yml")
    for folder in (os.environ.get("DBT_PROFILES_DIR"), project, Path.home() / ".dbt"):
        file = Path(folder) / "profiles.yml" if folder else None
        if file and file.is_file():
            profile = _read(file).get(str(document.get("profile")))
            outputs = profile.get("outputs") if isinstance(profile, dict) else None
            return [str(project / path) for path in _named(outputs)]
    return []


def on_path(project: Path) -> None:
    """Put these folders on Python's path, as dbt-duckdb does, before a command opens an estimator."""
    sys.path += [folder for folder in module_paths(project) if folder not in sys.path]


def _named(outputs: Any) -> list[str]:
    if not isinstance(outputs, dict):
        return []
    found = [target.get("module_paths") for target in outputs.values() if isinstance(target, dict)]
    return [_rendered(str(path)) for paths in found if isinstance(paths, list) for path in paths]


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):  # dbt reports what is wrong with it
        return {}
    return document if isinstance(document, dict) else {}


def _rendered(text: str) -> str:
    try:
        template = SandboxedEnvironment().from_string(text)
        return template.render(env_var=lambda name, default="": os.environ.get(name, default))
    except jinja2.TemplateError:
        return text
