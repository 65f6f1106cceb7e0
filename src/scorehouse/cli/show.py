"""`scorehouse show` and `list`: one version with its features and metrics, or all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import (
    NOTHING_REGISTERED,
    answer,
    cell,
    count,
    find_version,
    folded,
    heading,
    json_option,
    project_option,
    reference_argument,
    table,
)
from scorehouse.metrics import shown
from scorehouse.project.folder import find_project
from scorehouse.registry.detectable import monthly_shifts
from scorehouse.registry.program_facts import (
    certified_in_words,
    fragile_in_words,
    proven_in,
    segments_in_words,
)
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.version import Version, parse_reference

# Facts that are no text in JSON, though the registry's CSV has text for all.
NUMBERS = ("version", "threshold", "training_rows", "n_features", "size_bytes")
LISTS = ("aliases", "classes")
OBJECTS = ("libraries", "metrics", "parity", "program", "segments", "provenance", "outputs", "calibration")
CALIBRATED = "calibrated at registration by {method}, from {labels:,} labels"
LISTED = ("ML model", "version", "aliases", "task", "trained on", "quality", "registered", "sha256")
FIRST_TO_GO = ("sha256", "registered", "trained on", "task")
FEATURE_FACTS = ("type", "minimum", "maximum", "null_share", "accepts_null", "accepts_unseen")
SHIFT, AGE = "minimum_detectable", "age in days"
SHIFT_NOTE = f"{SHIFT}: the least shift of the mean that 80 % of months show; blind: above 2 deviations"


@click.command("show")
@reference_argument
@json_option
@project_option
def show_command(reference: str, as_json: bool, project_dir: Path | None) -> None:
    """Show a registered version: REFERENCE is churn, churn@challenger or churn/2.

    \b
    Examples:
      scorehouse show churn
      scorehouse show churn/2 --json
    """
    call = f"show {reference}"
    seeds, version = find_reference(find_project(project_dir), reference, call)
    found = facts_and_features(seeds, version)
    answer(as_json, found, lines(version, found["features"], seeds))


def find_reference(project: Path, reference: str, call: str) -> tuple[ModelSeeds, Version]:
    """The version that `churn`, `churn@challenger` or `churn/2` names, and the seeds of its ML model."""
    name, alias, number = parse_reference(reference, call)
    seeds = ModelSeeds(project, name)
    wanted = str(number) if number is not None else alias if "@" in reference else None
    return seeds, find_version(seeds, wanted, call)


def facts_and_features(seeds: ModelSeeds, version: Version) -> dict[str, Any]:
    """A version for JSON, with the rows of its signature and what its reference finds."""
    shifts = monthly_shifts(seeds.rows("reference", version.version))
    found = {name: "blind" if shift is None else shift for name, shift in shifts.items()}
    features = seeds.features(version.version)
    ages = ages_of(seeds.reference(version.version))
    shown = [
        {**row, **ages.get(row["feature"], {}), **({SHIFT: found.get(row["feature"])} if found else {})}
        for row in features
    ]
    return {**facts(version), "is_archived": version.version in seeds.archived(), "features": shown}


def ages_of(reference: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is known in training of each feature that is a date and judged by its age, with its unit."""
    dates = {row["name"] for row in reference if row["kind"] == "age"}
    return {
        row["name"]: {"minimum": row["lower"], "maximum": row["upper"], "unit": AGE}
        for row in reference
        if row["kind"] == "range" and row["name"] in dates
    }


def _with_unit(feature: Mapping[str, Any], fact: str) -> Any:
    """A fact of a feature for the table; of a date, ages in days."""
    value = feature.get(fact)
    is_age = feature.get("unit") == AGE and fact in ("minimum", "maximum", SHIFT)
    return (
        f"{cell(value)} day{'' if value == 1 else 's'}"
        if is_age and isinstance(value, int | float)
        else value
    )


def facts(version: Version) -> dict[str, Any]:
    """A version for JSON, with values in their own types."""
    row: dict[str, Any] = {key: value if value != "" else None for key, value in version.to_row().items()}
    return {
        **row,
        **{name: getattr(version, name) for name in NUMBERS},
        **{name: list(getattr(version, name)) for name in LISTS},
        **{name: dict(getattr(version, name)) for name in OBJECTS},
    }


def _provenance(record: Mapping[str, Any]) -> str:
    """The provenance of a retrained version in one line."""
    commit = str(record.get("commit") or "no commit")[:12] + (", changed" if record.get("dirty") else "")
    parent = f", after version {record['parent']}" if record.get("parent") else ""
    return (
        f"{record.get('function')} on {record.get('training')} ({record.get('rows', 0):,} rows), seed "
        f"{record.get('seed')}, {commit}{parent}"
    )


def _labels(version: Version) -> dict[str, str]:
    """The outputs of a version that has several, else its classes; of two, the one that `score` is of."""
    if version.outputs:
        return {"outputs": ", ".join(f"{output} in {column}" for column, output in version.outputs.items())}
    classes = ", ".join(map(str, version.classes)) or "-"
    of = f"; score is that of {version.classes[1]}" if len(version.classes) == 2 else ""
    least = f", predicted from {version.threshold} on" if version.threshold is not None else ""
    return {"classes": classes + of + least}


def lines(version: Version, features: list[dict[str, Any]], seeds: ModelSeeds) -> list[str]:
    """The version as lines of text."""
    archived = seeds.archived()
    window = f"{version.trained_from} to {version.trained_to}" if version.trained_from else "-"
    quality = ", ".join(f"{name} {value:.4g}" for name, value in sorted(version.metrics.items()))
    known = {
        "aliases": _aliases(version, version.version in archived),
        "owner": version.owner or "-",
        "trained on": f"{version.training_rows:,} rows, {window}",
        "quality": quality or "-",
        **_labels(version),
        "artifact": f"{version.artifact} ({version.size_bytes:,} bytes)",
        "sha256": version.sha256,
        "saved by": f"scikit-learn {version.sklearn_version}, Python {version.python_version}",
        "registered": version.registered_at,
        "backends": ", ".join(proven_in(version.program)) or "-",
        **({"fragile": words} if (words := fragile_in_words(version.program)) else {}),
        "certified": certified_in_words(version) or "-",
        **({"segments": segments_in_words(version.segments)} if version.segments else {}),
        **({"intervals": CALIBRATED.format(**version.calibration)} if version.calibration else {}),
        **({"trained by": _provenance(version.provenance)} if version.provenance else {}),
    }
    knows = any(SHIFT in feature for feature in features)
    columns = ["feature", *FEATURE_FACTS, *([SHIFT] if knows else [])]
    rows = [[_with_unit(feature, fact) for fact in columns] for feature in features]
    others = [
        [one.version, _aliases(one, one.version in archived), one.training_rows, one.registered_at[:10]]
        for one in seeds.versions()
    ]
    return [
        heading(f"{version.label} ({version.task})"),
        *([version.description] if version.description else []),
        *(f"  {label:<11} {folded(text, 14)}" for label, text in known.items()),
        "",
        *table(columns, rows),
        *([SHIFT_NOTE] if knows else []),
        "",
        *table(["version", "aliases", "training_rows", "registered"], others),
    ]


@click.command("list")
@json_option
@project_option
def list_command(as_json: bool, project_dir: Path | None) -> None:
    """List all registered versions.

    \b
    Examples:
      scorehouse list
      scorehouse list --json
    """
    found = all_versions(find_project(project_dir))
    versions = [version for version, _ in found]
    models = count(len({version.name for version in versions}), "ML model")
    by_name = {name: list(group) for name, group in groupby(versions, lambda version: version.name)}
    rows = [_listed(one, away, _main_metric(by_name[one.name])) for one, away in found]
    said = [*table(LISTED, rows, first_to_go=FIRST_TO_GO), "", f"{models}, {count(len(versions), 'version')}"]
    answer(as_json, documents(found), said if versions else [NOTHING_REGISTERED])


def all_versions(project: Path) -> list[tuple[Version, bool]]:
    """Every registered version, by name and number, and whether it is archived."""
    seeds = [ModelSeeds(project, name) for name in registered_names(project)]
    archived = {each.name: each.archived() for each in seeds}
    return [(one, one.version in archived[each.name]) for each in seeds for one in each.versions()]


def documents(found: Sequence[tuple[Version, bool]]) -> list[dict[str, Any]]:
    """What `all_versions` found, for JSON."""
    return [{**facts(version), "is_archived": is_archived} for version, is_archived in found]


def _aliases(version: Version, is_archived: bool) -> str:
    return ", ".join(version.aliases) or ("archived" if is_archived else "-")


def _main_metric(versions: Sequence[Version]) -> str:
    """The metric that most versions of an ML model have; of these, the one that the report shows first."""
    known = Counter(name for version in versions for name in sorted(version.metrics))
    names = [name for name in shown(versions[-1].task) if name in known]
    return max([*names, *known], key=known.__getitem__, default="")


def _listed(version: Version, is_archived: bool, metric: str) -> list[Any]:
    return [
        version.name,
        version.version,
        click.style(_aliases(version, is_archived), fg="green" if version.aliases else None),
        version.task,
        version.training_rows,
        f"{metric} {cell(version.metrics[metric])}" if metric in version.metrics else "-",
        version.registered_at[:10],
        version.sha256[:12],
    ]
