"""`scorehouse completion`: the script that completes in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from scorehouse.cli.common import Choice, answer, json_option

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=Choice(SHELLS))
@json_option
@click.pass_context
def completion_command(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion script of SHELL: commands, options and registered names.

    \b
    Examples:
      scorehouse completion bash > ~/.local/share/bash-completion/completions/scorehouse
      scorehouse completion zsh > "${fpath[1]}/_scorehouse"
      scorehouse completion fish > ~/.config/fish/completions/scorehouse.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click has a script for each of SHELLS
    script = kind(ctx.find_root().command, {}, "scorehouse", "_SCOREHOUSE_COMPLETE").source()
    answer(as_json, {"shell": shell, "script": script}, [script])
