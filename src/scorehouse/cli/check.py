"""`scorehouse check`: whether every registered version could score."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorehouse.cli.common import EXIT_FAULT, echo, json_option, print_json, project_option
from scorehouse.project.folder import find_project

if TYPE_CHECKING:
    from scorehouse.registration.check_project import Checked


@click.command("check")
@click.option("--no-load", is_flag=True, help="Hash and compare only; open no artifact.")
@json_option
@project_option
def check_command(no_load: bool, as_json: bool, project_dir: Path | None) -> None:
    """Verify every registered version; exits with 1 if one cannot score.

    Checks that each artifact exists, has the registered digest and loads under the load policy of
    dbt_project.yml; that the signature file is the registered one and equals the signature seed; that the
    reference has rows; and that version numbers and aliases are unique.

    \b
    Examples:
      scorehouse check
      scorehouse check --no-load --json
    """
    from scorehouse.registration.check_project import check_project

    found = check_project(find_project(project_dir), load=not no_load)
    if as_json:
        print_json([asdict(item) for item in found])
    elif not found:
        echo("no ML model is registered yet; see scorehouse register --help")
    else:
        echo("\n".join(line for item in found for line in _checked_lines(item)))
    if any(item.faults for item in found):
        click.get_current_context().exit(EXIT_FAULT)


def _checked_lines(item: Checked) -> list[str]:
    number = "-" if item.version is None else str(item.version)
    state = "FAULT" if item.faults else "warning" if item.warnings else "ok"
    head = f"{item.name:<24} {number:>4}  {', '.join(item.aliases) or '-':<20} {state}"
    return [head, *(f"    {text}" for text in (*item.faults, *item.warnings))]
