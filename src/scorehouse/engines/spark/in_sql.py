"""Scoring by Spark itself: the stored SQL of the versions, selected step by step, without Python workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.dialect import SPARK as SPELLING
from scorehouse.engines.columns import KEPT, NEED, PART, scored_columns
from scorehouse.engines.spark.source import SparkSource
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import in_unit
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import LIMITS, SPARK
from scorehouse.program.sql.in_duckdb import ROW
from scorehouse.program.sql.sizes import check_size
from scorehouse.program.sql.together import together


def scored_rows(
    source: SparkSource, compiled: Sequence[CompiledSql], schema: pa.Schema, suffixes: Sequence[str]
) -> Any:
    """The scored rows of one run, with the columns that a run by Python workers has too.

    `schema` is the schema of the kernels, the same for all versions. `suffixes` are those of the versions'
    columns if they share a row; without them, each version has a row of its own.
    """
    selected, columns = source.select(), source.columns
    need = [NEED] if NEED in selected.columns else []
    carried = [*(KEPT + name for name in columns.kept), *map(source.hash_name, columns.hash_parts), *need]
    features = {name: column for read in columns.features for name, column in read.items()}
    scored, part = chained(selected, compiled, carried, features), "0"
    if len(compiled) > 1 and not suffixes:  # one row per version: features are read and scored once
        part = PART
        numbers = ", ".join(map(str, range(len(compiled))))
        scored = scored.selectExpr("*", f"explode(array({numbers})) as {PART}")
        if need:
            scored = scored.where(f"shiftright({NEED}, {PART}) & 1 = 1")
    return scored.selectExpr(*scored_columns(columns, schema, suffixes, part, SPELLING))


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
