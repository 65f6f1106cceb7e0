"""Check that a version's compiled SQL, and the YAML that dbt reads, are the registered ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scorehouse.program.sql.macros import macro_file, text_digest, version_text
from scorehouse.project.dbt_text import literal
from scorehouse.registration.card import registered_facts, registered_quantiles
from scorehouse.registry.registry_file import shown
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

WRITE_BOTH = "run `scorehouse promote` with the intended alias, which writes both"
RESTORE = "restore the seeds beside it from version control, whose rows were lost or added"


def sql_faults(project: Path, version: Version) -> tuple[list[str], list[str]]:
    """Faults and warnings about a version's compiled SQL; one file has all dialects."""
    text = version_text(project, version.name, version.version)
    where = macro_file(project, version.name).name
    proof = version.program.get("sql", {}).get("macro")
    if text is None:
        gone = f"{where} has no compiled SQL of it, so predict() cannot score it"
        return [], [f"{gone}; run `scorehouse prove {version.name}`"] if proof else []
    found = text_digest(text)
    if not proof or found != proof["sha256"]:
        proven = f"the sha256 {proof['sha256']}" if proof else "no SQL, since none was printed"
        return [f"its compiled SQL in {where} has the sha256 {found} (expected: {proven})"], []
    return [], []


def yaml_faults(seeds: ModelSeeds, versions: list[Version]) -> list[str]:
    """Faults in what the YAML of the seeds says of the versions and their calibrations."""
    found = _facts_in_yaml(seeds, f"ml_{seeds.name}", "versions")
    different = [*_differences(literal(registered_facts(seeds, versions)), found)]
    if quantiles := registered_quantiles(seeds, versions):
        found = _facts_in_yaml(seeds, f"ml_{seeds.name}__calibration", "quantiles")
        different += _differences(quantiles, found)
    return [f"{seeds.yaml_file.name} does not agree with the seed: {what}" for what in different]


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
    """What the YAML says otherwise than the seeds, and what to do."""
    if not isinstance(found, list) or [v.get("version") for v in found] != [v["version"] for v in registered]:
        yield f"which versions there are; {WRITE_BOTH}"
        return
    for ours, theirs in zip(registered, found, strict=True):
        for fact in sorted({*ours, *theirs}):
            if ours.get(fact) != theirs.get(fact):
                there, here = theirs.get(fact), ours.get(fact)
                action = WRITE_BOTH
                if fact == "loaded" and there:  # the YAML has the sizes at registration
                    there, here, action = here, there, RESTORE
                told = f"{shown(there, here)} (expected: {shown(here, there)}); {action}"
                yield f"version {ours['version']}, {fact}: {told}"
