"""A group whose commands are imported when they are called, not when they are listed or completed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from scorehouse.load_lock import loading

CLAUSE_ENDS = re.compile(r"[:;] "), re.compile(r", ")


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name; each is imported when it is first looked up.

    `places` maps each name to `module:attribute` in this package and to the first sentence of its help.
    """

    def __init__(self, places: dict[str, tuple[str, str]]) -> None:
        self._loaded: dict[str, click.Command] = {}
        self._places = {name: place for name, (place, _) in places.items()}
        self.summaries = {name: summary for name, (_, summary) in places.items()}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            with loading():
                self._loaded[name] = getattr(import_module(f"{__package__}.{module}".rstrip(".")), attribute)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._places, **self._loaded})

    def __len__(self) -> int:
        return len({**self._places, **self._loaded})


class LazyGroup(click.Group):
    """A group of LazyCommands."""

    def __init__(
        self,
        *args: Any,
        places: dict[str, tuple[str, str]],
        groups: Mapping[str, Collection[str]] | None = None,
        **settings: Any,
    ) -> None:
        self.lazy = LazyCommands(places)
        self.groups = groups or {}
        super().__init__(*args, **settings)
        self.commands = self.lazy

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands as click does, under the titles of `groups`; the others come last."""
        summaries = dict(self._summaries())
        grouped = {name for names in self.groups.values() for name in names}
        others = [name for name in summaries if name not in grouped]
        longest = max(map(len, summaries))
        with formatter.section("Commands"):
            for title, names in {**self.groups, "": others}.items():
                if title:
                    formatter.write(f" {click.style(title, bold=True)}\n")
                rows = [
                    (
                        click.style(name.ljust(longest), fg="cyan"),
                        _short(summaries[name], formatter.width - 6 - longest),
                    )
                    for name in names
                ]
                if rows:
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [
            CompletionItem(name, help=_short(text))
            for name, text in self._summaries()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def _summaries(self) -> list[tuple[str, str]]:
        return sorted(self.lazy.summaries.items())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's method, but suggest a similar name for an unknown one."""
        near = difflib.get_close_matches(args[0], list(self.lazy), n=1)
        if args[0] not in self.lazy and near and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


def _short(summary: str, limit: int = 45) -> str:
    """The sentence, or as many of its clauses as fit; click's cut if not even the first one does."""
    if len(summary) <= limit:
        return summary.removesuffix(".")
    for mark in CLAUSE_ENDS:  # a list after a colon is left out whole
        if ends := [found.start() for found in mark.finditer(summary) if found.start() <= limit]:
            return summary[: ends[-1]]
    return click.Command(None, help=summary).get_short_help_str(limit)
