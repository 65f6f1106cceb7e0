"""Promotion: move an alias from one version to another, with the threshold that decides labels, or remove it.

It changes one or two lines in one seed, and the YAML that is written from it. It may require a dbt test, by
the result of the last `dbt test` or `dbt build`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scorehouse.errors import RegistryError, did_you_mean
from scorehouse.project.folder import find_project, reached
from scorehouse.registration.lock import check_name, one_writer
from scorehouse.registry.label_rule import check_label_rule, fault_of
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
    Returns the version with its new aliases. Raises RegistryError for an unknown ML model, an unknown or
    archived version, a threshold that it cannot have, or where another version has the alias, and
    ArtifactError if the version's files are not the registered ones, since it could not score.
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
    # imported late: reading seeds does not need the formats
    from scorehouse.registration.archive import check_not_archived
    from scorehouse.registry import artifact
    from scorehouse.registry.policy import load_policy

    check_not_archived(seeds, chosen, call)
    artifact.check_files(seeds.project, chosen, load_policy(seeds.project), call)
    if threshold is not None:
        chosen = replace(chosen, threshold=float(threshold))
        if fault := fault_of(chosen):
            raise RegistryError(
                call, fault.problem, expected=fault.expected, action="correct the threshold, or leave it out"
            )
    check_label_rule(chosen, call)
    moved = with_alias_at((chosen if row.version == version else row for row in versions), alias, version)
    _write(seeds, moved)
    return next(row for row in moved if row.version == version)


@one_writer
def remove_alias(name: str, alias: str, *, project_dir: str | Path | None = None) -> Version:
    """Take `alias` away from the version of the ML model `name` that has it; returns that version without it.

    Raises RegistryError if no version has it, and for `champion`, without which nothing scores.
    """
    call = f"scorehouse promote {name} --remove {alias}"
    seeds = ModelSeeds(find_project(project_dir), name)
    versions = seeds.registered(call)
    holder = next((row for row in versions if alias in row.aliases), None)
    if holder is None or alias == "champion":
        known = sorted({each for row in versions for each in row.aliases} - {"champion"})
        raise RegistryError(
            call,
            "prediction tables score with the champion, and would have no version"
            if holder
            else f"no version of {name} has the alias {alias!r}{did_you_mean(alias, known)}",
            expected=f"one of the aliases {', '.join(known)}" if known else "another alias; there is none",
            action=f"promote another version: `scorehouse promote {name} VERSION`"
            if holder
            else "see which version has which alias: `scorehouse list`",
        )
    moved = with_alias_at(versions, alias, None)
    _write(seeds, moved)
    return next(row for row in moved if row.version == holder.version)


def _write(seeds: ModelSeeds, versions: Sequence[Version]) -> None:
    from scorehouse.registration.seeds_yaml import write_registry  # imported late: it loads the drawing code

    # even if nothing moved: the YAML may lack an alias that was moved by hand
    write_registry(seeds, versions)


def with_alias_at(versions: Iterable[Version], alias: str, version: int | None) -> list[Version]:
    """The versions once `alias` is at this one alone, or at none."""
    return [_with_alias(row, alias, holds=row.version == version) for row in versions]


def alias_diff(before: Sequence[Version], after: Sequence[Version]) -> list[str]:
    """The lines of the registry whose aliases change: name, version and aliases.

    Another process may have registered a version between the two reads.
    """
    known = {row.version: row for row in before}
    pairs = [(known.get(row.version, replace(row, aliases=())), row) for row in after]
    return [
        f"{sign}{row.name},{row.version},{row.to_row()['aliases']},..."
        for pair in pairs
        if pair[0].aliases != pair[1].aliases
        for sign, row in zip("-+", pair, strict=True)
    ]


def _with_alias(version: Version, alias: str, *, holds: bool) -> Version:
    others = tuple(a for a in version.aliases if a != alias)
    if holds:
        return version if alias in version.aliases else replace(version, aliases=(*others, alias))
    return replace(version, aliases=others)


def require_test(
    name: str, version: int, test: str, *, project_dir: str | Path | None = None, target: str = "target"
) -> str:
    """Check that the dbt test `test` passed for `version` of the ML model `name` in its current state.

    `test` is the test's name, or the start of it up to an underscore. Returns a sentence that says when it
    passed. Raises RegistryError if it failed, did not run, or ran on another registry or version, or if there
    is none.
    """
    call = f"promote({name!r}, {version}, require={test!r})"
    project = find_project(project_dir)
    seeds = ModelSeeds(project, name)
    held = resolve(seeds.registered(call), alias=None, version=version, call=call).aliases
    results = _read(project / target / "run_results.json", test, call)
    manifest = _read(project / target / "manifest.json", test, call)
    if results["metadata"]["invocation_id"] != manifest["metadata"]["invocation_id"]:
        raise _refused(call, "the last dbt command ran no tests", test)
    node, result = _find(manifest["nodes"], results["results"], test, call)
    if result["status"] != "pass":
        rows = int(result.get("failures") or 0)
        found = f" and found {rows:,} row{'' if rows == 1 else 's'}" if rows else ""
        raise _refused(call, f"{node['name']} ended with {result['status']!r}{found}", test)
    _check_registry(manifest["nodes"], node, seeds, test, call)
    alias = _challenger(node)
    if alias is not None and alias not in held:
        raise _refused(
            call,
            f"{node['name']} tests the alias {alias!r}, which {name} version {version} does not have",
            test,
        )
    return f"{node['name']} passed at {results['metadata']['generated_at'][:19]}"


def _read(file: Path, test: str, call: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(call, f"{str(file)!r} cannot be read ({type(error).__name__})", test) from error
    return document


def _find(
    nodes: dict[str, Any], results: list[dict[str, Any]], test: str, call: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The only test with that name, or else the only one whose name begins with it."""
    ran = [(nodes[item["unique_id"]], item) for item in results if item["unique_id"] in nodes]
    ran = [(node, item) for node, item in ran if node["resource_type"] == "test"]
    found = [pair for pair in ran if pair[0]["name"] == test]
    found = found or [pair for pair in ran if pair[0]["name"].startswith(f"{test}_")]
    if len(found) == 1:
        return found[0]
    if found:
        names = sorted(node["name"] for node, _ in found)
        raise _refused(call, f"{len(found)} tests of the last dbt command have this name: {names}", test)
    names = sorted(node["name"] for node in nodes.values() if node["resource_type"] == "test")
    if any(f"{name}_".startswith(f"{test}_") for name in names):
        raise _refused(call, "the last dbt command did not run it", test)
    raise RegistryError(
        call,
        f"the project has no test {test!r}{did_you_mean(test, names)}",
        expected="the name of a dbt test, or the start of it up to an underscore",
        action="correct the name, or give the test this `name:` in its YAML, and run it",
    )


def _check_registry(
    nodes: dict[str, Any], node: dict[str, Any], seeds: ModelSeeds, test: str, call: str
) -> None:
    """Check that the registry has not changed since the test ran, and that the test is downstream of it."""
    seed = next((key for key in nodes if key.startswith("seed.") and key.endswith(f".ml_{seeds.name}")), None)
    parents = {key: set(each.get("depends_on", {}).get("nodes", [])) for key, each in nodes.items()}
    if seed is None or seed not in reached([node["unique_id"]], parents):
        raise _refused(call, f"{node['name']} does not depend on the seed ml_{seeds.name}", test)
    known = nodes[seed]["checksum"]
    text = seeds.registry_file.read_text(encoding="utf-8")
    if known["name"] == "sha256" and known["checksum"] != hashlib.sha256(text.strip().encode()).hexdigest():
        raise _refused(call, f"the registry of {seeds.name} changed after {node['name']} ran", test)


def _challenger(node: dict[str, Any]) -> str | None:
    """The alias that a test `challenger_not_worse` judges; None for other tests."""
    facts = node.get("test_metadata") or {}
    if facts.get("name") != "challenger_not_worse":
        return None
    return str(facts.get("kwargs", {}).get("challenger", "challenger"))


def _refused(call: str, problem: str, test: str) -> RegistryError:
    return RegistryError(
        call,
        problem,
        expected=f"the test {test!r}, passed in the last dbt command, on the current registry",
        action=f"run `dbt build` up to `dbt test --select {test}`, look at its failing rows, then promote",
    )
