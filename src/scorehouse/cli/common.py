"""What the commands share: output as text or JSON, tables, a line while one waits, and what they read."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds
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
