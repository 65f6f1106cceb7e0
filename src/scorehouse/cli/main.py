"""The command `scorehouse`."""

from __future__ import annotations

import os
from typing import Any

import click

from scorehouse.cli import GROUPS, MAIN
from scorehouse.cli.common import EXIT_FAULT, echo
from scorehouse.cli.lazy import LazyGroup
from scorehouse.errors import ScorehouseError


class _Group(LazyGroup):
    """Show scorehouse errors as text, without a traceback, and exit with 1."""

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Help has colours on a terminal too, unless NO_COLOR is set."""
        return super().make_context(*args, **settings, color=False if os.environ.get("NO_COLOR") else None)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ScorehouseError as error:
            echo(click.style("scorehouse: ", fg="red") + str(error), err=True)
            ctx.exit(EXIT_FAULT)


@click.group(cls=_Group, places=MAIN, groups=GROUPS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scorehouse")
def main() -> None:
    """Register, promote, list and check ML models of a dbt project.

    Works from any folder of the project. Every command prints JSON with --json; a target is never guessed.

    Exit codes: 0 done, 1 an error that the message explains, 2 wrong usage, 3 something differs (replay,
    evidence, and commands with --exit-code); retrain has more.

    \b
    Examples:
      scorehouse init churn --features customer_features --key customer_id --label churned
      scorehouse list
      scorehouse runs --target prod --failed
    """
