"""Options and arguments that several commands share, and what they complete to in a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from scorehouse.errors import ScorehouseError
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, registered_names

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

Function = Callable[..., Any]


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the registered ML models."""
    return [CompletionItem(name) for name in _names(ctx) if name.startswith(incomplete)]


def complete_reference(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names; after an @ the aliases, after a / the versions."""
    for mark in "@/":
        name, separator, _ = incomplete.partition(mark)
        if separator and name in _names(ctx):
            versions = ModelSeeds(find_project(ctx.params.get("project_dir")), name).versions()
            aliases = [alias for version in versions for alias in version.aliases]
            known = aliases if mark == "@" else [str(version.version) for version in versions]
            whole = [f"{name}{mark}{each}" for each in known]
            return [CompletionItem(each) for each in whole if each.startswith(incomplete)]
    return complete_name(ctx, param, incomplete)


def _names(ctx: click.Context) -> list[str]:
    """Registered names; empty outside of a project, since completion must never fail."""
    try:
        return registered_names(find_project(ctx.params.get("project_dir")))
    except ScorehouseError:
        return []


name_argument = click.argument("name", shell_complete=complete_name)
optional_name = click.argument("name", required=False, shell_complete=complete_name)
reference_argument = click.argument("reference", shell_complete=complete_reference)
key_option = click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
cluster_option = click.option(
    "--cluster", metavar="COLUMN", help="Column with what groups dependent rows, in place of --time."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
project_option = click.option(
    "--project-dir", type=FOLDER, help="Folder of the dbt project; default: the nearest above this one."
)


def option(*names: str, **settings: Any) -> Function:
    """An option whose help shows the default."""
    return click.option(*names, show_default=True, **settings)


def format_option(formats: Iterable[str], default: str, text: str) -> Function:
    """--format, one of `formats`."""
    choice = click.Choice(list(formats))
    return option("--format", "file_format", type=choice, default=default, help=text)
