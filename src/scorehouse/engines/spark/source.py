"""The feature table as Spark reads it: columns found, types and keys checked before the first row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from scorehouse.dialect import SPARK
from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, Columns
from scorehouse.engines.history import as_of_sql
from scorehouse.engines.source import KeyCheck, Source, check_counts, not_a_registry
from scorehouse.registry import registry_file
from scorehouse.registry.signature import Signature, check_types
from scorehouse.registry.version import Version
from scorehouse.scoring.options import AS_OF, ScoreOptions
from scorehouse.scoring.request import Request

# xxhash64 is a published function with a fixed seed in Spark; the hash of this row identifies its kind
HASH_CANARY = "xxhash64(1.5D, 42, 'scorehouse', true)"

quote, literal = SPARK.quote, SPARK.literal


def names(columns: Sequence[str]) -> str:
    return ", ".join(quote(column) for column in columns)


def type_text(kind: Any) -> str:
    """A type as SQL writes it; Spark's own text does not quote the names in a struct."""
    match kind.typeName():
        case "array":
            return f"array<{type_text(kind.elementType)}>"
        case "map":
            return f"map<{type_text(kind.keyType)}, {type_text(kind.valueType)}>"
        case "struct":
            return f"struct<{', '.join(f'{quote(f.name)}: {type_text(f.dataType)}' for f in kind)}>"
    return str(kind.simpleString())


def matching(left: Any, right: Any, columns: Sequence[str], how: str, also: Sequence[str] = ()) -> Any:
    """Rows of `left` with (`left_semi`) or without (`left_anti`) a row of `right`; NULL matches NULL.

    With `inner`, they also have the columns `also` of `right`.
    """
    right = right.selectExpr(*(f"{quote(name)} as {quote(f'right:{name}')}" for name in columns), *also)
    condition = None
    for name in columns:
        same = left[quote(name)].eqNullSafe(right[quote(f"right:{name}")])
        condition = same if condition is None else condition & same
    return left.join(right, condition, how)


def registry_versions(session: Any, model: Any, request: Request, call: str) -> list[Version]:
    """The versions of the registry `model`, a seed's DataFrame or table name; it must equal its CSV."""
    frame = session.table(model) if isinstance(model, str) else model
    if not hasattr(frame, "mapInArrow"):
        raise not_a_registry(model, call)
    found = list(request.registries)
    if len(found) > 1:
        found = [each for each in found if frame.sameSemantics(session.table(each.relation))]
    registry = registry_file.only(found, "a DataFrame", call)
    # dbt-spark's session loads a NULL in a seed as the string `None`, which no registry column contains
    rows = (
        {name: None if value == "None" else value for name, value in row.asDict().items()}
        for row in frame.collect()
    )
    return registry.compared(rows, call, may_be_empty=request.is_empty)


class SparkSource(Source):
    """The features as a DataFrame: `table` holds all rows, `rows` the rows that are scored.

    If versions have rows of their own, `rows` may have a column NEED, with one bit per version.
    """

    def __init__(
        self, session: Any, features: Any, options: ScoreOptions, request: Request, call: str
    ) -> None:
        self.session = session
        super().__init__(options, request, call)
        if isinstance(features, str):
            features = session.sql(features)
        elif not hasattr(features, "mapInArrow"):
            features = session.createDataFrame(features)
        self.table = self.rows = features.limit(0) if request.is_empty else features
        self.query = ""  # nothing replays a run of Spark yet
        self.types: Mapping[str, str] = {}  # every column keeps its type

    def check(
        self, signatures: Sequence[Signature], outputs: Sequence[str], *, keys: KeyCheck = KeyCheck.UNIQUE
    ) -> int:
        names = self.table.columns
        date, window = as_of_sql(names, self.options, self.request, self.call, SPARK)
        if date:
            self.table = self.table.selectExpr("*", f"{date} as {AS_OF}")
        if window:
            self.table = self.table.where(window)
        self.rows = self.table
        self.table_types = {field.name: field.dataType.simpleString() for field in self.table.schema}
        self.columns = Columns.found(signatures, self.table.columns, self.options, outputs, self.call)
        for signature, features in zip(signatures, self.columns.features, strict=True):
            check_types(signature, self._arrow_schema(features), self.call)
        return self._count_and_check_keys()

    def _arrow_schema(self, columns: dict[str, str]) -> pa.Schema:
        features = (f"{quote(column)} as {quote(name)}" for name, column in columns.items())
        return self.table.selectExpr(*features).limit(0).toArrow().schema

    def hash_function(self) -> str:
        """Identifies the hash function of the features."""
        return f"spark:xxhash64:{self.session.sql(f'select {HASH_CANARY}').collect()[0][0]}"

    def feature_hash(self, part: int) -> str:
        """SQL of the hash of everything that goes into a row of one version except its key.

        xxhash64 ignores a NULL, so (NULL, 1) and (1, NULL) would have the same hash without the flags.
        """
        columns = (f"{quote(name)}, isnull({quote(name)})" for name in self.columns.hashed(part))
        return f"xxhash64({', '.join(columns)})"

    def hash_name(self, part: int) -> str:
        """The column of `select` with the hash of one version."""
        return f"{FEATURE_HASH}:{self.columns.hash_part(part)}"

    def select(self) -> Any:
        """The select that reads kept columns, hashes, and features with their names in the feature table."""
        columns = self.columns
        parts = [f"{quote(column)} as {quote(KEPT + name)}" for name, column in columns.kept.items()]
        parts += [f"{self.feature_hash(n)} as {quote(self.hash_name(n))}" for n in columns.hash_parts]
        parts += [NEED] if NEED in self.rows.columns else []
        return self.rows.selectExpr(*parts, *map(quote, columns.used))

    def _count_and_check_keys(self) -> int:
        keys = list(self.columns.key.values())
        missing = " or ".join(f"{quote(key)} is null" for key in keys)
        counts = self.table.selectExpr(
            "count(*)", f"count_if({missing})", f"count(distinct {names(keys)})"
        ).collect()[0]
        return check_counts(self.call, keys, tuple(counts), lambda: self._twice(keys))

    def _twice(self, keys: list[str]) -> list[Any]:
        counted = self.table.groupBy(*(quote(key) for key in keys)).count()
        found = counted.where("count > 1").orderBy(*(quote(key) for key in keys)).limit(3)
        return [tuple(row) for row in found.collect()]
