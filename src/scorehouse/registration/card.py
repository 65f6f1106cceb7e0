"""The YAML of an ML model's seeds: column types, column descriptions, and the model card as description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scorehouse.project.dbt_text import Rendered, dump_yaml
from scorehouse.registration.model_card import model_card
from scorehouse.registry.label_rule import fault_of
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.version import (
    CALIBRATION,
    OPTIONAL_COLUMNS,
    OUTPUTS,
    PROVENANCE,
    SEGMENTS,
    TASKS,
    Version,
)

# What BigQuery calls the types of the seeds; the other adapters know the names that are used here.
BIGQUERY_TYPES = {"varchar": "string", "bigint": "int64", "double precision": "float64"}
REGISTRY_DOCS = {
    "name": ("varchar", "Name of the ML model."),
    "version": ("integer", "Number of the version; counts up and is never reused."),
    "aliases": ("varchar", "Aliases of this version, separated by a vertical bar."),
    "task": (
        "varchar",
        f"One of {', '.join(TASKS)}.",
    ),
    "artifact": ("varchar", "Path of the serialized estimator, below the project's folder."),
    "artifact_format": ("varchar", "Format of the artifact."),
    "sha256": ("varchar", "SHA-256 digest of the artifact; checked before it is opened."),
    "size_bytes": ("bigint", "Size of the artifact in bytes."),
    "signature_sha256": ("varchar", "SHA-256 digest of the signature file next to the artifact."),
    "classes": (
        "varchar",
        "Class labels as JSON, in the estimator's order; of two classes, the second is the positive one.",
    ),
    "score_method": ("varchar", "Method of the estimator that computes the score."),
    "label_method": (
        "varchar",
        "Where labels come from: the estimator's predict, or the scores if they were proven equal.",
    ),
    "threshold": (
        "double precision",
        "Score from which the positive class is predicted; NULL: the estimator's own rule.",
    ),
    "n_features": ("integer", "Number of features."),
    "training_rows": ("bigint", "Number of rows in the training frame."),
    "trained_from": ("varchar", "Start of the training window."),
    "trained_to": ("varchar", "End of the training window."),
    "registered_at": ("varchar", "Time of registration, UTC."),
    "python_version": ("varchar", "Python that saved the estimator."),
    "sklearn_version": ("varchar", "scikit-learn that saved the estimator."),
    "libraries": ("varchar", "Other libraries and their versions, as JSON."),
    "metrics": ("varchar", "Metrics as reported at registration, as JSON."),
    "owner": ("varchar", "Who is responsible for the ML model."),
    "description": ("varchar", "Description of this version."),
    "parity": (
        "varchar",
        "Difference between the artifact and the estimator on training rows, as JSON; NULL: stored as is.",
    ),
    "program": (
        "varchar",
        "Backends proven equal to the estimator, why others were refused, and what is certified for every "
        "input, as JSON; NULL: none was tried.",
    ),
    "class_columns": (
        "varchar",
        "The class of each score column of the prediction table, as JSON; NULL: no scores per class.",
    ),
    SEGMENTS: (
        "varchar",
        "Of an estimator per segment, as JSON: the column that has the segment, the fallback, how many "
        "segments there are, and the smallest, median and largest number of training rows of one; the column "
        "is there if a version has it.",
    ),
    PROVENANCE: (
        "varchar",
        "What `scorehouse retrain` trained it from (query, rows, code, seed, environment), as JSON; the "
        "column is there if a version has it.",
    ),
    OUTPUTS: (
        "varchar",
        "The output in each column of the prediction table, as JSON, for an estimator with several outputs; "
        "the column is there if a version has it.",
    ),
    CALIBRATION: (
        "varchar",
        "By which method intervals or sets were calibrated at registration, from how many labels, and the "
        "digest of the rows of the seed `__calibration`, as JSON; the column is there if a version has it.",
    ),
}
SIGNATURE_DOCS = {
    "version": ("integer", "Version that the row belongs to."),
    "position": ("integer", "Position of the feature in the estimator's input, from 1."),
    "feature": ("varchar", "Column of the feature table."),
    "type": ("varchar", "Double, integer, boolean, string or timestamp."),
    "dtype": ("varchar", "Type of the column in the training frame."),
    "accepts_null": ("boolean", "Whether the fitted pipeline accepts a missing value."),
    "accepts_non_finite": ("boolean", "Whether the fitted pipeline accepts an infinite value."),
    "accepts_unseen": ("boolean", "Whether the fitted pipeline accepts a value that was not in training."),
    "max_magnitude": (
        "double precision",
        "Largest absolute value that the fitted pipeline accepts; NULL: any.",
    ),
    "minimum": ("double precision", "Smallest value in training."),
    "maximum": ("double precision", "Largest value in training."),
    "null_share": ("double precision", "Share of missing values in training."),
    "categories": ("varchar", "Values known to the encoder, or seen in training, as JSON."),
    "importance": ("double precision", "The feature's share of the total importance, 0 to 1."),
    "importance_kind": (
        "varchar",
        "What was measured when the values of the feature were shuffled, such as the increase of log_loss.",
    ),
}
REFERENCE_DOCS = {
    "version": ("integer", "Version that the row belongs to."),
    "part": ("varchar", "Feature, or output of the ML model."),
    "name": ("varchar", "Name of the column, or `(all features)`."),
    "kind": (
        "varchar",
        "Bins: `numeric`, `category`, `other` (rare categories pooled) and `missing`; of all features "
        "together, `repeated` (rows with the features of another row) and `single`. Facts, in lower and "
        "upper: `moments` (mean, standard deviation), `range` (minimum, maximum), `tail` (tail indices), "
        "`window` (by how much windows of training differ more than independent rows, and what 99 % stay "
        "below), `age` (the bins are of days before the time of the row; first and last time, in days since "
        "1970), `pair` (correlation with another feature, and its variance) and `pair_window` (by how much "
        "windows differ in it).",
    ),
    "bin": ("integer", "Number of the row within its column, from 0."),
    "lower": ("double precision", "Lower edge of a bin, excluded, or a fact; NULL: open."),
    "upper": ("double precision", "Upper edge of a bin, included, or a fact; NULL: open."),
    "category": ("varchar", "The category; of a window, its unit and metric; of a pair, the other feature."),
    "row_count": ("bigint", "Training rows in the bin, behind the fact, or per window."),
}

CALIBRATION_DOCS = {
    "ml_model": ("varchar", "Name of the ML model."),
    "version": ("integer", "Version that the row belongs to."),
    "method": ("varchar", "`split` for a regression; `lac` or `aps` for a classification."),
    "basis": ("varchar", "`all`: all rows of the calibration."),
    "interval_group": ("varchar", "NULL: a registration calibrates no groups."),
    "interval_level": ("double precision", "Share of labels that an interval or a set should contain."),
    "n_labelled": ("bigint", "Labels that it was calibrated from."),
    "labels_needed": ("bigint", "Labels that this level needs at least."),
    "half_width": (
        "double precision",
        "The distance from prediction to label that holds this share of labels; NULL for a classification.",
    ),
    "score_quantile": (
        "double precision",
        "How unlikely a class of a set may be, by `method`, to hold this share; NULL for a regression.",
    ),
    "status": ("varchar", "`calibrated`."),
    "n_unknown": ("bigint", "Labels that are no class of the ML model; NULL for a regression."),
    "classes_without_label": ("varchar", "Classes that no label had, as JSON; NULL for a regression."),
}


def write_card(seeds: ModelSeeds, versions: Sequence[Version] | None = None) -> None:
    """Write the YAML of the seeds, for the versions in the registry or for `versions`."""
    text = seeds_yaml(seeds, seeds.versions() if versions is None else versions)
    replace_file(seeds.yaml_file, text.encode())


def seeds_yaml(seeds: ModelSeeds, versions: Sequence[Version]) -> str:
    """The YAML of the three seeds, and of that of calibrations if a version has one.

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
            SIGNATURE_DOCS,
        ),
        _seed(
            name,
            "__reference",
            f"Training distribution of the features and outputs of the ML model `{name}`, in bins.",
            REFERENCE_DOCS,
        ),
    ]
    if any(version.calibration for version in versions):
        title = f"Calibration of the intervals or sets of the ML model `{name}`, by version and level."
        quantiles = {"quantiles": registered_quantiles(seeds, versions)}
        documents.append(_seed(name, "__calibration", title, CALIBRATION_DOCS, quantiles))
    header = "# Written by `scorehouse register`; edits are lost at the next registration.\n"
    return header + _named_once(dump_yaml({"version": 2, "seeds": documents}))


def _registry_docs(versions: Iterable[Version]) -> dict[str, tuple[str, str]]:
    """The columns that the seed has: an optional one only if a version needs it."""
    rows = [version.to_row() for version in versions]
    unused = [column for column in OPTIONAL_COLUMNS if not any(row[column] for row in rows)]
    return {name: doc for name, doc in REGISTRY_DOCS.items() if name not in unused}


def registered_facts(seeds: ModelSeeds, versions: Iterable[Version]) -> list[dict[str, Any]]:
    """The facts of the registry that macros need: Jinja can read this YAML but no CSV.

    `loaded` has the size of the version in each of the other seeds (see `ModelSeeds.sizes`): a table without
    it was not loaded. `trained_from` and `trained_to` are days, and missing if they are not known.

    `sql` maps each type of target to the MD5 that the compiled SQL must have; it is empty if none was
    printed. `reasons` is the same for the SQL of reasons, and missing if there is none. `class_columns` is
    JSON as in the seed, and missing if the version has none. `classes` (JSON) and `threshold` decide labels;
    `undecided` says why there are none.
    """
    facts, sizes = [], seeds.sizes()
    for version in versions:
        pins = version.program.get("sql", {}).get("macro", {})
        pinned = {"sql": dict(sorted(pins.get("md5", {}).items()))}  # in the order of the seed's JSON
        if "reasons" in pins:
            pinned["reasons"] = dict(sorted(pins["reasons"].items()))
        known = {"version": version.version, "aliases": list(version.aliases), "sha256": version.sha256}
        row, fault = version.to_row(), fault_of(version)
        stated = ("classes", "class_columns", "threshold", "trained_from", "trained_to")
        deciding = {name: row[name] for name in stated if row[name]}
        undecided = {"undecided": asdict(fault)} if fault else {}
        loaded = {"loaded": sizes.get(version.version, {})}
        facts.append({**known, **deciding, **undecided, **loaded, **pinned})
    return facts


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
    docs: dict[str, tuple[str, str]],
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
    name = BIGQUERY_TYPES.get(kind)
    return Rendered(f'{{{{ "{name}" if target.type == "bigquery" else "{kind}" }}}}') if name else kind


def _named_once(text: str) -> str:
    """The YAML with each rendered type written once, as an anchor that the other columns refer to."""
    for kind in BIGQUERY_TYPES:
        written, anchor = f": '{_type_of(kind)}'\n", kind.split()[0]
        first, found, rest = text.partition(written)
        text = first + found.replace(": ", f": &{anchor} ", 1) + rest.replace(written, f": *{anchor}\n")
    return text
