"""`scorehouse diff`: what another version changes, before it is promoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    answer,
    find_version,
    heading,
    json_option,
    name_argument,
    project_option,
    table,
)
from scorehouse.cli.show import facts
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, without_importance
from scorehouse.registry.version import Version

# Facts that differ between any two versions, or are compared one by one.
NO_DIFFERENCE = {
    *("name", "version", "artifact", "size_bytes", "registered_at", "program", "provenance"),
    *("metrics", "libraries"),
}
NOT_ONE_TEST = "quality: as registered, each version on test rows of its own"
DIGEST = re.compile(r"[0-9a-f]{64}")
Differences = dict[str, Any]


@click.command("diff")
@name_argument
@click.argument("old")
@click.argument("new")
@click.option("--exit-code", is_flag=True, help="Exit with 3 if the versions differ.")
@json_option
@project_option
@click.pass_context
def diff_command(
    ctx: click.Context,
    name: str,
    old: str,
    new: str,
    exit_code: bool,
    as_json: bool,
    project_dir: Path | None,
) -> None:
    """Compare two versions of NAME: facts, quality and features. OLD and NEW are numbers or aliases.

    \b
    Examples:
      scorehouse diff churn 1 2
      scorehouse diff churn champion challenger --json
    """
    before, after, found = compared(find_project(project_dir), name, old, new)
    answer(as_json, document(before, after, found), lines(before, after, found))
    if exit_code and any(found.values()):
        ctx.exit(EXIT_DIFFERENT)


def compared(project: Path, name: str, old: str, new: str) -> tuple[Version, Version, Differences]:
    """Both versions, which are named by number or alias, and what differs."""
    seeds = ModelSeeds(project, name)
    call = f"diff {name} {old} {new}"
    before, after = find_version(seeds, old, call), find_version(seeds, new, call)
    return before, after, differences(before, after, seeds)


def document(before: Version, after: Version, found: Differences) -> dict[str, Any]:
    """The differences for JSON."""
    return {"name": before.name, "old": before.version, "new": after.version, **found}


def differences(before: Version, after: Version, seeds: ModelSeeds) -> Differences:
    """Facts, metrics, libraries and features that differ; each is empty if nothing differs."""
    old, new = (
        {name: value for name, value in facts(version).items() if name not in NO_DIFFERENCE}
        for version in (before, after)
    )
    features = (
        {row["feature"]: without_importance(row) for row in seeds.features(version.version)}
        for version in (before, after)
    )
    return {
        "facts": _changed(old, new),
        "metrics": _changed(before.metrics, after.metrics),
        "libraries": _changed(before.libraries, after.libraries),
        "features": _features(*features),
    }


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Differences:
    pairs = {name: {"old": old.get(name), "new": new.get(name)} for name in dict.fromkeys([*old, *new])}
    return {name: pair for name, pair in pairs.items() if pair["old"] != pair["new"]}


def _features(old: Differences, new: Differences) -> Differences:
    found: Differences = {}
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            found[name] = {"change": "removed"}
        elif name not in old:
            found[name] = {"change": "added", "type": new[name]["type"]}
        elif changed := _changed(old[name], new[name]):
            found[name] = {"change": "changed", **changed}
    return found


def lines(before: Version, after: Version, found: Differences) -> list[str]:
    """The differences as lines of text."""
    title = f"{before.name}: version {before.version} -> version {after.version}"
    if not any(found.values()):
        return [heading(title), "no difference"]
    pairs, features = found["facts"] | found["libraries"], found["features"]
    tables: list[tuple[list[str], list[list[Any]]]] = [
        (["fact", "old", "new"], [[name, *_texts(pair)] for name, pair in pairs.items()]),
        (
            ["quality", "old", "new", "change"],
            [[name, *_texts(pair), _delta(pair)] for name, pair in found["metrics"].items()],
        ),
        (
            ["feature", "change", "what"],
            [[name, item["change"], _what(item)] for name, item in features.items()],
        ),
    ]
    shown = [line for columns, rows in tables if rows for line in ("", *table(columns, rows))]
    return [heading(title), *shown, *(["", NOT_ONE_TEST] if found["metrics"] else [])]


def _delta(pair: Differences) -> str | None:
    if pair["old"] is None or pair["new"] is None:
        return None
    return f"{pair['new'] - pair['old']:+.4g}"


def _what(item: Differences) -> str:
    if item["change"] != "changed":
        return str(item.get("type", ""))
    changes = ((name, *_texts(pair)) for name, pair in item.items() if name != "change")
    return "; ".join(f"{name} {old} -> {new}" for name, old, new in changes)


def _texts(pair: Differences) -> tuple[str, str]:
    """Both values, shortened so that the difference still shows."""
    old, new = pair["old"], pair["new"]
    if isinstance(old, list) and isinstance(new, list):
        return _list_text(old, new), _list_text(new, old)
    if isinstance(old, float) and isinstance(new, float) and f"{old:.6g}" != f"{new:.6g}":
        return f"{old:.6g}", f"{new:.6g}"
    texts = ["-" if value is None else str(value) for value in (old, new)]
    if all(DIGEST.fullmatch(text) for text in texts) and texts[0][:12] != texts[1][:12]:
        texts = [text[:12] + "..." for text in texts]
    return texts[0], texts[1]


def _list_text(values: list[Any], others: list[Any]) -> str:
    """A list as text; of a long list, only the items that the other lacks, unless only the order differs."""
    own = [value for value in values if value not in others]
    if len(values) <= 3 or not (own or len(values) != len(others)):
        return ", ".join(map(str, values)) or "-"
    return f"{len(values)} values" + (f", only here: {', '.join(map(str, own))}" if own else "")
