"""The feature table as Spark reads it: columns found, types and keys checked before the first row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from scorehouse.dialect import SPARK
from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, Columns
from scorehouse.engines.source import Source, check_counts
from scorehouse.registry.signature import Signature, check_types
from scorehouse.scoring.options import AS_OF, ScoreOptions
from scorehouse.scoring.request import Request

# xxhash64 is a published function with a fixed seed in Spark; the hash of this row identifies its kind
HASH_CANARY = "xxhash64(1.5D, 42, 'scorehouse', true)"

# so many rows are counted by one task sooner than Spark plans what several tasks count
ONE_TASK = 100_000

quote, literal, column_list = SPARK.quote, SPARK.literal, SPARK.column_list


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

    def check(self, signatures: Sequence[Signature], outputs: Sequence[str]) -> None:
        from pyspark.sql.pandas.types import to_arrow_schema

        date, window = self.as_of_sql(self.table.columns, SPARK)
        if date:
            self.table = self.table.selectExpr("*", f"{date} as {AS_OF}")
        if window:
            self.table = self.table.where(window)
        self.rows = self.table
        self.table_types = {field.name: field.dataType.simpleString() for field in self.table.schema}
        self.columns = Columns.found(signatures, self.table.columns, self.options, outputs, self.call)
        for signature, features in zip(signatures, self.columns.features, strict=True):
            read = (f"{quote(column)} as {quote(name)}" for name, column in features.items())
            check_types(signature, to_arrow_schema(self.table.selectExpr(*read).schema), self.call)

    def hash_function(self) -> str:
        """Identifies the hash function of the features."""
        return self._hash_function

    @cached_property
    def _hash_function(self) -> str:
        return f"spark:xxhash64:{self.session.sql(f'select {HASH_CANARY} from values (0)').collect()[0][0]}"

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

    def check_keys(self, rows: int, nulls: int, different: int) -> int:
        """Refuse a key that is NULL or not unique, as was counted; returns the number of rows."""
        keys, counts = list(self.columns.key.values()), (rows, nulls, different)
        return check_counts(self.call, keys, counts, lambda: repeated(self.table, keys))


def key_counts(keys: Sequence[str]) -> list[str]:
    """SQL of the number of rows with a NULL in the key, and of that of different keys."""
    missing = " or ".join(f"{quote(key)} is null" for key in keys)
    return [f"count_if({missing})", f"count(distinct {column_list(keys)})"]


def repeated(rows: Any, keys: Sequence[str]) -> list[Any]:
    """A few keys that occur more than once, each followed by its count."""
    counted = rows.groupBy(*(quote(key) for key in keys)).count()
    found = counted.where("count > 1").orderBy(*(quote(key) for key in keys)).limit(3)
    return [tuple(row) for row in found.collect()]
