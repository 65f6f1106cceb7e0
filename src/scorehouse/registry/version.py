"""The registry: one row per version of an ML model, as in the seed `ml_<name>`.

Pure functions over rows; reading and writing the CSV files is done by `registration.seeds`. The macro
`_class_columns` has the same rule for names of class score columns.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from scorehouse.errors import ConfigurationError, RegistryError, did_you_mean, listed

# in addition to letters and digits of any script: marks that are parts of letters (accents, vowel signs)
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f"
OTHERS = re.compile(rf"(?:[^\w{MARKS}]|_)+")
PREFIX = "prediction_"  # of the column of one of several outputs
SCORE = "score_"  # of the column of the score of a class or label
MINUS = re.compile(r"^-(?=\.?[0-9])")  # of a negative number


def class_columns(labels: Sequence[Any]) -> dict[str, Any]:
    """The label of each column `score_<label>`: in lower case, other characters as one underscore.

    Labels whose names would be equal get their position appended, so no two columns have the same name.
    """
    names = [column_of(SCORE, label) for label in labels]
    taken = {name for name in names if names.count(name) == 1}
    columns = {}
    for position, (name, label) in enumerate(zip(names, labels, strict=True)):
        if names.count(name) > 1:
            name = f"{name}_{position}"
            while name in taken:
                name += "_"
            taken.add(name)
        columns[name] = label
    return columns


def registered_columns(classes: Sequence[Any], score_method: str) -> dict[str, Any]:
    """The label of each score column; with two classes, the column `score` has the second one's score."""
    if not classes or score_method == "none":
        return {}
    return {"score": classes[1]} if len(classes) == 2 else class_columns(classes)


def text_of(label: Any) -> str:
    """A label or category as SQL writes it: `true`, not `True`."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def score_of(column: str) -> str:
    """The score's column of the label in this column: `score_late` of `prediction_late`."""
    return SCORE + column.removeprefix(PREFIX)


def column_of(prefix: str, label: Any) -> str:
    """The column of a class or output, in lower case, other characters as one underscore."""
    text = MINUS.sub("minus_", str(label).lower())
    return prefix + (OTHERS.sub("_", text).strip("_") or "empty")


ALIAS_SEPARATOR = "|"
REFERENCE = re.compile(r"(?P<name>\w+)(?:@(?P<alias>\w+)|/(?P<version>\d+))?")
PROVENANCE = "provenance"
SEGMENTS = "segments"
OUTPUTS = "outputs"
CALIBRATION = "calibration"
PROVEN_FOR = "proven_for"  # what the backends were compiled from (`label_rule.py`), among their facts
PROGRAM_SHA256 = "program_sha256"  # of the file that holds all backends
PROOF_SHA256 = "proof_sha256"  # of the rows that prove all backends
CERTIFICATE = "certificate"  # which parts of the program equal the estimator for every input
FRAGILE = "fragile"  # how many labels hang on the last place of a feature
NO_BACKENDS = ("refused", PROVEN_FOR, PROGRAM_SHA256, PROOF_SHA256, CERTIFICATE, FRAGILE)
OPTIONAL_COLUMNS = (SEGMENTS, PROVENANCE, OUTPUTS, CALIBRATION)  # each is written only if a version needs it
MULTIOUTPUT = "multioutput_regression"
MULTILABEL = "multilabel_classification"
SEVERAL = (MULTIOUTPUT, MULTILABEL)  # tasks of estimators with several outputs per row
TASKS = ("classification", MULTILABEL, "regression", MULTIOUTPUT, "clustering", "ranking", "anomaly")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One registered version: a row of `ml_<name>`, whose columns are these fields, in this order.

    `sha256` and `signature_sha256` are hexadecimal digests of the artifact and of the signature file next to
    it. `classes` holds the class labels of a classifier, in the estimator's order, and `class_columns` the
    label of each score column of the prediction table. `parity` is the difference, on training rows, between
    what is stored and the registered estimator. `program` holds the proofs of its backends, such as
    compiled SQL, why others are refused, and what is certified. `segments` says what
    `Segmented.segment_facts` does about an estimator per segment. `provenance` is the record of the run that
    trained it, if `scorehouse retrain` did. `outputs` holds, for an estimator with several, the name of the
    output in each column of the prediction table. `calibration` says by which method intervals or sets were
    calibrated, from how many labels, and which digest the rows of the seed `ml_<name>__calibration` have.
    """

    name: str
    version: int
    aliases: tuple[str, ...] = ()
    task: str = ""
    artifact: str = ""
    artifact_format: str = ""
    sha256: str = ""
    size_bytes: int = 0
    signature_sha256: str = ""
    classes: tuple[Any, ...] = ()
    score_method: str = ""
    label_method: str = ""
    threshold: float | None = None
    n_features: int = 0
    training_rows: int = 0
    trained_from: str = ""
    trained_to: str = ""
    registered_at: str = ""
    python_version: str = ""
    sklearn_version: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    owner: str = ""
    description: str = ""
    parity: Mapping[str, float] = field(default_factory=dict)
    program: Mapping[str, Any] = field(default_factory=dict)
    class_columns: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score_columns(self) -> list[str]:
        """The columns of the class scores, in the order of the classes; of several labels, one of each."""
        if self.task == MULTILABEL:
            return [score_of(column) for column in self.outputs]
        return list(self.class_columns)

    @property
    def label(self) -> str:
        """Name and version for messages: `churn version 3`."""
        return f"{self.name} version {self.version}"

    def to_row(self) -> dict[str, str]:
        """The row of the seed: every value as text, NULL as the empty string."""
        return {column: _written(column, getattr(self, column)) for column in COLUMNS}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Version:
        """Read a row of the seed, from CSV (text) or from the warehouse (typed)."""
        values: dict[str, Any] = {}
        for column in COLUMNS:
            try:
                values[column] = _read(column, row)
            except (KeyError, TypeError, ValueError) as error:
                label = f"{row.get('name') or '?'} version {row.get('version') or '?'}"
                found = f"holds {str(row[column])[:60]!r}" if column in row else "is missing"
                raise RegistryError(
                    "reading the registry",
                    f"the column {column!r} of {label} {found}",
                    expected=f"{_kind(column)}, as `scorehouse register` writes it into the seed ml_<name>",
                    action="correct it, restore the seed from version control, or pass the ref of ml_<name> "
                    "as `model`",
                ) from error
        version = cls(**values)
        if version.threshold is not None and not math.isfinite(version.threshold):
            raise RegistryError(
                "reading the registry",
                f"the threshold of {version.label} is {version.threshold!r}",
                expected="a finite number, or nothing where the estimator's own rule decides",
                action=f"correct the row in ml_{version.name}.csv, or restore it from version control",
            )
        return version


COLUMNS = tuple(column.name for column in fields(Version))
INTEGERS = ("version", "size_bytes", "n_features", "training_rows")
# Columns of JSON, empty if there is nothing to say. The order of those in ORDERED_JSON has a meaning.
SORTED_JSON = ("libraries", "metrics", "parity", "program", SEGMENTS, PROVENANCE, CALIBRATION)
ORDERED_JSON = ("classes", "class_columns", OUTPUTS)
ASCII_JSON = ("libraries", "metrics", "parity", CALIBRATION)


def _written(column: str, value: Any) -> str:
    if column in (*SORTED_JSON, *ORDERED_JSON):
        if not value and column != "libraries":
            return ""
        document = list(value) if column == "classes" else dict(value)
        return json.dumps(document, sort_keys=column in SORTED_JSON, ensure_ascii=column in ASCII_JSON)
    if column == "aliases":
        return ALIAS_SEPARATOR.join(value)
    if column == "threshold":
        return "" if value is None else repr(value)
    return "" if value is None else str(value)


def _kind(column: str) -> str:
    if column == "threshold":
        return "a number such as 0.35, or nothing where the estimator's own rule decides"
    if column in INTEGERS:
        return "a whole number"
    return "JSON" if column in (*SORTED_JSON, *ORDERED_JSON) else "text"


def _read(column: str, row: Mapping[str, Any]) -> Any:
    value = row.get(column) if column in OPTIONAL_COLUMNS else row[column]
    text = "" if value is None else str(value)
    if column in INTEGERS:
        return int(row[column])
    if column == "threshold":
        return float(row[column]) if text else None
    if column == "aliases":
        return tuple(alias for alias in text.split(ALIAS_SEPARATOR) if alias)
    if column == "classes":
        return tuple(json.loads(text or "[]"))
    return json.loads(text or "{}") if column in (*SORTED_JSON, *ORDERED_JSON) else text


def versions_of(rows: Iterable[Mapping[str, Any]]) -> list[Version]:
    """The versions in rows of a registry; RegistryError if a version is there more than once."""
    versions = [Version.from_row(row) for row in rows]
    counts = Counter(version.label for version in versions)
    if twice := next((label for label, count in counts.items() if count > 1), None):
        raise RegistryError(
            "reading the registry",
            f"{twice} is there {counts[twice]} times, as after a merge of two branches that registered it",
            expected="one row per version in the seed ml_<name>",
            action="take the files of one branch for this ML model, and register the other version again",
        )
    return versions


def resolve(versions: Iterable[Version], *, alias: str | None, version: int | None, call: str) -> Version:
    """The version that holds `alias`, or whose number is `version`.

    Raises RegistryError if there is none, or if two versions hold the alias.
    """
    rows = sorted(versions, key=lambda row: row.version)
    if not rows:
        raise RegistryError(
            call,
            "the registry has no versions",
            expected="at least one row in the seed ml_<name>",
            action="register the ML model with `scorehouse register`, then load its seeds with `dbt seed`",
        )
    name = rows[0].name
    if version is not None:
        found = [row for row in rows if row.version == version]
        if not found:
            numbers = ", ".join(str(row.version) for row in rows)
            raise RegistryError(
                call,
                f"ML model {name!r} has no version {version}",
                expected=f"one of the versions {numbers}"
                if len(rows) > 1
                else f"version {numbers}, the only one",
                action="name one of these, or register the version first",
            )
        return found[0]
    known = sorted({a for row in rows for a in row.aliases})
    found = [row for row in rows if alias in row.aliases]
    if not found:
        hint = did_you_mean(alias, known)
        if not hint and (usual := did_you_mean(alias, {"champion", "challenger"} - {alias})):
            hint = f"{usual.removesuffix('?')}, which no version has yet?"
        raise RegistryError(
            call,
            f"no version of ML model {name!r} has the alias {alias!r}{hint}",
            expected=f"one of the aliases {', '.join(known)}" if known else "an alias; there is none yet",
            action="correct the alias"
            if hint
            else f"run `scorehouse promote {name} {rows[-1].version} --alias {alias}` and `dbt seed`",
        )
    if len(found) > 1:
        raise RegistryError(
            call,
            f"versions {listed(row.version for row in found)} of ML model {name!r} have the alias {alias!r}",
            expected="each alias on one version",
            action=f"run `scorehouse promote {name} <version> --alias {alias}`, which leaves it there alone",
        )
    return found[0]


def parse_reference(reference: str, call: str) -> tuple[str, str | None, int | None]:
    """Name, alias and version number of `churn@champion`, `churn/3` or `churn`."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise ConfigurationError(
            call,
            f"{reference!r} names no version",
            expected="name@alias, such as churn@champion, or name/version, such as churn/3",
            action="correct the reference; `scorehouse list` shows what is registered",
        )
    number = match["version"]
    if number is not None:
        return match["name"], None, int(number)
    return match["name"], match["alias"] or "champion", None
