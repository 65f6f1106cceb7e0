"""What the commands share: options, output as text or JSON, tables, and what they read."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any

import click
from click.shell_completion import CompletionItem

from scorehouse.errors import ConfigurationError, ScorehouseError, did_you_mean, rebuilt
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.version import Version, resolve

EXIT_FAULT = 1
EXIT_DIFFERENT = 3
NOTHING_REGISTERED = "no ML model is registered yet; see scorehouse register --help"
NUMBER = re.compile(r"-|[-+]?[\d,]+(\.\d+)?(e[-+]\d+)?%?")  # or the dash of a missing one
PATIENCE_SECONDS = 0.7  # a command that takes less shows nothing while it works
CLEAR = "\r\033[K"
STATES = {
    **dict.fromkeys(("ok", "success", "scored"), "green"),
    **dict.fromkeys(("warning", "rejected", "started", "not finished"), "yellow"),
    **dict.fromkeys(("FAULT", "error", "failed", "skipped"), "red"),
}
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

Function = Callable[..., Any]


class Choice(click.Choice[str]):
    """A choice, which suggests a near one."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        said = super().get_invalid_choice_message(value, ctx)
        near = did_you_mean(value, self.choices)
        return said.removesuffix(".") + near if near else said


class WholeNumber(click.IntRange):
    """A whole number; something else is called no integer, and not no integer range."""

    name = "integer"


class Number(click.FloatRange):
    """A number, called so where something else is given."""

    name = "number"


def this_call() -> str:
    """The command as the user wrote it."""
    context = click.get_current_context(silent=True)
    return f"scorehouse {context.command_path.partition(' ')[2] if context else ''}".rstrip()


def echo(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a line; with colours only on a terminal, and only if NO_COLOR is not set."""
    click.echo(text, nl=nl, err=err, color=False if os.environ.get("NO_COLOR") else None)


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def answer(as_json: bool, document: Any, lines: Iterable[str]) -> None:
    """Print the result of a command: the document with --json, else the lines."""
    if as_json:
        print_json(document)
    else:
        for line in lines:
            echo(line)


def heading(text: str) -> str:
    return click.style(text, bold=True)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, first_to_go: Sequence[str] = ()
) -> list[str]:
    """The lines of a table; numbers are right-aligned, None is a dash.

    On a terminal that is too narrow, columns of `first_to_go` are left out, in this order, and a last line
    names them.
    """
    body = [[cell(value) for value in row] for row in rows]
    shown, left_out = list(range(len(columns))), list[str]()
    widths = [max(map(_width, column)) for column in zip(columns, *body, strict=True)]
    for name in first_to_go:
        if sum(widths[place] + 2 for place in shown) - 2 <= _room():
            break
        shown.remove(columns.index(name))
        left_out.append(name)
    columns, widths = [columns[place] for place in shown], [widths[place] for place in shown]
    body = [[row[place] for place in shown] for row in body]
    right = [all(map(NUMBER.fullmatch, column)) for column in zip(*body, strict=True)]
    right = right or [False] * len(columns)

    def line(cells: Sequence[str]) -> str:
        aligned = []
        for cell, width, to_right in zip(cells, widths, right, strict=True):
            padding = " " * (width - _width(cell))
            aligned.append(padding + cell if to_right else cell + padding)
        return "  ".join(aligned).rstrip()

    told = [f"too narrow for {', '.join(left_out)}: --json has all"] if left_out else []
    return [heading(line(columns)), *(line(row) for row in body), *told]


def folded(text: str, indent: int, room: float | None = None) -> str:
    """A text whose lines fit the terminal, all but the first indented; in one line where there is none."""
    width = _room() if room is None else room
    if width == math.inf:
        return text
    lines = wrap(text, max(20, int(width) - indent), break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)


def _room() -> float:
    """The width of the terminal; what is read by a program, or kept in a file, has no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf


def _width(cell: str) -> int:
    """Without codes of colours, which take no place."""
    return len(click.unstyle(cell))


def state(text: str) -> str:
    """A state, in the colour that all commands show it in."""
    return click.style(text, fg=STATES.get(text))


def count(number: int, thing: str) -> str:
    """`1 version`, `2 versions`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def cell(value: Any) -> str:
    """A value as tables show it."""
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


def find_version(seeds: ModelSeeds, wanted: str | None, call: str) -> Version:
    """The version with a number or an alias; without either, the champion or else the newest version."""
    versions = seeds.registered(call)
    if wanted is None:
        champions = [version for version in versions if "champion" in version.aliases]
        return (champions or versions)[-1]
    number = int(wanted) if wanted.isdigit() else None
    return resolve(versions, alias=None if number is not None else wanted, version=number, call=call)


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Show `doing` and the seconds so far on standard error, if it is a terminal; the line is removed."""
    if not sys.stderr.isatty():
        yield
        return
    ended, call, start = threading.Event(), this_call(), time.monotonic()

    def show() -> None:
        while not ended.wait(PATIENCE_SECONDS):
            seconds = time.monotonic() - start
            print(f"{CLEAR}{call}: {doing}, {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if time.monotonic() - start >= PATIENCE_SECONDS:
            print(CLEAR, end="", file=sys.stderr, flush=True)


@contextmanager
def written_as(*words: str) -> Iterator[None]:
    """Errors of a Python function name the command that the user wrote, not the call of the function."""
    try:
        yield
    except ScorehouseError as error:
        raise rebuilt({**error.fields(), "call": f"{this_call()} {shlex.join(words)}"}) from error


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


def packed(kind: type, name: str, function: Function) -> Function:
    """Pass the options that are fields of the dataclass `kind` as one argument `name`."""

    @functools.wraps(function)
    def with_one(*arguments: Any, **given: Any) -> Any:
        own = {field.name: given.pop(field.name) for field in fields(kind) if field.name in given}
        return function(*arguments, **given, **{name: kind(**own)})

    return with_one


def option(*names: str, **settings: Any) -> Function:
    """An option whose help shows the default."""
    return click.option(*names, show_default=True, **settings)


def format_option(formats: Iterable[str], default: str, text: str) -> Function:
    """--format, one of `formats`."""
    choice = Choice(list(formats))
    return option("--format", "file_format", type=choice, default=default, help=text)
