"""`scorehouse explain`: why one row has its score, from the run log to each feature's contribution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import echo, json_option, print_json
from scorehouse.cli.names import complete_name
from scorehouse.cli.run_log import find_log
from scorehouse.cli.target import connect, place_of, target_options, this_call
from scorehouse.cli.waiting import waiting
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, replace_file

if TYPE_CHECKING:
    import duckdb

    from scorehouse.explain.story import Story
    from scorehouse.project.place import Place


@click.command("explain")
@click.argument("name", shell_complete=complete_name)
@click.option(
    "--key",
    "keys",
    required=True,
    multiple=True,
    help="Value of the key, or column=value for each of its columns.",
)
@click.option("--table", help="Prediction table; default: the one that was scored last.")
@click.option("--output", metavar="NAME", help="Of several outputs, the one to explain; default: the first.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with a picture to this file.",
)
@target_options
@json_option
def explain_command(
    name: str,
    keys: tuple[str, ...],
    table: str | None,
    output: str | None,
    html: Path | None,
    schema: str | None,
    project_dir: Path | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Explain one prediction of the ML model NAME: run, features, contributions, and what would flip it.

    \b
    Examples:
      scorehouse explain churn --key 15098 --target dev
      scorehouse explain churn --key 15098 --target dev --html why.html
      scorehouse explain demand --key stock_code=21123 --key week_start=2011-11-07 --target dev --json
    """
    project = find_project(project_dir)
    named = place_of(**place, project_dir=project_dir)
    with waiting("explaining the row"), connect(named) as connection:
        story = story_in(connection, named, project, name, keys, table, schema, output)
    if html is not None:
        from scorehouse.explain.page import page

        replace_file(html, page(story).encode())
    if as_json:
        print_json(story.to_dict())
        return
    from scorehouse.explain.text import lines

    for line in lines(story):
        echo(line)
    if html is not None:
        echo(f"written: {html}")


def story_in(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    project: Path,
    name: str,
    keys: Sequence[str],
    table: str | None,
    schema: str | None,
    output: str | None = None,
) -> Story:
    """The story of the row with these values of the key."""
    from scorehouse.explain.row import find_row
    from scorehouse.explain.story import story_of
    from scorehouse.forms.choose import FormFiles
    from scorehouse.scoring.request import load_policy

    call = f"{this_call()} {name}"
    versions = ModelSeeds(project, name).registered(call)
    found = find_row(connection, find_log(connection, schema, place), name, table, keys, call)
    return story_of(found, versions, FormFiles(project, load_policy(project)), call, output)
