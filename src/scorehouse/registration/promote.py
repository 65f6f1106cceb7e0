"""Promotion: move an alias from one version to another, a change of one or two lines in one seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name, one_writer
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, resolve


@one_writer
def promote(
    name: str, version: int, *, alias: str = "champion", project_dir: str | Path | None = None
) -> Version:
    """Move `alias` to `version` of the ML model `name`; the version that had it loses it.

    Returns the version with its new aliases. Raises RegistryError for an unknown ML model or version, and
    ArtifactError if the version's files are not the registered ones, since it could not score.
    """
    call = f"promote({name!r}, {version}, alias={alias!r})"
    check_name("alias", alias, call)
    seeds = ModelSeeds(find_project(project_dir), name)
    versions = seeds.registered(call)
    chosen = resolve(versions, alias=None, version=version, call=call)
    from scorehouse.registry import artifact  # imported late: reading seeds does not need the formats
    from scorehouse.scoring.request import load_policy

    artifact.check_files(seeds.project, chosen, load_policy(seeds.project), call)
    moved = [_with_alias(row, alias, holds=row.version == chosen.version) for row in versions]
    from scorehouse.registration.card import write_card  # imported late, since it loads the drawing code

    if moved != versions:
        seeds.write_versions(moved)
    write_card(seeds)  # even if nothing moved: the YAML may lack an alias that was moved by hand
    return next(row for row in moved if row.version == version)


def _with_alias(version: Version, alias: str, *, holds: bool) -> Version:
    others = tuple(a for a in version.aliases if a != alias)
    if holds:
        return version if alias in version.aliases else replace(version, aliases=(*others, alias))
    return replace(version, aliases=others)
