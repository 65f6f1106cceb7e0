"""Columns of the feature table: found by name, and kept separate from the columns of the output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa

from scorehouse.dialect import Spelling
from scorehouse.errors import ConfigurationError, SignatureError, listed
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.registry.signature import Signature, match_columns, spelled
from scorehouse.scoring.options import ScoreOptions

# columns of the stream of scored rows; the table keeps only the hash
FEATURE_HASH = "feature_hash"
ROW_HASH = "scorehouse_row_hash"
NEED = "scorehouse_need"  # a bit for each version that scores the row
PART = "scorehouse_part"  # the number of the version that scored the row
KEPT = "kept:"  # prefix of columns that bypass the kernel, so that a key may also be a feature
SQL_TYPES = {pa.bool_(): "boolean", pa.int64(): "bigint", pa.float64(): "double"}
AUDIT_COLUMNS = (
    "row_status",
    "model_name",
    "model_version",
    "model_digest",
    "scoring_run_id",
    "scored_at",
    "feature_hash",
)


def find_columns(role: str, wanted: Sequence[str], columns: Sequence[str], call: str) -> dict[str, str]:
    """Map each wanted name to the feature table's column: equal, or different only in case."""
    found, missing = spelled(wanted, columns)
    if missing:
        raise ConfigurationError(
            call,
            f"{role} names columns that the feature table does not have: {', '.join(missing)}",
            expected=f"columns among {listed(columns)}",
            action=f"correct {role}, or add the columns to the feature model",
        )
    return found


def check_output_names(kept: Sequence[str], outputs: Sequence[str], call: str) -> None:
    """Refuse to keep a column with the name of one of the `outputs`; other columns may have it."""
    taken = {name.lower() for name in (*outputs, *AUDIT_COLUMNS)}
    if clash := [column for column in kept if column.lower() in taken]:
        raise SignatureError(
            call,
            "columns in key, passthrough or group have names that the prediction table uses itself: "
            f"{listed(clash)}",
            expected="a different name for each column of the prediction table",
            action="rename these columns in the feature model, or leave them out of passthrough",
        )


def types_digest(columns: Iterable[str], types: Mapping[str, str]) -> str:
    """A digest of the full types of `columns`, 16 hexadecimal digits; the case of a name makes no difference.

    A hash of values ignores their types: 12.34 as DECIMAL(10,2) and 1234 as INTEGER have the same hash.
    """
    found = [[column.lower(), types[column]] for column in columns]
    return sha256(json.dumps(found).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Columns:
    """Feature table columns by role: name in the output (or of the feature) to name in the table.

    `features` has a mapping for each version that scores. With `share_hash`, the versions share a row, so
    they have one hash over the features of all.
    """

    key: dict[str, str]
    passthrough: dict[str, str]
    features: list[dict[str, str]]
    group: dict[str, str]
    share_hash: bool = False

    @classmethod
    def found(
        cls,
        signatures: Sequence[Signature],
        names: Sequence[str],
        options: ScoreOptions,
        outputs: Sequence[str],
        call: str,
    ) -> Columns:
        """Find all of them in a feature table with the columns `names`.

        `outputs` are the columns that scoring adds; no kept column may have one of their names.
        """
        key, dated = options.row_key, options.row_key[len(options.key) :]
        passthrough = [name for name in options.passthrough if name not in key]
        columns = cls(
            key=find_columns("key", options.key, names, call) | find_columns("as_of", dated, names, call),
            passthrough=find_columns("passthrough", passthrough, names, call),
            features=[match_columns(signature, names, call) for signature in signatures],
            group=find_columns("group", [options.group] if options.group else [], names, call),
            share_hash=options.is_wide,
        )
        check_output_names([*columns.key, *columns.passthrough, *columns.group], outputs, call)
        return columns

    @property
    def kept(self) -> dict[str, str]:
        """Columns that bypass the kernel."""
        return {**self.key, **self.passthrough, **self.group}

    @property
    def used(self) -> list[str]:
        """Columns of the feature table that any version reads, each once."""
        return list(dict.fromkeys(column for found in self.features for column in found.values()))

    def hashed(self, part: int) -> list[str]:
        """Columns in the feature hash of one version: everything that goes into a row except its key."""
        names = self.used if self.share_hash else self.features[part].values()
        return [*names, *self.passthrough.values(), *self.group.values()]

    def hash_part(self, part: int) -> int:
        """The first version with the same hash; its column serves both."""
        hashed = [self.hashed(number) for number in range(part + 1)]
        return hashed.index(hashed[part])

    @property
    def hash_parts(self) -> list[int]:
        """The versions whose hashes serve all versions."""
        return list(dict.fromkeys(self.hash_part(part) for part in range(len(self.features))))


def of_part(values: Sequence[str], part: str = PART) -> str:
    """SQL of one value per version, chosen by the column `part`."""
    if len(set(values)) == 1:
        return values[0]
    whens = " ".join(f"when {number} then {value}" for number, value in enumerate(values))
    return f"case {part} {whens} end"


def scored_columns(
    columns: Columns,
    schema: pa.Schema,
    suffixes: Sequence[str],
    part: str,
    spelling: Spelling,
    hashes: Sequence[str] = (FEATURE_HASH,),
) -> list[str]:
    """SQL of the columns of rows that compiled SQL has scored, for every version in columns of its own.

    They are the kept columns, the outputs of the versions with the types of `schema`, hashes, and the number
    of the version. If versions share a row, there are outputs with each of the `suffixes`; else those of the
    version `part`, which is SQL too.
    """
    quote, types = spelling.quote, {**SQL_TYPES, pa.string(): spelling.text}
    numbers = range(1 if suffixes else len(columns.features))

    def output(field: pa.Field, number: int) -> str:
        """In the kernel's type: an integer in the SQL may have a smaller one."""
        return f"cast({quote(f'{field.name}:{number}')} as {types[field.type]})"

    parts = [f"{quote(KEPT + name)} as {quote(name)}" for name in columns.kept]
    for number, suffix in enumerate(suffixes):
        parts += [f"{output(field, number)} as {quote(field.name + suffix)}" for field in schema]
    if not suffixes:
        for field in schema:
            parts.append(f"{of_part([output(field, n) for n in numbers], part)} as {quote(field.name)}")
    for name in hashes:
        own = [quote(f"{name}:{columns.hash_part(number)}") for number in numbers]
        parts.append(f"{of_part(own, part)} as {quote(name)}")
    return [*parts, f"{'0' if suffixes else part} as {PART}"]


def wanted_rows(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """The rows of a batch that one version scores: all rows, if the batch does not say."""
    if NEED not in batch.schema.names:
        return batch
    bits = pc.bit_wise_and(batch.column(NEED), arrays.scalar(1 << number))
    return batch.filter(pc.not_equal(bits, arrays.scalar(0)))
