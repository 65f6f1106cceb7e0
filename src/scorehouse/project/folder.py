"""The folder of the dbt project that a command or a function works in."""

from __future__ import annotations

from pathlib import Path

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
