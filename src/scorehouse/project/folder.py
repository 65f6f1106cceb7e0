"""The folder of the dbt project that a command or a function works in, its settings and variables.

And what dbt has written into it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError


def find_project(start: Path | str | None) -> Path:
    """The folder of the dbt project: `start`, or the nearest above the working folder."""
    if not isinstance(start, (str, Path, type(None))):
        raise ConfigurationError(
            "scorehouse",
            f"project_dir is {start!r:.200}",
            expected="the folder of a dbt project, or None",
            action="pass a path, or leave project_dir out inside the project",
        )
    first = Path(start) if start else Path.cwd()
    for folder in (first, *(() if start else first.resolve().parents)):
        if (folder / "dbt_project.yml").is_file():
            return folder.resolve()
    raise ConfigurationError(
        "scorehouse",
        f"no dbt_project.yml in {str(first)!r}" + ("" if start else " or any folder above it"),
        expected="a call from inside a dbt project",
        action="change into the project's folder, or pass project_dir (--project-dir)",
    )


def project_settings(root: Path) -> Mapping[str, Any]:
    """What dbt_project.yml says, as it is written; empty outside of a project."""
    import yaml  # the command line reads no settings before a command is called

    file = root / "dbt_project.yml"
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}


def project_variable(root: Path, name: str) -> Any:
    """A variable in dbt_project.yml, set for the project or for this package; None outside of a project."""
    variables: Mapping[str, Any] = project_settings(root).get("vars") or {}
    scoped = variables.get("scorehouse") or {}
    return scoped.get(name, variables.get(name))


def read_json(file: Path) -> dict[str, Any]:
    """A file that dbt has written; empty if there is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def reached(start: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    """The nodes of a graph that these lead to by its edges, and themselves."""
    found, waiting = set(start), list(start)
    while waiting:
        new = edges.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
