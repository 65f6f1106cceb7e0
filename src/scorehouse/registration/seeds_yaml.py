"""The YAML of an ML model's seeds: column types, column descriptions, and the model card as description."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scorehouse.project.dbt_text import Rendered, dump_yaml
from scorehouse.registration.card import model_card
from scorehouse.registry.label_rule import fault_of
from scorehouse.registry.seed_columns import PARTS, REGISTRY
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.signature import Feature
from scorehouse.registry.version import OPTIONAL_COLUMNS, Version

# What databases call the types of the seeds, by type of target; the others know the names that are used here.
# In T-SQL, `varchar` is one character, and Fabric has no `nvarchar`.
TYPES: Mapping[str, Mapping[str, str]] = {
    "varchar": {"bigquery": "string", "fabric": "varchar(max)", "sqlserver": "nvarchar(max)"},
    "bigint": {"bigquery": "int64"},
    "double precision": {"bigquery": "float64"},
}
GLUED = "\u00a0"  # in place of spaces, at which a long text would be folded

# The seeds that commands write when they measure.
MEASURED = {
    "rehearsal": "The lights of the ML model `{}` on its own past, as `scorehouse rehearse` found them.",
    "refit": "What a refit of the ML model `{}` would gain, as `scorehouse retrain --measure` found it.",
}


def write_card(seeds: ModelSeeds, versions: Sequence[Version] | None = None) -> None:
    """Write the YAML of the seeds, for the versions in the registry or for `versions`."""
    text = seeds_yaml(seeds, seeds.versions() if versions is None else versions)
    replace_file(seeds.yaml_file, text.encode())


def write_registry(seeds: ModelSeeds, versions: Sequence[Version]) -> None:
    """Write the registry and then its YAML, which is made before, so that a kill hardly falls between."""
    text = seeds_yaml(seeds, versions)
    if versions != seeds.versions():
        seeds.write_versions(versions)
    replace_file(seeds.yaml_file, text.encode())


def seeds_yaml(seeds: ModelSeeds, versions: Sequence[Version]) -> str:
    """The YAML of the three seeds, and of those of calibrations and of what was measured that are there.

    All have the tag `ml_<name>`, so that `dbt build --select tag:ml_<name>+` loads what a version needs.
    """
    name = seeds.name
    documents = [
        _seed(
            name,
            "",
            model_card(seeds, versions),
            _registry_docs(versions),
            {"versions": registered_facts(seeds, versions)},
        ),
        _seed(
            name,
            "__signature",
            f"Features of the ML model `{name}`: one row per version and feature.",
            PARTS["signature"],
        ),
        _seed(
            name,
            "__reference",
            f"Training distribution of the features and outputs of the ML model `{name}`, in bins.",
            PARTS["reference"],
        ),
    ]
    if any(version.calibration for version in versions):
        title = f"Calibration of the intervals or sets of the ML model `{name}`, by version and level."
        quantiles = {"quantiles": registered_quantiles(seeds, versions)}
        documents.append(_seed(name, "__calibration", title, PARTS["calibration"], quantiles))
    for part, title in MEASURED.items():
        if seeds.file(part).is_file():
            documents.append(_seed(name, f"__{part}", title.format(name), PARTS[part]))
    header = "# Written by `scorehouse register`; edits are lost at the next registration.\n"
    return header + _named_once(dump_yaml({"version": 2, "seeds": documents}))


def _registry_docs(versions: Iterable[Version]) -> dict[str, tuple[str, str]]:
    """The columns that the seed has: an optional one only if a version needs it."""
    rows = [version.to_row() for version in versions]
    unused = [column for column in OPTIONAL_COLUMNS if not any(row[column] for row in rows)]
    return {name: doc for name, doc in REGISTRY.items() if name not in unused}


def registered_facts(seeds: ModelSeeds, versions: Iterable[Version]) -> list[dict[str, Any]]:
    """The facts of the registry that macros need: Jinja can read this YAML but no CSV.

    `loaded` has the size of the version in each of the other seeds (see `ModelSeeds.sizes`): a table without
    it was not loaded. `trained_from` and `trained_to` are days, and missing if they are not known.

    `sql` maps each type of target to the MD5 that the compiled SQL must have; it is empty if none was
    printed. `reasons` is the same for the SQL of reasons, and missing if there is none, as `functions`, the
    names of those that SQL calls. `class_columns` is
    JSON as in the seed, and missing if the version has none. `classes` (JSON) and `threshold` decide labels;
    `undecided` says why there are none. Where there is compiled SQL, `types` lists the kind of column that
    each feature needs: a database would turn a number into text without a word.
    """
    facts, sizes, types = [], seeds.sizes(), _types(seeds)
    for version in versions:
        pins = version.program.get("sql", {}).get("macro", {})
        pinned = {"sql": dict(sorted(pins.get("md5", {}).items()))}  # in the order of the seed's JSON
        if "reasons" in pins:
            pinned["reasons"] = dict(sorted(pins["reasons"].items()))
        if "functions" in pins:
            pinned["functions"] = pins["functions"]
        known = {"version": version.version, "aliases": list(version.aliases), "sha256": version.sha256}
        row, fault = version.to_row(), fault_of(version)
        stated = ("classes", "class_columns", "threshold", "trained_from", "trained_to")
        deciding = {name: row[name] for name in stated if row[name]}
        undecided = {"undecided": asdict(fault)} if fault else {}
        loaded = {"loaded": sizes.get(version.version, {})}
        typed = {"types": ", ".join(types[str(version.version)])} if pinned["sql"] else {}
        facts.append({**known, **deciding, **undecided, **loaded, **pinned, **typed})
    return facts


def _types(seeds: ModelSeeds) -> dict[str, list[str]]:
    """By version, the kind of column that each of its features needs, in the estimator's order."""
    types: defaultdict[str, list[str]] = defaultdict(list)
    for row in seeds.rows("signature"):
        types[row["version"]].append(Feature(row["feature"], row["type"], row["dtype"]).sql_kind)
    return types


def registered_quantiles(seeds: ModelSeeds, versions: Iterable[Version]) -> list[dict[str, Any]]:
    """The calibrations of the versions that were registered with one, as pairs of level and quantile.

    The macros that read the table of the seed compare it with these: Jinja can read this YAML but no CSV.
    """
    found = [
        (version.version, seeds.rows("calibration", version.version))
        for version in versions
        if version.calibration
    ]
    return [
        {
            "version": number,
            "method": rows[0]["method"],
            "quantiles": [
                [float(row["interval_level"]), float(row["half_width"] or row["score_quantile"])]
                for row in rows
            ],
        }
        for number, rows in found
        if rows
    ]


def _seed(
    name: str,
    part: str,
    description: str,
    docs: Mapping[str, tuple[str, str]],
    meta: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "name": f"ml_{name}{part}",
        "description": description,
        "config": {
            "tags": [f"ml_{name}"],
            **({"meta": {"scorehouse": dict(meta)}} if meta else {}),
            "column_types": {column: _type_of(kind) for column, (kind, _) in docs.items()},
        },
        "columns": [{"name": column, "description": text} for column, (_, text) in docs.items()],
    }


def _type_of(kind: str) -> str:
    """A column's type, as dbt renders it for the adapter."""
    names = TYPES.get(kind)
    if names is None:
        return kind
    rendered = f'{{{{ {json.dumps(names)}.get(target.type, "{kind}") }}}}'
    return Rendered(rendered.replace(" ", GLUED))


def _named_once(text: str) -> str:
    """The YAML with each rendered type written once, as an anchor that the other columns refer to."""
    for kind in TYPES:
        written, anchor = f": '{_type_of(kind)}'\n", kind.split()[0]
        first, found, rest = text.partition(written)
        found = found.replace(": ", f": &{anchor} ", 1).replace(GLUED, " ")
        text = first + found + rest.replace(written, f": *{anchor}\n")
    return text
