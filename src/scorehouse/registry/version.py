"""The registry: one row per version of an ML model, as in the seed `ml_<name>`.

Pure functions over rows; reading and writing the CSV files is done by `registration.seeds`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scorehouse.errors import ConfigurationError, RegistryError, did_you_mean
from scorehouse.registry.class_columns import score_of

ALIAS_SEPARATOR = "|"
REFERENCE = re.compile(r"(?P<name>\w+)(?:@(?P<alias>\w+)|/(?P<version>\d+))?")
PROVENANCE = "provenance"
SEGMENTS = "segments"
OUTPUTS = "outputs"
CALIBRATION = "calibration"
PROVEN_FOR = "proven_for"  # what the forms were compiled from (`label_rule.py`), among their facts
PROGRAM_SHA256 = "program_sha256"  # of the file that holds all forms
PROOF_SHA256 = "proof_sha256"  # of the rows that prove all forms
NO_FORMS = ("refused", PROVEN_FOR, PROGRAM_SHA256, PROOF_SHA256)
OPTIONAL_COLUMNS = (SEGMENTS, PROVENANCE, OUTPUTS, CALIBRATION)  # each is written only if a version needs it
MULTIOUTPUT = "multioutput_regression"
MULTILABEL = "multilabel_classification"
SEVERAL = (MULTIOUTPUT, MULTILABEL)  # tasks of estimators with several outputs per row
TASKS = ("classification", MULTILABEL, "regression", MULTIOUTPUT, "clustering", "ranking", "anomaly")


@dataclass(frozen=True)
class Version:
    """One registered version: a row of `ml_<name>`.

    `sha256` and `signature_sha256` are hexadecimal digests of the artifact and of the signature file next to
    it. `classes` holds the class labels of a classifier, in the estimator's order, and `class_columns` the
    label of each score column of the prediction table. `parity` is the difference, on training rows, between
    the stored form and the registered estimator. `forms` holds the proofs of its other forms, such as
    compiled SQL, and why others are refused. `segments` says what `Segmented.segment_facts` does about an
    estimator per segment. `provenance` is the record of the run that trained it, if
    `scorehouse retrain` did. `outputs` holds, for an estimator with several, the name of the output in each
    column of the prediction table. `calibration` says by which method intervals or sets were calibrated, from
    how many labels, and which digest the rows of the seed `ml_<name>__calibration` have.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    task: str
    artifact: str
    artifact_format: str
    sha256: str
    size_bytes: int
    signature_sha256: str
    score_method: str
    label_method: str
    registered_at: str
    training_rows: int
    n_features: int
    classes: tuple[Any, ...] = ()
    threshold: float | None = None
    trained_from: str = ""
    trained_to: str = ""
    python_version: str = ""
    sklearn_version: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    owner: str = ""
    description: str = ""
    parity: Mapping[str, float] = field(default_factory=dict)
    forms: Mapping[str, Any] = field(default_factory=dict)
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
        return {
            "name": self.name,
            "version": str(self.version),
            "aliases": ALIAS_SEPARATOR.join(self.aliases),
            "task": self.task,
            "artifact": self.artifact,
            "artifact_format": self.artifact_format,
            "sha256": self.sha256,
            "size_bytes": str(self.size_bytes),
            "signature_sha256": self.signature_sha256,
            "classes": json.dumps(list(self.classes), ensure_ascii=False) if self.classes else "",
            "score_method": self.score_method,
            "label_method": self.label_method,
            "threshold": "" if self.threshold is None else repr(self.threshold),
            "n_features": str(self.n_features),
            "training_rows": str(self.training_rows),
            "trained_from": self.trained_from,
            "trained_to": self.trained_to,
            "registered_at": self.registered_at,
            "python_version": self.python_version,
            "sklearn_version": self.sklearn_version,
            "libraries": json.dumps(dict(self.libraries), sort_keys=True),
            "metrics": json.dumps(dict(self.metrics), sort_keys=True) if self.metrics else "",
            "owner": self.owner,
            "description": self.description,
            "parity": json.dumps(dict(self.parity), sort_keys=True) if self.parity else "",
            "forms": json.dumps(dict(self.forms), sort_keys=True, ensure_ascii=False) if self.forms else "",
            "class_columns": json.dumps(dict(self.class_columns), ensure_ascii=False)
            if self.class_columns
            else "",
            SEGMENTS: json.dumps(dict(self.segments), sort_keys=True, ensure_ascii=False)
            if self.segments
            else "",
            PROVENANCE: json.dumps(dict(self.provenance), sort_keys=True, ensure_ascii=False)
            if self.provenance
            else "",
            OUTPUTS: json.dumps(dict(self.outputs), ensure_ascii=False) if self.outputs else "",
            CALIBRATION: json.dumps(dict(self.calibration), sort_keys=True) if self.calibration else "",
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Version:
        """Read a row of the seed, from CSV (text) or from the warehouse (typed)."""
        try:
            found = cls(
                name=_text(row["name"]),
                version=int(row["version"]),
                aliases=tuple(a for a in _text(row["aliases"]).split(ALIAS_SEPARATOR) if a),
                task=_text(row["task"]),
                artifact=_text(row["artifact"]),
                artifact_format=_text(row["artifact_format"]),
                sha256=_text(row["sha256"]),
                size_bytes=int(row["size_bytes"]),
                signature_sha256=_text(row["signature_sha256"]),
                classes=tuple(json.loads(_text(row["classes"]) or "[]")),
                score_method=_text(row["score_method"]),
                label_method=_text(row["label_method"]),
                threshold=None if _text(row["threshold"]) == "" else float(row["threshold"]),
                n_features=int(row["n_features"]),
                training_rows=int(row["training_rows"]),
                trained_from=_text(row["trained_from"]),
                trained_to=_text(row["trained_to"]),
                registered_at=_text(row["registered_at"]),
                python_version=_text(row["python_version"]),
                sklearn_version=_text(row["sklearn_version"]),
                libraries=json.loads(_text(row["libraries"]) or "{}"),
                metrics=json.loads(_text(row["metrics"]) or "{}"),
                owner=_text(row["owner"]),
                description=_text(row["description"]),
                parity=json.loads(_text(row["parity"]) or "{}"),
                forms=json.loads(_text(row["forms"]) or "{}"),
                class_columns=json.loads(_text(row["class_columns"]) or "{}"),
                segments=json.loads(_text(row.get(SEGMENTS)) or "{}"),
                provenance=json.loads(_text(row.get(PROVENANCE)) or "{}"),
                outputs=json.loads(_text(row.get(OUTPUTS)) or "{}"),
                calibration=json.loads(_text(row.get(CALIBRATION)) or "{}"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(
                "reading the registry",
                f"a row cannot be read ({type(error).__name__}: {error}); it holds {dict(row)!r}",
                expected="the columns that `scorehouse register` writes into the seed ml_<name>",
                action="restore the seed from version control, or pass the ref of ml_<name> as `model`",
            ) from error
        if found.threshold is not None and not math.isfinite(found.threshold):
            raise RegistryError(
                "reading the registry",
                f"the threshold of {found.label} is {found.threshold!r}",
                expected="a finite number, or nothing where the estimator's own rule decides",
                action=f"correct the row in ml_{found.name}.csv, or restore it from version control",
            )
        return found


COLUMNS = tuple(
    Version("", 1, (), "", "", "", "", 0, "", "", "", "", 0, 0).to_row()
)  # the order of the columns in the seed


def _text(value: Any) -> str:
    return "" if value is None else str(value)


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
            raise RegistryError(
                call,
                f"ML model {name!r} has no version {version}",
                expected=f"one of the versions {', '.join(str(row.version) for row in rows)}",
                action="name one of these, or register the version first",
            )
        return found[0]
    known = sorted({a for row in rows for a in row.aliases})
    found = [row for row in rows if alias in row.aliases]
    if not found:
        hint = did_you_mean(alias, known)
        raise RegistryError(
            call,
            f"no version of ML model {name!r} has the alias {alias!r}{hint}",
            expected=f"one of the aliases {known}" if known else "an alias; there is none yet",
            action="correct the alias"
            if hint
            else f"run `scorehouse promote {name} {rows[-1].version} --alias {alias}` and `dbt seed`",
        )
    if len(found) > 1:
        raise RegistryError(
            call,
            f"versions {[row.version for row in found]} of ML model {name!r} all have the alias {alias!r}",
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
