"""`scorehouse list`: all registered versions."""

from __future__ import annotations

from pathlib import Path

import click

from scorehouse.cli.common import echo, json_option, print_json, project_option
from scorehouse.cli.show import facts
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.version import Version


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
    project = find_project(project_dir)
    versions = [
        version for name in registered_names(project) for version in ModelSeeds(project, name).versions()
    ]
    if as_json:
        print_json([facts(version) for version in versions])
        return
    for version in versions:
        echo(_line(version))
    if not versions:
        echo("no ML model is registered yet; see scorehouse register --help")


def _line(version: Version) -> str:
    aliases = ", ".join(version.aliases) or "-"
    return (
        f"{version.name:<24} {version.version:>4}  {aliases:<20} {version.task:<15} "
        f"{version.training_rows:>10,} rows  {version.sha256[:12]}"
    )
