"""`scorehouse promote`: move an alias to a version."""

from __future__ import annotations

from pathlib import Path

import click

from scorehouse.cli.common import echo, json_option, note_new_alias, print_json, project_option
from scorehouse.cli.names import complete_name
from scorehouse.cli.show import facts as as_document
from scorehouse.project.folder import find_project
from scorehouse.registration.promote import promote
from scorehouse.registration.promotion_gate import require_test
from scorehouse.registry.seeds import ModelSeeds, build_command


@click.command("promote")
@click.argument("name", shell_complete=complete_name)
@click.argument("version", type=int)
@click.option("--alias", default="champion", show_default=True, help="Alias to move.")
@click.option("--threshold", type=float, help="Score from which the positive class is predicted from now on.")
@click.option("--require", metavar="TEST", help="A dbt test that the last dbt command must have passed.")
@json_option
@project_option
def promote_command(
    name: str,
    version: int,
    alias: str,
    threshold: float | None,
    require: str | None,
    as_json: bool,
    project_dir: Path | None,
) -> None:
    """Move an alias to VERSION of the ML model NAME.

    The YAML of the seed is written from its CSV, also if that was edited by hand.

    \b
    Examples:
      scorehouse promote churn 3 --alias champion
      scorehouse promote churn 3 --threshold 0.35
      scorehouse promote churn 3 --require challenger_not_worse_churn
    """
    seeds = ModelSeeds(find_project(project_dir), name)
    known = {each for row in seeds.registered(f"promote {name} {version}") for each in row.aliases}
    passed = require_test(name, version, require, project_dir=project_dir) if require else None
    note_new_alias(alias, known)
    moved = promote(name, version, alias=alias, threshold=threshold, project_dir=project_dir)
    if as_json:
        print_json({**as_document(moved), "required": passed})
        return
    if passed:
        echo(passed)
    echo(f"aliases of {moved.label}: {', '.join(moved.aliases)}")
    echo(f"next: {build_command(name)}")
