"""What docs/generate_reference.py makes of the command line: one page, from the help of every command."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import click
from tables import table

from scorehouse.cli import GROUPS
from scorehouse.cli.main import main as cli

SHARED = (
    "--json",
    "--project-dir",
    "--database",
    "--target",
    "--profile",
    "--profiles-dir",
    "--schema",
    "--dbt-target",
    "--yes",
    "--dry-run",
    "--alias",
    "--version",
    "--tracking-uri",
)
OPENING = """\
With `--json`, a command prints one JSON document and asks no questions; errors go to standard error. Commands
work from any folder of the project.

| exit code | |
|---|---|
| 0 | done |
| 1 | an error, which the message explains |
| 2 | wrong usage |
| 3 | something differs or is left: `replay`, `impact --check`, `evidence`, `forget`, `retrain --prove`, \
commands with `--exit-code` |
| 10, 11, 20, 30 | only [`retrain`](#scorehouse-retrain), which explains them, \
and [`distil`](#scorehouse-distil) (10) |
"""
WAREHOUSE = ("--database", "--target", "--profile", "--profiles-dir", "--schema")
OPTIONS = f"""\
## Options that several share

Commands that read the warehouse take {", ".join(f"`{one}`" for one in WAREHOUSE)}. Without the
first two, they take the default target of the profile and print its name; seals, packs and `retrain` want
one. They are %s.

`--help` prints a command with all of its options and more examples.
"""
USAGE = re.compile(r"^Usage: (.*?) \[OPTIONS\]")
FIRST_LINE = re.compile(r"(?<!\\)\n")  # a backslash continues a line
Records = Mapping[str, tuple[str, str]]


def page() -> str:
    leaves = dict(_leaves(cli, ""))
    shared = _shared(leaves)
    rows = [[title, _links(names, leaves)] for title, names in GROUPS.items()]
    lines = ["# Commands", "", *table(["for", "commands"], rows), *OPENING.splitlines(), ""]
    readers = [f"`{name}`" for name, command in leaves.items() if _reads(_taken(command, shared))]
    lines += [*(OPTIONS % ", ".join(readers)).splitlines(), ""]
    for name, (written, text) in shared.items():
        lines.append(f"- `{written}`: {text}{_takers(name, shared, leaves)}")
    for name, command in leaves.items():
        lines += ["", f"## scorehouse {name}", "", "```text", _help(name, command, shared), "```"]
        lines += _also(_taken(command, shared))
    return "\n".join(lines)


def _leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The commands that do something, by their words after `scorehouse`."""
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _leaves(command.commands[name], f"{path} {name}".strip())
    else:
        yield path, command


def _links(names: Iterable[str], leaves: Mapping[str, click.Command]) -> str:
    found = [leaf for name in names for leaf in leaves if leaf == name or leaf.startswith(f"{name} ")]
    return ", ".join(f"[{leaf}](#scorehouse-{leaf.replace(' ', '-')})" for leaf in found)


def _records(command: click.Command) -> Iterator[tuple[str, tuple[str, str]]]:
    """By name, how the help writes each option."""
    context = click.Context(command)
    for option in command.params:
        if isinstance(option, click.Option) and (record := option.get_help_record(context)):
            yield option.opts[0], record


def _shared(leaves: Mapping[str, click.Command]) -> Records:
    """What most commands say of the options in SHARED."""
    counted = Counter(item for command in leaves.values() for item in _records(command))
    usual = {name: record for (name, record), _ in reversed(counted.most_common())}
    return {name: usual[name] for name in SHARED}


def _taken(command: click.Command, shared: Records) -> list[str]:
    records = dict(_records(command))
    return [name for name in shared if records.get(name) == shared[name]]


def _reads(taken: list[str]) -> bool:
    """Whether a command reads the warehouse."""
    return set(WAREHOUSE) <= set(taken)


def _also(taken: list[str]) -> list[str]:
    """Which of the shared options a command takes, but for those of nearly all commands."""
    left = {"--json", "--project-dir", *(WAREHOUSE if _reads(taken) else ())}
    others = ", ".join(f"`{one}`" for one in taken if one not in left)
    return ["", f"Also takes {others}."] if others else []


def _takers(name: str, shared: Records, leaves: Mapping[str, click.Command]) -> str:
    """Of an option of nearly all commands: which do without."""
    without = [leaf for leaf, command in leaves.items() if name not in dict(_records(command))]
    if len(without) > len(leaves) / 4:
        return ""
    return f" All commands{' but ' if without else ''}{' and '.join(f'`{leaf}`' for leaf in without)}."


def _help(name: str, command: click.Command, shared: Records) -> str:
    """The help with one example, without the options that several commands share."""
    own, taken = copy.copy(command), _taken(command, shared)
    own.add_help_option = False
    own.params = [one for one in command.params if one.opts[0] not in taken]
    before, examples, rest = (command.help or "").partition("Examples:\n")
    own.help = f"{before}Example:\n{FIRST_LINE.split(rest)[0]}" if examples else command.help
    context = click.Context(own, info_name=f"scorehouse {name}", terminal_width=80, max_content_width=80)
    written = USAGE.sub(r"\1", click.unstyle(own.get_help(context)).rstrip())
    return written.removeprefix(f"scorehouse {name}\n\n")  # the heading says it
