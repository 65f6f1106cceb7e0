"""The feature table as Spark reads it: columns found, types and keys checked before the first row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from scorehouse.engines.columns import check_output_names, find_columns
from scorehouse.errors import ConfigurationError, RowKeyError
from scorehouse.options import ScoreOptions
from scorehouse.registry import Version
from scorehouse.signature import Signature, check_types, match_columns

FEATURE_HASH = "feature_hash"
KEPT = "kept:"  # prefix of columns that pass by the kernel, so that a key may also be a feature
# xxhash64 is a published function with a fixed seed in Spark; the hash of this row names its kind
HASH_CANARY = "xxhash64(1.5D, 42, 'scorehouse', true)"


def quote(name: str) -> str:
    """A column name as a Spark SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as a Spark SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def names(columns: Sequence[str]) -> str:
    return ", ".join(quote(column) for column in columns)


def matching(left: Any, right: Any, columns: Sequence[str], how: str) -> Any:
    """Rows of `left` with (`left_semi`) or without (`left_anti`) a row of `right`; NULL matches NULL."""
    right = right.selectExpr(*(f"{quote(name)} as {quote(f'right:{name}')}" for name in columns))
    condition = None
    for name in columns:
        same = left[quote(name)].eqNullSafe(right[quote(f"right:{name}")])
        condition = same if condition is None else condition & same
    return left.join(right, condition, how)


def registry_versions(session: Any, model: Any, call: str) -> list[Version]:
    """The versions in a registry seed, given as its DataFrame or by the name of its table."""
    frame = session.table(model) if isinstance(model, str) else model
    if not hasattr(frame, "mapInArrow"):
        raise ConfigurationError(
            call,
            f"model is a {type(model).__name__}",
            expected="the ref of a registry seed",
            action='pass model=dbt.ref("ml_<name>")',
        )
    # dbt-spark's session loads a NULL in a seed as the text `None`; no column of a registry means that
    return [
        Version.from_row({name: None if value == "None" else value for name, value in row.asDict().items()})
        for row in frame.collect()
    ]


class SparkSource:
    """The features as a DataFrame: `table` holds all of them, `rows` those that are scored."""

    def __init__(self, session: Any, features: Any, options: ScoreOptions, call: str) -> None:
        self.session = session
        self.options = options
        self.call = call
        if isinstance(features, str):
            features = session.sql(features)
        elif not hasattr(features, "mapInArrow"):
            features = session.createDataFrame(features)
        self.table = self.rows = features

    def check(self, signature: Signature, outputs: list[str]) -> int:
        """Check columns, types and keys; returns the number of rows of the feature table."""
        options, columns = self.options, self.table.columns
        self.features = match_columns(signature, columns, self.call)
        self.key = find_columns("key", options.key, columns, self.call)
        others = [name for name in options.passthrough if name not in options.key]
        self.passthrough = find_columns("passthrough", others, columns, self.call)
        self.group = find_columns("group", [options.group] if options.group else [], columns, self.call)
        check_output_names(
            columns,
            kept=[*self.key, *self.passthrough],
            features=list(self.features.values()),
            outputs=outputs,
            call=self.call,
        )
        check_types(signature, self._arrow_schema(), self.call)
        return self._count_and_check_keys()

    @property
    def kept(self) -> dict[str, str]:
        """Columns that pass by the kernel: name in the output to name in the feature table."""
        return {**self.key, **self.passthrough, **self.group}

    def _arrow_schema(self) -> pa.Schema:
        features = (f"{quote(column)} as {quote(name)}" for name, column in self.features.items())
        return self.table.selectExpr(*features).limit(0).toArrow().schema

    def hash_kind(self) -> str:
        """Names the hash function of the features."""
        return f"spark:xxhash64:{self.session.sql(f'select {HASH_CANARY}').collect()[0][0]}"

    def feature_hash(self) -> str:
        """SQL of the hash of all that goes into a row besides its key.

        xxhash64 passes over a NULL, so that (NULL, 1) and (1, NULL) would be one without the flags.
        """
        columns = [*self.features.values(), *self.passthrough.values(), *self.group.values()]
        return f"xxhash64({', '.join(f'{quote(name)}, isnull({quote(name)})' for name in columns)})"

    def select(self) -> Any:
        """What is read: kept columns, the hash of the features, and the features by their own names."""
        parts = [f"{quote(column)} as {quote(KEPT + name)}" for name, column in self.kept.items()]
        parts.append(f"{self.feature_hash()} as {quote(KEPT + FEATURE_HASH)}")
        parts += [f"{quote(column)} as {quote(name)}" for name, column in self.features.items()]
        return self.rows.selectExpr(*parts)

    def _count_and_check_keys(self) -> int:
        keys = list(self.key.values())
        missing = " or ".join(f"{quote(key)} is null" for key in keys)
        rows, nulls, different = self.table.selectExpr(
            "count(*)", f"count_if({missing})", f"count(distinct {names(keys)})"
        ).collect()[0]
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
                f"such as {self._duplicates(keys)}",
                expected="one feature row a key",
                action="deduplicate in the feature model, or name the columns that make a row unique",
            )
        return int(rows)

    def _duplicates(self, keys: list[str]) -> str:
        counted = self.table.groupBy(*(quote(key) for key in keys)).count()
        found = counted.where("count > 1").orderBy(*(quote(key) for key in keys)).limit(3).collect()
        return ", ".join(f"{row[:-1] if len(keys) > 1 else row[0]!r} ({row[-1]} times)" for row in found)
