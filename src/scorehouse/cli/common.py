"""What the commands share: options, output as text or JSON, and tables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, resolve

EXIT_FAULT = 1
EXIT_DIFFERENT = 3
NUMBER = re.compile(r"-|[-+]?[\d,]+(\.\d+)?(e[-+]\d+)?%?")  # or the dash of a missing one

Function = Callable[..., Any]


def project_option(function: Function) -> Function:
    """--project-dir."""
    return click.option(
        "--project-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the dbt project; default: the nearest above this one.",
    )(function)


def json_option(function: Function) -> Function:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def format_option(formats: Iterable[str], default: str, text: str) -> Function:
    """--format, one of `formats`."""
    choice = click.Choice(list(formats))
    return click.option("--format", "form", type=choice, default=default, show_default=True, help=text)


def write_options(function: Function) -> Function:
    """--yes and --dry-run, for commands that show what they will write."""
    function = click.option("--dry-run", is_flag=True, help="Show the changes without writing them.")(
        function
    )
    return click.option("--yes", "-y", is_flag=True, help="Write without asking.")(function)


def echo(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a line; with colours only on a terminal, and only if NO_COLOR is not set."""
    click.echo(text, nl=nl, err=err, color=False if os.environ.get("NO_COLOR") else None)


def heading(text: str) -> str:
    return click.style(text, bold=True)


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """The lines of a table; numbers are right-aligned, None is a dash."""
    body = [[_cell(value) for value in row] for row in rows]
    right = [all(map(NUMBER.fullmatch, column)) for column in zip(*body, strict=True)]
    right = right or [False] * len(columns)
    widths = [max(map(_width, column)) for column in zip(columns, *body, strict=True)]

    def line(cells: Sequence[str]) -> str:
        aligned = []
        for cell, width, to_right in zip(cells, widths, right, strict=True):
            padding = " " * (width - _width(cell))
            aligned.append(padding + cell if to_right else cell + padding)
        return "  ".join(aligned).rstrip()

    return [heading(line(columns)), *(line(row) for row in body)]


def _width(cell: str) -> int:
    """Without codes of colours, which take no place."""
    return len(click.unstyle(cell))


STATES = {
    **dict.fromkeys(("ok", "success", "scored"), "green"),
    **dict.fromkeys(("warning", "rejected", "started", "not finished"), "yellow"),
    **dict.fromkeys(("FAULT", "error", "failed", "skipped"), "red"),
}


def state(text: str) -> str:
    """A state, in the colour that all commands show it in."""
    return click.style(text, fg=STATES.get(text))


def count(number: int, thing: str) -> str:
    """`1 version`, `2 versions`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e3 else f"{value:,.0f}"
    return str(value)


def read_frame(file: Path, option: str = "--features") -> Any:
    """The training features in a .parquet or .csv file, which `option` names."""
    import pandas as pd

    readers: dict[str, Callable[[Path], pd.DataFrame]] = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    if file.suffix not in readers or not file.exists():
        raise ConfigurationError(
            f"{option} {file}",
            "the file does not exist" if file.suffix in readers else f"its extension is {file.suffix!r}",
            expected="a .parquet or .csv file of the training features",
            action="write the frame that was given to fit() to such a file",
        )
    return readers[file.suffix](file)


def note_new_alias(alias: str, known: Iterable[str]) -> None:
    """Point out a new alias that is close to one in use: it may be a typing error."""
    usual = {*known, "champion", "challenger"}
    if alias not in usual and (hint := did_you_mean(alias, usual)):
        echo(f"note: the alias {alias!r} is new{hint}", err=True)


def find_version(seeds: ModelSeeds, wanted: str | None, call: str) -> Version:
    """The version with a number or an alias; without either, the champion or else the newest version."""
    versions = seeds.registered(call)
    if wanted is None:
        champions = [version for version in versions if "champion" in version.aliases]
        return (champions or versions)[-1]
    number = int(wanted) if wanted.isdigit() else None
    return resolve(versions, alias=None if number is not None else wanted, version=number, call=call)
