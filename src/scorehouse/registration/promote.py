"""Promotion: move an alias from one version to another, and with it the threshold that decides labels.

It changes one or two lines in one seed, and the YAML that is written from it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scorehouse.errors import RegistryError
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name, one_writer
from scorehouse.registry.label_rule import check_label_rule
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, resolve


@one_writer
def promote(
    name: str,
    version: int,
    *,
    alias: str = "champion",
    threshold: float | None = None,
    replacing: int | None = None,
    project_dir: str | Path | None = None,
) -> Version:
    """Move `alias` to `version` of the ML model `name`; the version that had it loses it.

    `threshold` is from now on the score from which its positive class is predicted; by default it stays.
    `replacing` is the version that has to have the alias until then, as one that a gate compared.
    Returns the version with its new aliases. Raises RegistryError for an unknown ML model or version, a
    threshold that it cannot have, or where another version has the alias, and ArtifactError if the version's
    files are not the registered ones, since it could not score.
    """
    call = f"promote({name!r}, {version}, alias={alias!r})"
    check_name("alias", alias, call)
    seeds = ModelSeeds(find_project(project_dir), name)
    versions = seeds.registered(call)
    chosen = resolve(versions, alias=None, version=version, call=call)
    holder = next((row.version for row in versions if alias in row.aliases), None)
    if replacing is not None and holder not in (replacing, version):
        raise RegistryError(
            call,
            f"{alias} is {'no version' if holder is None else f'version {holder}'}, and was version "
            f"{replacing} when version {version} was compared with it",
            expected="the alias where it was during the comparison",
            action="run the comparison again, with the version that has the alias now",
        )
    from scorehouse.registry import artifact  # imported late: reading seeds does not need the formats
    from scorehouse.scoring.request import load_policy

    artifact.check_files(seeds.project, chosen, load_policy(seeds.project), call)
    if threshold is not None:
        chosen = Version.from_row({**chosen.to_row(), "threshold": repr(float(threshold))})
    check_label_rule(chosen, call)
    moved = [
        _with_alias(chosen, alias, holds=True)
        if row.version == version
        else _with_alias(row, alias, holds=False)
        for row in versions
    ]
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
