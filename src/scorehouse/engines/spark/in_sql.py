"""Scoring by Spark itself: the stored SQL of the versions, selected step by step, without Python workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, PART, of_part
from scorehouse.engines.spark.source import SparkSource, quote
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.dialects import LIMITS, SPARK
from scorehouse.forms.sql.in_duckdb import ROW
from scorehouse.forms.sql.sizes import check_size
from scorehouse.forms.sql.together import together
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import in_unit

TYPES = {pa.bool_(): "boolean", pa.int64(): "bigint", pa.float64(): "double", pa.string(): "string"}


class SqlScan:
    """The scored rows of one run, with the columns that a run by Python workers has too.

    `schema` is the schema of the kernels, the same for all versions. `suffixes` are those of the versions'
    columns if they share a row; without them, each version has a row of its own.
    """

    def __init__(
        self,
        source: SparkSource,
        compiled: Sequence[CompiledSql],
        schema: pa.Schema,
        suffixes: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.compiled = compiled
        self.suffixes = suffixes
        self.schema = schema

    def rows(self) -> Any:
        """Kept columns, the versions' columns, the hash of the features, and the version's number."""
        selected, columns = self.source.select(), self.source.columns
        hashes = [self.source.hash_name(part) for part in columns.hash_parts]
        need = [NEED] if NEED in selected.columns else []
        held = {name: column for found in columns.features for name, column in found.items()}
        carried = [*(KEPT + name for name in columns.kept), *hashes, *need]
        scored = chained(selected, self.compiled, carried, held)
        if self.suffixes:
            return scored.selectExpr(*self._kept(), *self._side_by_side())
        if len(self.compiled) == 1:
            return scored.selectExpr(*self._kept(), *self._one_a_row("0"))
        return self._exploded(scored, bool(need)).selectExpr(*self._kept(), *self._one_a_row(PART))

    def _kept(self) -> list[str]:
        return [f"{quote(KEPT + name)} as {quote(name)}" for name in self.source.columns.kept]

    def _exploded(self, scored: Any, has_need: bool) -> Any:
        """One row per version that scores the row: features are read and scored once."""
        numbers = ", ".join(map(str, range(len(self.compiled))))
        rows = scored.selectExpr("*", f"explode(array({numbers})) as {PART}")
        return rows.where(f"shiftright({NEED}, {PART}) & 1 = 1") if has_need else rows

    def _typed(self, field: pa.Field, part: int) -> str:
        return f"cast({quote(f'{field.name}:{part}')} as {TYPES[field.type]})"

    def _one_a_row(self, part: str) -> list[str]:
        numbers = range(len(self.compiled))
        outputs = [
            f"{of_part([self._typed(field, n) for n in numbers], part)} as {quote(field.name)}"
            for field in self.schema
        ]
        held = of_part([quote(self.source.hash_name(n)) for n in numbers], part)
        return [*outputs, f"{held} as {FEATURE_HASH}", f"{part} as {PART}"]

    def _side_by_side(self) -> list[str]:
        outputs = [
            f"{self._typed(field, part)} as {quote(field.name + suffix)}"
            for part, suffix in enumerate(self.suffixes)
            for field in self.schema
        ]
        return [*outputs, f"{quote(self.source.hash_name(0))} as {FEATURE_HASH}", f"0 as {PART}"]


def chained(frame: Any, compiled: Sequence[CompiledSql], keep: Sequence[str], held: Mapping[str, str]) -> Any:
    """A frame scored by every version: the output `score` of the second is named `score:1`.

    `keep` are columns of the frame that stay, `held` its columns with the features.
    """
    spelled = together([replace(one, dialect=SPARK) for one in compiled])
    for columns in spelled.selects(keep, held):
        frame = frame.selectExpr(*columns)
    return frame


def session_rows(session: Any, compiled: CompiledSql, rows: pa.Table) -> pa.Table:
    """What Spark makes of the rows, in their order, computed where a run computes.

    Raises CompileError for SQL that is too large for Spark.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    check_size(replace(compiled, dialect=SPARK), LIMITS["databricks"], compiled.version.label)
    columns = [_plain(column.combine_chunks()) for column in rows.columns]
    plain = pa.table(columns, rows.column_names)
    plain = plain.append_column(ROW, arrays.of_numpy(np.arange(rows.num_rows)))
    # a timestamp without a zone stays one, whatever the session's type of timestamps is
    schema = from_arrow_schema(plain.schema, prefer_timestamp_ntz=True)
    # moved, so that an executor computes, and not the planner
    frame = session.createDataFrame(plain, schema).repartition(1)
    held = {name: name for name in compiled.features}
    found = chained(frame, [compiled], [ROW], held).toArrow().sort_by(ROW)
    names = {f"{name}:0": name for name in compiled.columns}
    return found.rename_columns([names.get(name, name) for name in found.column_names])


def _plain(column: pa.Array) -> pa.Array:
    """The column in a type that Spark has."""
    if pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return in_unit(column, "us").cast(pa.timestamp("us", column.type.tz))
    return column
