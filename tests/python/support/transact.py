"""T-SQL, run by DuckDB in the words that sqlglot finds for it: no engine of T-SQL is on a package index.

What sqlglot reads otherwise than Microsoft's manual says it is corrected here. DuckDB has infinity and NaN,
which T-SQL lacks, and compares texts by all of their bytes; so rows have neither, and how texts are compared
is looked at in the text (`program/test_transact_sql.py`). `strict` looks for what only T-SQL refuses.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp

from parity_rows import ROW, parity_of, parity_rows
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import Parity
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB
from scorehouse.program.sql.transact import SMALLEST


def in_duckdb(sql: str) -> str:
    """The statement in DuckDB's words."""
    parsed = sqlglot.parse_one(sql, read="tsql")
    for node in reversed(list(parsed.walk())):  # what is inside first
        meant = _meant(node)
        if meant is not node:
            node.replace(meant)
    return parsed.sql("duckdb")


TYPES = {exp.DataType.Type.FLOAT: "double", exp.DataType.Type.BIT: "boolean"}  # float is float(53)
TYPES |= dict.fromkeys(exp.DataType.TEXT_TYPES, "text")  # of any length


def _meant(node: Any) -> Any:
    if isinstance(node, exp.Collate):
        return node.this
    if isinstance(node, exp.National):
        return exp.Literal.string(node.this)
    if isinstance(node, exp.Convert):  # style 3 of a number is all of its digits, and no day
        return exp.cast(node.expression, "text")
    if isinstance(node, exp.DataType) and node.this in TYPES:
        return exp.DataType.build(TYPES[node.this])
    if isinstance(node, exp.DateDiff):  # of times with a zone by their instants
        assert node.text("unit") == "MICROSECOND" and node.expression.find(exp.Literal).this == "1970-01-01"
        kind = (
            "instant" if node.expression.find(exp.DataType).this == exp.DataType.Type.TIMESTAMPTZ else "time"
        )
        return sqlglot.parse_one(
            DUCKDB.times[kind].replace("{x}", node.this.this.sql("duckdb")), read="duckdb"
        )
    if isinstance(node, exp.Add) and any(map(_is_text, (node.left, node.right))):
        return exp.DPipe(this=node.this, expression=node.expression)
    return node


def _is_text(side: Any) -> bool:
    bare = side.unnest()
    return isinstance(bare, exp.Literal | exp.National | exp.Chr) and not bare.is_number


def storable(rows: pa.Table) -> pa.Table:
    """The rows that T-SQL can hold: NaN as NULL, and no number that is infinite or too near to 0."""
    keep = pa.array([True] * rows.num_rows)
    for place, column in enumerate(rows.columns):
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            rows = rows.set_column(place, rows.field(place), column)
            size = pc.abs(pc.fill_null(column, 0.0))
            held = pc.or_(pc.greater_equal(size, SMALLEST), pc.equal(size, 0.0))
            keep = pc.and_(keep, pc.and_(held, pc.is_finite(size)))
    return rows.filter(keep).combine_chunks()


def transact_parity(kernel: Kernel, compiled: CompiledSql, frame: pd.DataFrame) -> Parity:
    """Score the training frame and the hard rows with the kernel and as T-SQL, and compare."""
    rows = storable(parity_rows(compiled, frame))
    with duckdb.connect() as database:
        database.execute("set max_expression_depth to 100000")
        database.register("parity_rows", rows)
        select = in_duckdb(compiled.render("parity_rows", [ROW]))
        found = database.execute(f'select * from ({select}) as scored order by "{ROW}"').fetchall()
    return parity_of(kernel, compiled, rows, found)


def strict(sql: str) -> list[str]:
    """What T-SQL refuses in a text that sqlglot takes: by its manual, since no server is here."""
    parsed = sqlglot.parse_one(sql, read="tsql")
    strange = parsed.find_all(exp.With, exp.Boolean, exp.DPipe, exp.Anonymous)
    found = [f"{node.key}: {node.sql('tsql')[:80]}" for node in strange]
    deepest = max((levels(node, exp.Case) for node in parsed.find_all(exp.Case)), default=0)
    found += [f"{deepest} cases in each other"] * (deepest > 10)
    depth = max((levels(node, exp.Subquery) for node in parsed.find_all(exp.Subquery)), default=0)
    found += [f"{depth} selects in each other"] * (depth > 32)
    conditions = (exp.Predicate, exp.Connector, exp.Not)
    for select in parsed.find_all(exp.Select):
        values = [item.unalias().unnest() for item in select.expressions]
        for case in select.find_all(exp.Case):
            values += [one.args["true"] for one in case.args["ifs"]] + [case.args.get("default")]
        found += [f"a condition as a value: {one}" for one in values if isinstance(one, conditions)]
    return found + [f"no alias: {one}" for one in parsed.find_all(exp.Subquery) if not one.alias]


def levels(node: exp.Expression, kind: type) -> int:
    found = 0
    parent: exp.Expression | None = node
    while parent is not None:
        found += isinstance(parent, kind)
        parent = parent.parent
    return found
