"""The seeds of an ML model on disk: read, appended to, and rewritten only for aliases and archives."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scorehouse.errors import RegistryError, did_you_mean, listed
from scorehouse.registry.seed_columns import PARTS, REGISTERED
from scorehouse.registry.version import COLUMNS, OPTIONAL_COLUMNS, Version, versions_of

if TYPE_CHECKING:  # it imports pyarrow, and the command line reads seeds and starts at once
    from scorehouse.registry.signature import Feature, Signature

T = TypeVar("T")
IMPORTANCE_COLUMNS = ("importance", "importance_kind")
FIELD_LIMIT = 2**31 - 1  # characters of one value: `categories` may be long, and Python's limit is 131,072
TEXT_COLUMNS = ("feature", "type", "dtype", "importance_kind")


@dataclass(frozen=True)
class Importance:
    """Each feature's share of the total, 0 to 1, and `permutation:` followed by what was measured.

    With labels: the increase of `log_loss`, `squared_error`, `scaled_squared_error` (of several outputs, each
    in units of the variance of its labels) or `error_rate`, or the decrease of `roc_auc` or
    `rank_correlation`. Without labels: `label_change`, the share of rows whose label changes, or
    `score_change`, the mean absolute change of scores (of several outputs, each in units of its deviation).
    """

    kind: str
    shares: dict[str, float]


def registered_names(project: Path) -> list[str]:
    """Names of all ML models that have a registry seed."""
    files = sorted((project / "seeds" / "ml").glob("*/ml_*.csv"))
    return [file.parent.name for file in files if file.stem == f"ml_{file.parent.name}"]


@dataclass(frozen=True)
class ModelSeeds:
    """The seeds of one ML model; that of its calibrations is there if a version has one."""

    project: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.project / "seeds" / "ml" / self.name

    @property
    def registry_file(self) -> Path:
        return self.folder / f"ml_{self.name}.csv"

    @property
    def yaml_file(self) -> Path:
        return self.folder / f"_ml_{self.name}.yml"

    @property
    def lock_file(self) -> Path:
        return self.folder / f".ml_{self.name}.lock"

    def file(self, part: str) -> Path:
        """The file of one of `PARTS`."""
        return self.folder / f"ml_{self.name}__{part}.csv"

    def rows(self, part: str, number: int | None = None) -> list[dict[str, str]]:
        """The rows of one of `PARTS`, of one version or of all; empty if there are none."""
        rows = read_rows(self.file(part), tuple(PARTS[part]))
        return rows if number is None else [row for row in rows if row["version"] == str(number)]

    def write_rows(self, part: str, number: int, rows: Iterable[Mapping[str, str]]) -> None:
        """Write the rows of a version in one of `PARTS`, in its place among the other versions.

        Those of a new version are unused until its registry row exists; an interrupted registration may have
        left others.
        """
        others = [row for row in self.rows(part) if row["version"] != str(number)]
        ordered = sorted([*others, *rows], key=lambda row: int(row["version"]))
        write_rows(self.file(part), tuple(PARTS[part]), ordered)

    def versions(self) -> list[Version]:
        """All registered versions, oldest first; empty if there are none yet."""
        return versions_of(read_rows(self.registry_file, COLUMNS))

    def registered(self, call: str) -> list[Version]:
        """All registered versions; RegistryError, with a similar name, if there are none."""
        versions = self.versions()
        if not versions:
            raise RegistryError(
                call,
                f"there is no ML model {self.name!r} in {str(self.project / 'seeds' / 'ml')!r}"
                + did_you_mean(self.name, registered_names(self.project)),
                expected="a registered ML model; `scorehouse list` shows them",
                action="correct the name, or register the ML model first",
            )
        return versions

    def features(self, number: int) -> list[dict[str, Any]]:
        """The rows of a version's signature, with values in their own types; empty values are None."""
        return [
            {column: _value(column, row[column]) for column in PARTS["signature"] if column != "version"}
            for row in self.rows("signature", number)
        ]

    def archived(self) -> set[int]:
        """The versions that have no reference here, which `scorehouse archive` alone takes away."""
        there = {int(row["version"]) for row in self.rows("reference")}
        return {version.version for version in self.versions()} - there

    def reference(self, number: int) -> list[dict[str, Any]]:
        """The rows of a version's reference, with numbers where they are known."""
        rows = self.rows("reference", number)
        numbers = ("row_count", "lower", "upper")
        return [row | {name: float(row[name]) if row[name] else None for name in numbers} for row in rows]

    def window_units(self, number: int) -> list[str]:
        """The units of the windows that a version's reference has learned from, such as `day`."""
        rows = self.rows("reference", number)
        units = dict.fromkeys(row["category"].split()[0] for row in rows if row["kind"] == "window")
        # how rows repeat each other is known without a time
        return [unit for unit in units if unit != "rows"]

    def has_pairs(self, number: int) -> bool:
        """Whether a version's reference has correlations of pairs of features."""
        return any(row["kind"] == "pair" for row in self.rows("reference", number))

    def sizes(self) -> dict[int, dict[str, int]]:
        """By version, its size in each seed of registration: rows, and of the reference what they count.

        The sum of `row_count` also shows that a reference was learned again, from other rows.
        """
        sizes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for part in REGISTERED:
            for row in self.rows(part):
                sizes[int(row["version"])][part] += int(row.get("row_count") or 1)
        return {number: dict(size) for number, size in sizes.items()}

    def append_version(self, version: Version) -> None:
        """Add the row of a version to the registry, as the last step: a version exists once its row does."""
        rows = read_rows(self.registry_file, COLUMNS)
        others = [row for row in rows if row["version"] != str(version.version)]
        self._write([*others, version.to_row()])

    def write_importance(self, number: int, importance: Importance) -> bool:
        """Write the importance of a version's features; False if it has no rows."""
        rows = self.rows("signature", number)
        self.write_rows("signature", number, with_importance(rows, importance))
        return bool(rows)

    def write_versions(self, versions: Iterable[Version]) -> None:
        """Write the registry with moved aliases."""
        self._write([version.to_row() for version in versions])

    def _write(self, rows: Sequence[Mapping[str, str]]) -> None:
        # an optional column is left out until needed: a warehouse loads a new one by --full-refresh alone
        unused = [column for column in OPTIONAL_COLUMNS if not any(row.get(column) for row in rows)]
        write_rows(self.registry_file, [column for column in COLUMNS if column not in unused], rows)


def calibration_digest(rows: Iterable[Mapping[str, str]]) -> str:
    """The SHA-256 digest of the rows of a version's calibration, as its row of the registry has it.

    Without the number of the version: the same calibration of the same estimator is the same version.
    """
    values = [[row[column] for column in PARTS["calibration"] if column != "version"] for row in rows]
    # not by registry.storage, which imports pyarrow: the command line reads seeds and starts at once
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def build_command(name: str, *ends: str) -> str:
    """The command that loads every seed of an ML model, and builds `ends`, or all that is downstream.

    `ml_<name>+` would leave out the seeds beside the registry. With `ends`, tests of the seeds that also read
    other tables, which may not be built yet, are left out. No shell expands anything in it.
    """
    if not ends:
        return f"dbt build --select tag:ml_{name}+"
    return f"dbt build --select {' '.join([f'tag:ml_{name}', *ends])} --indirect-selection buildable"


def _value(column: str, text: str) -> Any:
    if not text:
        return None
    return text if column in TEXT_COLUMNS else json.loads(text)


def read_rows(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a seed with these `columns`, of which only optional ones may be missing; empty without a file.

    A file with an unknown header is refused, since appending to it would damage it.
    """
    if not file.exists():
        return []
    csv.field_size_limit(max(csv.field_size_limit(), FIELD_LIMIT))
    with file.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    found = tuple(reader.fieldnames or ())
    if found != tuple(c for c in columns if c in found or c not in OPTIONAL_COLUMNS):
        raise RegistryError(
            f"reading {file.name}",
            f"its columns are {listed(reader.fieldnames or ())}",
            expected=f"{listed(columns)}",
            action="restore the file from version control, or use the release that wrote it",
        )
    return rows


def write_rows(file: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a whole seed, by replacing the file at once."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(file, text.getvalue().encode())


def replace_file(file: Path, data: bytes) -> None:
    """Write a file so that a reader sees either the old or the new bytes, never a mixture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".partial")
    temporary.write_bytes(data)
    os.replace(temporary, file)


def signature_rows(version: Version, signature: Signature) -> list[dict[str, str]]:
    """The rows of `ml_<name>__signature` for one version, without the importance."""
    return [_row(version.version, i, f) for i, f in enumerate(signature.features, start=1)]


def with_importance(rows: list[dict[str, str]], importance: Importance) -> list[dict[str, str]]:
    """The rows with the importance of their features."""
    return [
        {**row, "importance": repr(importance.shares[row["feature"]]), "importance_kind": importance.kind}
        for row in rows
    ]


def without_importance(row: Mapping[str, T]) -> dict[str, T]:
    """The columns of a row that are also in the signature file; importance differs with every fit."""
    return {column: value for column, value in row.items() if column not in IMPORTANCE_COLUMNS}


def _row(number: int, position: int, feature: Feature) -> dict[str, str]:
    def text(value: Any) -> str:
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else repr(value)

    return {
        "version": str(number),
        "position": str(position),
        "feature": feature.name,
        "type": feature.type,
        "dtype": feature.dtype,
        "accepts_null": text(feature.accepts_null),
        "accepts_non_finite": text(feature.accepts_non_finite),
        "accepts_unseen": text(feature.accepts_unseen),
        "max_magnitude": text(feature.max_magnitude),
        "minimum": text(feature.minimum),
        "maximum": text(feature.maximum),
        "null_share": text(feature.null_share),
        "categories": ""
        if feature.categories is None
        else json.dumps(list(feature.categories), ensure_ascii=False),
    }
