"""The rows to train on: checked, split by time, written to a file, and their digest.

What a version is trained from is its provenance, with the key by which the same training is found again.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, RegistryError, SignatureError, did_you_mean, listed
from scorehouse.registry.version import MULTILABEL, Version, resolve
from scorehouse.retraining.settings import DURATION, Settings

HOLDOUT = "scorehouse_holdout"  # a column of the file: whether a row is held out
LABELLED = "coalesce(label_status = 'labelled', false)"
PRIME = 2**61 - 1  # keeps the sum of many digests within 128 bits
CLASSES = ("classification", MULTILABEL)
DAY = 10  # characters of a day
# What decides the estimator: the same values give the same estimator, and name the same version.
DECISIVE = (
    *("rows_sha256", "cut", "features", "label", "time", "function", "code_sha256", "seed"),
    *("calibrate_asked", "format", "environment_sha256"),
)
KEY = "key"


@dataclass(frozen=True)
class Rows:
    """The labelled rows in the order of training: by time, then by all columns.

    `digest` depends on names, types and values alone. `training` and `holdout` are numbers of rows, and
    `left_out` counts the rows of the table without a label to learn from, and `partly` those of them that
    have some of several labels. `first` and `last` are the days of training, and `cut` is the first time of
    the holdout.
    """

    digest: str
    training: int
    holdout: int
    left_out: int
    partly: int
    first: str
    last: str
    cut: str

    @property
    def all(self) -> int:
        return self.training + self.holdout


class TrainingTable:
    """The table that the training query made."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        relation: str,
        settings: Settings,
        labels: Sequence[str],
        parent: Version,
        call: str,
    ) -> None:
        self.connection, self.relation, self.settings = connection, relation, settings
        self.labels, self.parent, self.call = list(labels), parent, call
        self.types = {
            str(row[0]): str(row[1]) for row in connection.execute(f"describe from {relation}").fetchall()
        }
        self.time = DUCKDB.quote(settings.time)
        known = [LABELLED] if "label_status" in self.types else []
        has = [f"{DUCKDB.quote(label)} is not null" for label in self.labels]
        self.where = " and ".join([*has, *known])
        self.partly = f"({' or '.join(has)}) and not ({' and '.join(has)})"

    def written(self, features: Sequence[str], file: Path) -> Rows:
        """Check the rows, write them to a Parquet file, and return what is known about them.

        Raises SignatureError if the table lacks a column, ConfigurationError if it cannot be trained on.
        """
        settings = self.settings
        self._check_columns([*features, *self.labels, settings.time])
        total, labelled, timed, partly = self._ask(
            f"select count(*), count(*) filter ({self.where}), count({self.time}) filter ({self.where}), "
            f"count(*) filter ({self.partly}) from {self.relation}"
        )
        self._check_counts(total, labelled, timed)
        cut = self._cut(labelled)
        held = f"{self.time} >= {cut}"
        values = ", ".join(
            f"count(distinct {DUCKDB.quote(label)}) filter (not ({held}))" for label in self.labels
        )
        trained, first, last, begins, *classes = self._ask(
            f"select count(*) filter (not ({held})), min({self.time}), "
            f"max({self.time}) filter (not ({held})), min({self.time}) filter ({held}), {values} "
            f"from {self.relation} where {self.where}"
        )
        self._check_split(trained, labelled - trained, classes)
        names = [*dict.fromkeys([settings.time, *features, *self.labels])]
        columns = ", ".join(map(DUCKDB.quote, names))
        chosen = f"select {columns} from {self.relation} where {self.where}"
        self.connection.execute(
            f"copy (select *, {held} as {HOLDOUT} from ({chosen}) order by {columns}) "
            f"to {DUCKDB.literal(str(file))} (format parquet)"
        )
        return Rows(
            digest=self._digest(chosen, names),
            training=trained,
            holdout=labelled - trained,
            left_out=total - labelled,
            partly=partly,
            first=str(first)[:DAY],
            last=str(last)[:DAY],
            cut=str(begins),
        )

    def _ask(self, sql: str) -> tuple[Any, ...]:
        found = self.connection.execute(sql).fetchone()
        assert found is not None
        return found

    def _check_columns(self, needed: Sequence[str]) -> None:
        missing = [name for name in needed if name not in self.types]
        if missing:
            raise SignatureError(
                self.call,
                f"{self.settings.training} has no column {', '.join(map(repr, missing))}"
                + did_you_mean(missing[0], self.types),
                expected=f"label, time and the features of {self.parent.label}: {', '.join(needed)}",
                action="add the columns to the training query, or name others as `features` in the settings",
            )

    def _check_counts(self, total: int, labelled: int, timed: int) -> None:
        settings = self.settings
        label = "a label" if len(self.labels) == 1 else f"all of the labels {', '.join(self.labels)}"
        if not labelled:
            raise self._refused(
                f"{settings.training} has {total:,} rows, and none has {label} yet",
                f"rows with {label} to learn from",
                "wait until labels have arrived, and build the training query again",
            )
        if timed < labelled:
            raise self._refused(
                f"{labelled - timed:,} of {labelled:,} labelled rows of {settings.training} have no time: "
                f"{settings.time} is NULL",
                "a time in each row, by which rows are held out",
                f"leave these rows out in the query, or correct {settings.time}",
            )
        if labelled < settings.min_rows:
            raise self._refused(
                f"{settings.training} has {labelled:,} labelled rows",
                f"at least {settings.min_rows:,} (min_rows)",
                "wait for more labels, train on a longer time, or lower min_rows",
            )

    def _check_split(self, training: int, holdout: int, classes: Sequence[int]) -> None:
        if not training or not holdout:
            raise self._refused(
                f"the split by {self.settings.time} leaves {training:,} rows to train on and {holdout:,} to "
                "hold out",
                "rows on both sides; rows with the same time stay together",
                "change `holdout` in the settings",
            )
        alike = [label for label, count in zip(self.labels, classes, strict=True) if count < 2]
        if self.parent.task in CLASSES and alike:
            raise self._refused(
                f"all {training:,} rows to train on have the same {', '.join(alike)}",
                "rows of at least two classes",
                "train on a longer time, or hold out less",
            )

    def _cut(self, labelled: int) -> str:
        """The SQL of the time from which rows are held out."""
        holdout = self.settings.holdout
        if isinstance(holdout, float):
            place = min(int(labelled * (1 - holdout)), labelled - 1)
            return (
                f"(select {self.time} from {self.relation} where {self.where} "
                f"order by {self.time} limit 1 offset {place})"
            )
        if length := DURATION.fullmatch(holdout):
            newest = f"(select max({self.time}) from {self.relation} where {self.where})"
            return f"{newest} - interval {length[1]} {length[2]}"
        return DUCKDB.literal(holdout)

    def _digest(self, chosen: str, names: Sequence[str]) -> str:
        """SHA-256 over names, types, and count, sum and exclusive or of an MD5 of each row."""
        texts = (f"{DUCKDB.quote(name)}::varchar" for name in names)
        row = " || ".join(f"coalesce(length({text})::varchar || ':' || {text}, '-')" for text in texts)
        counted = self._ask(
            f"select count(*), bit_xor(h)::varchar, sum((h % {PRIME})::hugeint)::varchar "
            f"from (select md5_number({row}) as h from ({chosen}))"
        )
        typed = [[name, self.types[name]] for name in names]
        return hashlib.sha256(json.dumps([typed, *counted]).encode()).hexdigest()

    def _refused(self, problem: str, expected: str, action: str) -> ConfigurationError:
        return ConfigurationError(self.call, problem, expected=expected, action=action)


def commit_of(project: Path) -> tuple[str | None, bool]:
    """The commit that is checked out, and whether the project's folder differs from it; None without git."""
    if shutil.which("git") is None:
        return None, False
    head = _git(project, "rev-parse", "HEAD")
    changed = _git(project, "status", "--porcelain", "--", ".")
    return (head.strip(), bool(changed and changed.strip())) if head else (None, False)


def _git(project: Path, *words: str) -> str | None:
    ended = subprocess.run(["git", "-C", str(project), *words], capture_output=True, text=True)
    return ended.stdout if ended.returncode == 0 else None


def environment_sha256() -> str:
    """SHA-256 of Python's version and of the names and versions of all installed distributions."""
    found = {f"{each.name.lower()}=={each.version}" for each in distributions() if each.name}
    return hashlib.sha256("\n".join([platform.python_version(), *sorted(found)]).encode()).hexdigest()


def with_key(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its key, a digest of all that decides the estimator."""
    known = json.dumps([record.get(name) for name in DECISIVE], sort_keys=True, default=str)
    return {**record, KEY: hashlib.sha256(known.encode()).hexdigest()}


def found_again(versions: Sequence[Version], record: Mapping[str, Any]) -> Version | None:
    """The newest version that was trained from the same rows, code, seed and environment."""
    same = [version for version in versions if version.provenance.get(KEY) == record[KEY]]
    return same[-1] if same else None


def retrained(versions: Sequence[Version], number: int, call: str) -> Version:
    """The version `number`. Raises RegistryError if it is unknown or no retraining has registered it."""
    version = resolve(versions, alias=None, version=number, call=call)
    if KEY in version.provenance:
        return version
    raise RegistryError(
        call,
        f"{version.label} has no provenance of a training by this command",
        expected=f"one of the versions {listed(each.version for each in versions if KEY in each.provenance)}",
        action="name such a version, or leave --version out: then rows and code of today are trained on",
    )
