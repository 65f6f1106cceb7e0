"""`scorehouse explain`: why one row has its score, from the run log to each feature's contribution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorehouse.cli.common import FILE, answer, json_option, name_argument, this_call, waiting
from scorehouse.cli.target import Opened, Target, target_options
from scorehouse.registry.seeds import ModelSeeds, replace_file

if TYPE_CHECKING:
    from scorehouse.explain.story import Story
    from scorehouse.program.choose import ProgramFiles
    from scorehouse.registry.version import Version


@click.command("explain")
@name_argument
@click.option(
    "--key",
    "keys",
    required=True,
    multiple=True,
    help="Value of the key, or column=value for each of its columns.",
)
@click.option("--table", help="Prediction table; default: the last scored one with the row.")
@click.option("--output", metavar="NAME", help="Of several outputs, the one to explain; default: the first.")
@click.option("--html", type=FILE, help="Write a page with a picture to this file.")
@target_options
@json_option
def explain_command(
    name: str,
    keys: tuple[str, ...],
    table: str | None,
    output: str | None,
    html: Path | None,
    target: Target,
    as_json: bool,
) -> None:
    """Explain one prediction of the ML model NAME: run, features, contributions, and what would flip it.

    \b
    Examples:
      scorehouse explain churn --key 15098 --target dev
      scorehouse explain churn --key 15098 --target dev --html why.html
      scorehouse explain demand --key stock_code=21123 --key week_start=2011-11-07 --target dev --json
    """
    from scorehouse.explain.text import lines as lines_of

    with waiting("explaining the row"), target.opened(anywhere=True) as opened:
        story = story_in(opened, target.project, name, keys, table, output)
    lines = list(lines_of(story))
    if html is not None:
        from scorehouse.explain.page import page

        replace_file(html, page(story).encode())
        lines.append(f"written: {html}")
    answer(as_json, story.to_dict(), lines)


def story_in(
    opened: Opened,
    project: Path,
    name: str,
    keys: Sequence[str],
    table: str | None,
    output: str | None = None,
) -> Story:
    """The story of the row with these values of the key."""
    from scorehouse.explain.row import find_row, wanted_key
    from scorehouse.explain.story import story_of

    call = f"{this_call()} {name}"
    versions, files = registered_files(project, name, call)
    opened.fetch(name, table, lambda columns: [wanted_key(keys, columns, call)])
    found = find_row(opened.connection, opened.run_log, name, table, keys, project, call)
    return story_of(found, versions, files, call, output)


def registered_files(project: Path, name: str, call: str) -> tuple[list[Version], ProgramFiles]:
    """The versions of an ML model, and what reads their files; the project's modules can be imported."""
    from scorehouse.program.choose import ProgramFiles
    from scorehouse.registration.module_paths import on_path
    from scorehouse.registry.policy import load_policy

    on_path(project)
    return ModelSeeds(project, name).registered(call), ProgramFiles(project, load_policy(project))
