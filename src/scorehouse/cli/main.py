"""The command `scorehouse`, whose commands are imported when they are called, not when they are listed."""

from __future__ import annotations

import difflib
import os
import re
from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from scorehouse.cli import GROUPS, SHARED, SUBCOMMANDS
from scorehouse.cli.common import EXIT_FAULT, echo, this_call
from scorehouse.errors import ScorehouseError
from scorehouse.load_lock import loading

CLAUSE_ENDS = re.compile(r"[:;] "), re.compile(r", ")
CALLED = f"{__name__}.called"  # where a context keeps the words of the command that an error came from
Summaries = Mapping[str, str]


class _Commands(UserDict[str, Any]):
    """Commands by name; until one is looked up, `data` has the first sentence of its help in its place."""

    def __init__(self, summaries: Summaries, prefix: str) -> None:
        self.prefix = prefix
        super().__init__(summaries)

    def __getitem__(self, name: str) -> click.Command:
        if isinstance(summary := self.data[name], str):
            words = f"{self.prefix}{name}"
            if words in SUBCOMMANDS:
                self.data[name] = _Group(
                    name, titles={"": SUBCOMMANDS[name]}, prefix=f"{name}_", help=summary
                )
            else:
                with loading():
                    module = import_module(f"{__package__}.{SHARED.get(words, words)}")
                self.data[name] = getattr(module, f"{words}_command")
        return self.data[name]


class _Group(click.Group):
    """A group of commands that are not imported before they are called.

    `titles` group them in its help, with the first sentence of the help of each.
    """

    def __init__(
        self, name: str | None, titles: Mapping[str, Summaries], prefix: str = "", **settings: Any
    ) -> None:
        self.titles = titles
        self.summaries = {name: text for commands in titles.values() for name, text in commands.items()}
        super().__init__(name, _Commands(self.summaries, prefix), **settings)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands as click does, under the titles of their groups."""
        longest = max(map(len, self.summaries))
        with formatter.section("Commands"):
            for title, commands in self.titles.items():
                if title:
                    formatter.write(f" {click.style(title, bold=True)}\n")
                room = formatter.width - 6 - longest
                formatter.write_dl(
                    [
                        (click.style(name.ljust(longest), fg="cyan"), _short(text, room))
                        for name, text in commands.items()
                    ]
                )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in sorted(self.summaries) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=_short(self.summaries[name])) for name in names]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's method, but suggest a similar name for an unknown one."""
        near = difflib.get_close_matches(args[0], self.summaries, n=1)
        if (
            args[0] not in self.summaries
            and near
            and not args[0].startswith("-")
            and not ctx.resilient_parsing
        ):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Like click's method, but keep the words of the command that an error came from."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            hint = _argument_instead(error)
            if hint and hint not in error.message:  # a group within this one may have said it
                message = f"{error.message} {hint}"
                raise click.NoSuchOption(error.option_name, message, ctx=error.ctx) from None
            raise
        except ScorehouseError:
            ctx.meta.setdefault(CALLED, f"{this_call()} {ctx.invoked_subcommand or ''}".rstrip())
            raise


def _argument_instead(error: click.NoSuchOption) -> str:
    """How the command takes by an argument what was given as an option; empty if it does not."""
    if error.ctx is None:
        return ""
    arguments = {each.name for each in error.ctx.command.params if isinstance(each, click.Argument)}
    word = error.option_name.lstrip("-")
    if word in arguments:
        return f"Give the {word} alone, as in the usage above."
    if word in ("alias", "version") and "reference" in arguments:
        return "The first argument has it, as in churn@challenger or churn/2."
    if word == "yes" and not isinstance(error.ctx.command, click.Group):
        return "Leave it out: the command asks nothing."
    if word == "force" and error.ctx.command.name == "tests":
        return "Leave it out: a file of yours is not overwritten; name another --output."
    return ""


def _by_command(error: ScorehouseError, command: str) -> str:
    """The message of an error, which begins with the command that the user wrote."""
    said = str(error)
    if error.call.startswith("scorehouse "):
        return said
    if error.call == "scorehouse":
        return command + said.removeprefix(error.call)
    words = command.removeprefix("scorehouse ")
    return f"scorehouse {said}" if f"{error.call} ".startswith(f"{words} ") else f"{command}: {said}"


def _short(summary: str, limit: int = 45) -> str:
    """The sentence, or as many of its clauses as fit; click's cut if not even the first one does."""
    if len(summary) <= limit:
        return summary.removesuffix(".")
    for mark in CLAUSE_ENDS:  # a list after a colon is left out whole
        if ends := [found.start() for found in mark.finditer(summary) if found.start() <= limit]:
            return summary[: ends[-1]]
    return click.Command(None, help=summary).get_short_help_str(limit)


# what a path or its rights can cause; a disk that is full is none of it
OF_FILES = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError, IsADirectoryError)


class _Main(_Group):
    """Show scorehouse errors, and those of a file, as text, without a traceback, and exit with 1."""

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Help has colours on a terminal too, unless NO_COLOR is set."""
        return super().make_context(*args, **settings, color=False if os.environ.get("NO_COLOR") else None)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ScorehouseError as error:
            said = _by_command(error, ctx.meta.get(CALLED, "scorehouse"))
            echo(click.style("scorehouse", fg="red") + said.removeprefix("scorehouse"), err=True)
            ctx.exit(EXIT_FAULT)
        except OF_FILES as error:
            if error.filename is None:
                raise
            echo(
                click.style("scorehouse: ", fg="red") + f"{str(error.filename)!r}: {error.strerror}.\n"
                "  Expected: a file, folder or program that is there and can be used.\n"
                "  What to do: correct the path, or the rights on it.",
                err=True,
            )
            ctx.exit(EXIT_FAULT)


@click.group(cls=_Main, titles=GROUPS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scorehouse")
def main() -> None:
    """Register, promote, list and check ML models of a dbt project.

    Works from any folder of the project. Every command prints JSON with --json, and which target it reads.

    Exit codes: 0 done, 1 an error that the message explains, 2 wrong usage, 3 something differs (replay,
    impact --check, evidence, and commands with --exit-code); retrain has more.

    \b
    Examples:
      scorehouse init churn --features customer_features --key customer_id --label churned
      scorehouse list
      scorehouse runs --target prod --failed
    """
