"""`scorehouse list`: all registered versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import NOTHING_REGISTERED, answer, count, table
from scorehouse.cli.options import json_option, project_option
from scorehouse.cli.show import facts
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.version import Version

SHOWN = ("ML model", "version", "aliases", "task", "trained on", "quality", "registered", "sha256")


@click.command("list")
@json_option
@project_option
def list_command(as_json: bool, project_dir: Path | None) -> None:
    """List all registered versions.

    \b
    Examples:
      scorehouse list
      scorehouse list --json
    """
    versions = all_versions(find_project(project_dir))
    models = count(len({version.name for version in versions}), "ML model")
    lines = table(SHOWN, [_shown(version) for version in versions])
    lines += ["", f"{models}, {count(len(versions), 'version')}"]
    answer(as_json, [facts(version) for version in versions], lines if versions else [NOTHING_REGISTERED])


def all_versions(project: Path) -> list[Version]:
    """Every registered version, by name and number."""
    return [version for name in registered_names(project) for version in ModelSeeds(project, name).versions()]


def _shown(version: Version) -> list[Any]:
    quality = ", ".join(f"{name} {value:.3g}" for name, value in sorted(version.metrics.items())[:2])
    return [
        version.name,
        version.version,
        click.style(", ".join(version.aliases) or "-", fg="green" if version.aliases else None),
        version.task,
        version.training_rows,
        quality,
        version.registered_at[:10],
        version.sha256[:12],
    ]
