"""Shell completion of registered names, aliases and versions, in addition to commands and options."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from scorehouse.errors import ScorehouseError
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, registered_names


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the registered ML models."""
    return [CompletionItem(name) for name in _names(ctx) if name.startswith(incomplete)]


def complete_reference(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names; after an @ the aliases, after a / the versions."""
    for mark in "@/":
        name, found, _ = incomplete.partition(mark)
        if found and name in _names(ctx):
            versions = ModelSeeds(_project(ctx), name).versions()
            known = [alias for v in versions for alias in v.aliases] if mark == "@" else []
            known += [str(v.version) for v in versions] if mark == "/" else []
            whole = [f"{name}{mark}{each}" for each in known]
            return [CompletionItem(each) for each in whole if each.startswith(incomplete)]
    return complete_name(ctx, param, incomplete)


def _project(ctx: click.Context) -> Path:
    return find_project(ctx.params.get("project_dir"))


def _names(ctx: click.Context) -> list[str]:
    """Registered names; empty outside of a project, since completion must never fail."""
    try:
        return registered_names(_project(ctx))
    except ScorehouseError:
        return []
