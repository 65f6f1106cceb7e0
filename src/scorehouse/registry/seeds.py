"""The seeds of an ML model on disk: read, appended to, and never rewritten except for aliases."""

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
from typing import Any

from scorehouse.errors import RegistryError, did_you_mean
from scorehouse.registry.seed_rows import read_rows
from scorehouse.registry.signature_rows import IMPORTANCE_COLUMNS, Importance, with_importance
from scorehouse.registry.version import COLUMNS, OPTIONAL_COLUMNS, Version, versions_of

SIGNATURE_COLUMNS = (
    "version",
    "position",
    "feature",
    "type",
    "dtype",
    "accepts_null",
    "accepts_non_finite",
    "accepts_unseen",
    "max_magnitude",
    "minimum",
    "maximum",
    "null_share",
    "categories",
    *IMPORTANCE_COLUMNS,
)
REFERENCE_COLUMNS = ("version", "part", "name", "kind", "bin", "lower", "upper", "category", "row_count")
CALIBRATION_COLUMNS = (
    "ml_model",
    "version",
    "method",
    "basis",
    "interval_group",
    "interval_level",
    "n_labelled",
    "labels_needed",
    "half_width",
    "score_quantile",
    "status",
    "n_unknown",
    "classes_without_label",
)
TEXT_COLUMNS = ("feature", "type", "dtype", "importance_kind")


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
    def signature_file(self) -> Path:
        return self.folder / f"ml_{self.name}__signature.csv"

    @property
    def reference_file(self) -> Path:
        return self.folder / f"ml_{self.name}__reference.csv"

    @property
    def calibration_file(self) -> Path:
        return self.folder / f"ml_{self.name}__calibration.csv"

    @property
    def yaml_file(self) -> Path:
        return self.folder / f"_ml_{self.name}.yml"

    @property
    def lock_file(self) -> Path:
        return self.folder / f".ml_{self.name}.lock"

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
            {column: _value(column, row.get(column, "")) for column in SIGNATURE_COLUMNS[1:]}
            for row in _rows_of(self.signature_file, SIGNATURE_COLUMNS, number)
        ]

    def window_units(self, number: int) -> list[str]:
        """The units of the windows that a version's reference has learned from, such as `day`."""
        rows = _rows_of(self.reference_file, REFERENCE_COLUMNS, number)
        units = dict.fromkeys(row["category"].split()[0] for row in rows if row["kind"] == "window")
        # how rows repeat each other is known without a time
        return [unit for unit in units if unit != "rows"]

    def has_pairs(self, number: int) -> bool:
        """Whether a version's reference has correlations of pairs of features."""
        rows = _rows_of(self.reference_file, REFERENCE_COLUMNS, number)
        return any(row["kind"] == "pair" for row in rows)

    def sizes(self) -> dict[int, dict[str, int]]:
        """By version, its size in each seed beside the registry: rows, and of the reference what they count.

        The sum of `row_count` also shows that a reference was learned again, from other rows.
        """
        sizes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for part, file, columns in (
            ("signature", self.signature_file, SIGNATURE_COLUMNS),
            ("reference", self.reference_file, REFERENCE_COLUMNS),
            ("calibration", self.calibration_file, CALIBRATION_COLUMNS),
        ):
            for row in read_rows(file, columns):
                sizes[int(row["version"])][part] += int(row.get("row_count") or 1)
        return {number: dict(size) for number, size in sizes.items()}

    def append_parts(
        self, number: int, signature: Iterable[Mapping[str, str]], bins: Iterable[Mapping[str, str]]
    ) -> None:
        """Add the rows of a version's signature and reference; unused until its registry row exists."""
        _append(self.signature_file, SIGNATURE_COLUMNS, number, signature)
        _append(self.reference_file, REFERENCE_COLUMNS, number, bins)

    def calibration(self, number: int) -> list[dict[str, str]]:
        """The rows of a version's calibration; empty if it has none."""
        return _rows_of(self.calibration_file, CALIBRATION_COLUMNS, number)

    def append_calibration(self, number: int, rows: Iterable[Mapping[str, str]]) -> None:
        """Add the rows of a version's calibration; unused until its registry row exists."""
        _append(self.calibration_file, CALIBRATION_COLUMNS, number, rows)

    def append_version(self, version: Version) -> None:
        """Add the row of a version to the registry, as the last step: a version exists once its row does."""
        self._write([*_without(self.registry_file, COLUMNS, version.version), version.to_row()])

    def write_importance(self, number: int, importance: Importance) -> bool:
        """Write the importance of a version's features; False if it has no rows."""
        rows = read_rows(self.signature_file, SIGNATURE_COLUMNS)
        measured = [
            with_importance([row], importance)[0] if row["version"] == str(number) else row for row in rows
        ]
        write_rows(self.signature_file, SIGNATURE_COLUMNS, measured)
        return any(row["version"] == str(number) for row in rows)

    def write_reference(self, number: int, bins: Iterable[Mapping[str, str]]) -> None:
        """Write the reference of a version again, in its place among the other versions."""
        kept = _without(self.reference_file, REFERENCE_COLUMNS, number)
        rows = sorted([*kept, *bins], key=lambda row: int(row["version"]))
        write_rows(self.reference_file, REFERENCE_COLUMNS, rows)

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
    values = [[row[column] for column in CALIBRATION_COLUMNS if column != "version"] for row in rows]
    # not by registry.storage, which imports pyarrow: the command line reads seeds and starts at once
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def build_command(name: str, *ends: str) -> str:
    """The command that loads every seed of an ML model, and builds `ends`, or all that is downstream.

    `ml_<name>+` would leave out the seeds beside the registry. No shell expands anything in it.
    """
    return f"dbt build --select {' '.join([f'tag:ml_{name}', *ends]) if ends else f'tag:ml_{name}+'}"


def _append(file: Path, columns: Sequence[str], number: int, rows: Iterable[Mapping[str, str]]) -> None:
    """Add rows of a version; remove rows of this number that an interrupted registration left."""
    write_rows(file, columns, [*_without(file, columns, number), *rows])


def _rows_of(file: Path, columns: Sequence[str], number: int) -> list[dict[str, str]]:
    return [row for row in read_rows(file, columns) if row["version"] == str(number)]


def _without(file: Path, columns: Sequence[str], number: int) -> list[dict[str, str]]:
    return [row for row in read_rows(file, columns) if row["version"] != str(number)]


def _value(column: str, text: str) -> Any:
    if not text:
        return None
    return text if column in TEXT_COLUMNS else json.loads(text)


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
