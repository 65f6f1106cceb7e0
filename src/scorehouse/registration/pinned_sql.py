"""Check that a version's compiled SQL, and the YAML that dbt reads, are the registered ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scorehouse.forms.sql.macros import macro_file, version_text
from scorehouse.forms.sql.pins import text_digest
from scorehouse.project.dbt_text import literal
from scorehouse.registration.card import registered_facts, registered_margins
from scorehouse.registry.registry_file import shown
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

AGAIN = "run `scorehouse prove {name}`"


def sql_faults(project: Path, version: Version) -> tuple[list[str], list[str]]:
    """Faults and warnings about a version's compiled SQL; one file has all dialects."""
    text = version_text(project, version.name, version.version)
    where = macro_file(project, version.name).name
    proof = version.forms.get("sql")
    pinned = (proof or {}).get("macro")
    again = AGAIN.format(name=version.name)
    if text is None:
        gone = f"{where} has no compiled SQL of it, so predict() cannot score it; {again}"
        return [], [gone] if proof else []
    if proof and not pinned:
        return [], [f"its compiled SQL in {where} is not pinned, so predict() refuses it; {again}"]
    found = text_digest(text)
    if not pinned or found != pinned["sha256"]:
        proven = f"the sha256 {pinned['sha256']}" if pinned else "no SQL, since none was proven"
        return [f"its compiled SQL in {where} has the sha256 {found} (expected: {proven})"], []
    return [], []


def yaml_faults(seeds: ModelSeeds, versions: list[Version]) -> tuple[list[str], list[str]]:
    """Faults and warnings about what the YAML of the seeds says of the versions and their calibrations."""
    name, again = seeds.yaml_file.name, AGAIN.format(name=seeds.name)
    unknown: list[str] = []
    different: list[str] = []
    found = _facts_in_yaml(seeds, f"ml_{seeds.name}", "versions")
    if found is None:
        unknown.append(f"{name} does not say which SQL is registered, so predict() refuses it; {again}")
    else:
        different += _differences(literal(registered_facts(versions)), found)
    if margins := registered_margins(seeds, versions):
        found = _facts_in_yaml(seeds, f"ml_{seeds.name}__calibration", "margins")
        if found is None:
            unknown.append(
                f"{name} does not say which margins are registered, so no other margins are refused; {again}"
            )
        else:
            different += _differences(margins, found)
    action = "run `scorehouse promote` with the intended alias, which writes both"
    return [f"{name} does not agree with the seed: {what}; {action}" for what in different], unknown


def _facts_in_yaml(seeds: ModelSeeds, seed: str, fact: str) -> Any:
    if not seeds.yaml_file.is_file():
        return None
    document = yaml.safe_load(seeds.yaml_file.read_text(encoding="utf-8")) or {}
    for each in document.get("seeds") or []:
        if each.get("name") == seed:
            meta = (each.get("config") or {}).get("meta") or {}
            return (meta.get("scorehouse") or {}).get(fact)
    return None


def _differences(registered: list[dict[str, Any]], found: Any) -> Iterator[str]:
    if not isinstance(found, list) or [v.get("version") for v in found] != [v["version"] for v in registered]:
        yield "which versions there are"
        return
    for ours, theirs in zip(registered, found, strict=True):
        for fact in sorted({*ours, *theirs}):
            if ours.get(fact) != theirs.get(fact):
                there, here = theirs.get(fact), ours.get(fact)
                told = f"{shown(there, here)} (expected: {shown(here, there)})"
                yield f"version {ours['version']}, {fact}: {told}"
