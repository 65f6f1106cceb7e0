"""The feature table as DuckDB reads it: one committed snapshot, checked before the first row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.engines.columns import check_output_names, find_columns
from scorehouse.errors import ConfigurationError, RowKeyError
from scorehouse.registry import Version
from scorehouse.request import ScoreOptions
from scorehouse.signature import Signature, check_types, match_columns

FEATURES = "scorehouse_features"
FEATURE_HASH = "feature_hash"
ROW_HASH = "scorehouse_row_hash"
KEPT = "kept:"  # prefix of columns that pass by the kernel, so that a key may also be a feature
# hash() is DuckDB's own and may change between releases: the hash of this fixed row names its kind
HASH_CANARY = "hash(1.5e0, 42, 'scorehouse', null::double)"


def quote(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def registry_versions(model: Any, call: str) -> list[Version]:
    """The versions in the relation of a seed `ml_<name>`."""
    if not isinstance(model, duckdb.DuckDBPyRelation):
        raise ConfigurationError(
            call,
            f"model is a {type(model).__name__}",
            expected="the ref of a registry seed",
            action='pass model=dbt.ref("ml_<name>")',
        )
    return [Version.from_row(dict(zip(model.columns, row, strict=True))) for row in model.fetchall()]


@dataclass(frozen=True)
class Columns:
    """Feature table columns by role: name in the output (or of the feature) to name in the table."""

    key: dict[str, str]
    passthrough: dict[str, str]
    features: dict[str, str]
    group: dict[str, str]

    @property
    def kept(self) -> list[str]:
        """Columns that pass by the kernel, by their names in the output."""
        return list(dict.fromkeys([*self.key, *self.passthrough, *self.group]))


class FeatureSource:
    """Reads features on a cursor of its own, in one transaction: all statements see one snapshot.

    `only_new_in` names a prediction table whose keys are left out of what is read.
    """

    def __init__(
        self,
        session: duckdb.DuckDBPyConnection,
        features: Any,
        options: ScoreOptions,
        call: str,
        *,
        only_new_in: str | None = None,
    ) -> None:
        self.options = options
        self.call = call
        self.only_new_in = only_new_in
        self.cursor = session.cursor()
        self.table = self._table(features)

    def _table(self, features: Any) -> str:
        if isinstance(features, str):
            return f"({features})"
        if isinstance(features, duckdb.DuckDBPyRelation):
            return f"({features.sql_query()})"
        if isinstance(features, pa.RecordBatchReader):
            raise ConfigurationError(
                self.call,
                "features is a RecordBatchReader, which can be read only once",
                expected="a dbt ref or source, a pyarrow Table, or a pandas or polars frame",
                action="pass the ref itself; scorehouse streams it",
            )
        self.cursor.register(FEATURES, features)
        return FEATURES

    def check(self, signature: Signature, outputs: list[str]) -> int:
        """Check columns, types and keys; returns the number of rows that will be read.

        `outputs` are the kernel's columns, whose names the feature table may not use.
        """
        self.cursor.begin()
        try:
            names = self._schema(f"select * from {self.table}").names
        except duckdb.CatalogException as error:
            raise ConfigurationError(
                self.call,
                f"the features cannot be read by a second connection ({error})",
                expected="committed features: a dbt ref, not a temporary table or registered frame",
                action="make the preparation a dbt model of its own, or pass it as a pyarrow Table",
            ) from error
        self.columns = self._columns(signature, names, outputs)
        self.schema = self._schema(self.select())
        check_types(signature, self.schema, self.call)
        return self._count_and_check_keys()

    def _columns(self, signature: Signature, names: list[str], outputs: list[str]) -> Columns:
        options = self.options
        columns = Columns(
            key=find_columns("key", options.key, names, self.call),
            passthrough=find_columns(
                "passthrough", [n for n in options.passthrough if n not in options.key], names, self.call
            ),
            features=match_columns(signature, names, self.call),
            group=find_columns("group", [options.group] if options.group else [], names, self.call),
        )
        check_output_names(
            names,
            kept=[*columns.key, *columns.passthrough],
            features=list(columns.features.values()),
            outputs=outputs,
            call=self.call,
        )
        return columns

    def _schema(self, sql: str) -> pa.Schema:
        reader = self.cursor.sql(f"select * from ({sql}) limit 0").to_arrow_reader(1)
        reader.read_all()  # an unfinished result would block the cursor
        return reader.schema

    def hash_kind(self) -> str:
        """Names the hash function that this DuckDB has."""
        return str(self.cursor.execute(f"select 'duckdb:' || {HASH_CANARY}").fetchall()[0][0])

    def rows(self) -> str:
        """The feature rows to read: all, or those whose key is not in the prediction table yet."""
        if self.only_new_in is None:
            return self.table
        same = " and ".join(
            f"old_rows.{quote(name)} = new_rows.{quote(column)}" for name, column in self.columns.key.items()
        )
        return (
            f"(select * from {self.table} as new_rows where not exists "
            f"(select 1 from {self.only_new_in} as old_rows where {same}))"
        )

    def select(self) -> str:
        """The statement that reads: kept columns, features, and the hashes of features and row."""
        columns = self.columns
        kept = {**columns.key, **columns.passthrough, **columns.group}
        features = ", ".join(quote(column) for column in columns.features.values())
        keys = ", ".join(quote(column) for column in columns.key.values())
        parts = [f"{quote(column)} as {quote(KEPT + name)}" for name, column in kept.items()]
        parts += [f"{quote(column)} as {quote(name)}" for name, column in columns.features.items()]
        parts += [f"hash({features}) as {FEATURE_HASH}", f"hash({keys}, {features}) as {ROW_HASH}"]
        return f"select {', '.join(parts)} from {self.rows()}"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Record batches of what `select` reads."""
        yield from self.cursor.sql(self.select()).to_arrow_reader(self.options.batch_rows)

    def _count_and_check_keys(self) -> int:
        keys = list(self.columns.key.values())
        quoted = ", ".join(quote(key) for key in keys)
        distinct = quoted if len(keys) == 1 else f"({quoted})"
        missing = " or ".join(f"{quote(key)} is null" for key in keys)
        rows, nulls, different = self.cursor.execute(
            f"select count(*), count(*) filter ({missing}), count(distinct {distinct}) from {self.rows()}"
        ).fetchall()[0]
        if nulls:
            raise RowKeyError(
                self.call,
                f"{nulls} of {rows} feature rows have a NULL in the key {keys}",
                expected="a key without NULL",
                action="leave these rows out in the feature model, or give them a key",
            )
        if different != rows:
            raise RowKeyError(
                self.call,
                f"the key {keys} is not unique: {rows} feature rows, {different} distinct keys, "
                f"such as {self._duplicates(quoted)}",
                expected="one feature row a key",
                action="deduplicate in the feature model, or name the columns that make a row unique",
            )
        return int(rows)

    def _duplicates(self, quoted: str) -> str:
        examples = self.cursor.execute(
            f"select {quoted}, count(*) from {self.rows()} group by {quoted} "
            "having count(*) > 1 order by all limit 3"
        ).fetchall()
        return ", ".join(f"{row[:-1] if len(row) > 2 else row[0]!r} ({row[-1]} times)" for row in examples)

    def close(self) -> None:
        """Give up the snapshot."""
        self.cursor.close()
