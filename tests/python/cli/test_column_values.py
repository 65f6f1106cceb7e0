"""Columns of other databases become columns of DuckDB."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from scorehouse.cli.column_values import inferred, type_of, typed

KINDS = {
    "boolean": ["boolean", "BOOL", "bit"],
    "date": ["date", "Nullable(Date32)"],
    "timestamp": ["timestamp without time zone", "TIMESTAMP_NTZ", "DATETIME"],
    "bigint": ["INT64", "integer", "smallint", "NUMBER(38,0)", "Nullable(UInt64)", "long", "int8"],
    "double": ["FLOAT64", "double precision", "numeric(10,2)", "numeric", "BIGNUMERIC", "Nullable(Float64)"],
    "varchar": ["text", "character varying(9)", "interval", "STRUCT<a INT64, b NUMERIC(10, 0)>", "jsonb"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names])
def test_each_database_has_its_own_words(kind: str, name: str) -> None:
    assert type_of(name) == kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal(7), None, Decimal(-2)], pa.array([7, None, -2])),
        ([Decimal(7), Decimal("7.5")], pa.array([7.0, 7.5])),
        ([Decimal(10) ** 20], pa.array([1e20])),
        ([Decimal("NaN"), Decimal(1)], pa.array([float("nan"), 1.0])),
        ([{"a": 1}, None], pa.array(['{"a": 1}', None])),
        (["7", None], pa.array(["7", None])),
    ],
)
def test_values_without_a_known_type_have_the_type_that_they_have(
    values: list[Any], expected: pa.Array
) -> None:
    found = inferred(values)
    assert found.type == expected.type and str(found) == str(expected)


def test_a_value_of_a_known_type_is_made_that() -> None:
    columns = {"n": [Decimal(3), None], "x": [Decimal(3), 1], "t": ["2024-01-02 03:04:05+02:00", None]}
    table = typed(columns, {"n": "bigint", "x": "double", "t": "timestamp"})
    assert table.schema.types == [pa.int64(), pa.float64(), pa.timestamp("us")]
    assert str(table["t"][0]) == "2024-01-02 01:04:05"
