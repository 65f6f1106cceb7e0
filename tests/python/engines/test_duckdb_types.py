"""Every type that DuckDB has: it becomes what the estimator was trained on, or is refused by name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from scorehouse.errors import SignatureError
from scorehouse.kernel import decimals
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch
from scorehouse.registry.signature import Feature, Signature, check_types

NUMBER = ("double", "integer")
DTYPES = {
    "double": "float64",
    "integer": "int64",
    "boolean": "bool",
    "string": "str",
    "timestamp": "datetime64[us]",
    "zoned": "datetime64[us, Europe/Paris]",
}
DAY = pd.Timestamp("2024-02-29")
NOON = pd.Timestamp("2024-02-29 12:00:00.123456")

# DuckDB type: an SQL value, the kinds of feature that take it, and what the estimator then gets.
TYPES: dict[str, tuple[str, tuple[str, ...], Any]] = {
    "TINYINT": ("-128", NUMBER, -128),
    "SMALLINT": ("-32768", NUMBER, -32768),
    "INTEGER": ("-2147483648", NUMBER, -(2**31)),
    "BIGINT": ("9223372036854775807", NUMBER, 2**63 - 1),
    "HUGEINT": ("9007199254740993", NUMBER, 2**53 + 1),
    "UTINYINT": ("255", NUMBER, 255),
    "USMALLINT": ("65535", NUMBER, 65535),
    "UINTEGER": ("4294967295", NUMBER, 2**32 - 1),
    "UBIGINT": ("9223372036854775807", NUMBER, 2**63 - 1),
    "UHUGEINT": ("9007199254740993", NUMBER, 2**53 + 1),
    "DECIMAL(3,0)": ("-7", NUMBER, -7),
    "DECIMAL(4,1)": ("12.0", NUMBER, 12),
    "DECIMAL(9,2)": ("3.00", NUMBER, 3),
    "DECIMAL(18,3)": ("123456789012345.000", NUMBER, 123456789012345),
    "DECIMAL(38,10)": ("12345678901234567.0000000000", NUMBER, 12345678901234567),
    "FLOAT": ("2.0", NUMBER, 2),
    "DOUBLE": ("-4503599627370497e0", NUMBER, -(2**52) - 1),
    "BOOLEAN": ("true", ("boolean",), True),
    "DATE": ("'2024-02-29'", ("timestamp",), DAY),
    "TIMESTAMP": ("'2024-02-29 12:00:00.123456'", ("timestamp",), NOON),
    "TIMESTAMP_S": ("'2024-02-29'", ("timestamp",), DAY),
    "TIMESTAMP_MS": ("'2024-02-29'", ("timestamp",), DAY),
    "TIMESTAMP_NS": ("'2024-02-29 12:00:00.123456'", ("timestamp",), NOON),
    "TIMESTAMP WITH TIME ZONE": (
        "'2024-02-29 12:00:00+00'",
        ("zoned",),
        pd.Timestamp("2024-02-29 13:00", tz="Europe/Paris"),
    ),
    "TIMESTAMPTZ_NS": (
        "'2024-02-29 12:00:00+00'",
        ("zoned",),
        pd.Timestamp("2024-02-29 13:00", tz="Europe/Paris"),
    ),
    "VARCHAR": ("'é ✓'", ("string",), "é ✓"),
    "CHAR": ("''", ("string",), ""),
    "ENUM('red', 'blue')": ("'blue'", ("string",), "blue"),
    "UUID": (
        "'0F0E0D0C-0000-0000-0000-000000000001'",
        ("string",),
        "0f0e0d0c-0000-0000-0000-000000000001",
    ),
    "JSON": ("""'{"a": 1}'""", ("string",), '{"a": 1}'),
    "BIGNUM": ("12", (), "BIGNUM"),
    "TIME": ("'12:00'", (), "epoch"),
    "TIME_NS": ("'12:00'", (), "epoch"),
    "TIME WITH TIME ZONE": ("'12:00:00+01'", (), "epoch"),
    "INTERVAL": ("'1 day'", (), "epoch"),
    "BLOB": ("'x'", (), "BLOB"),
    "BIT": ("'101'", (), "BIT"),
    "GEOMETRY": ("null", (), "GEOMETRY"),
    "INTEGER[]": ("[1]", (), "LIST"),
    "INTEGER[2]": ("[1, 2]", (), "ARRAY"),
    "STRUCT(a INTEGER)": ("{'a': 1}", (), "STRUCT"),
    "MAP(INTEGER, INTEGER)": ("map([1], [2])", (), "MAP"),
    "UNION(a INTEGER, b VARCHAR)": ("1", (), "UNION"),
    "VARIANT": ("1", (), "VARIANT"),
}
# Names that duckdb_types() lists beside those above: not types of a column, or other words for one.
NOT_COLUMNS = {"LIST", "ARRAY", "STRUCT", "MAP", "UNION", "ENUM", "DECIMAL", "NULL", "TYPE", "TUPLE"}
# Types that DuckDB 1.5 does not have, or does not pass to Arrow.
OF_DUCKDB_2 = {"TIMESTAMPTZ_NS", "VARIANT", '"NULL"'}


def skip_where_missing(name: str) -> None:
    if name in OF_DUCKDB_2 and duckdb.__version__.startswith("1."):
        pytest.skip(f"DuckDB {duckdb.__version__} has no {name}")


def signature_of(kind: str) -> Signature:
    feature = Feature("x", kind.replace("zoned", "timestamp"), DTYPES[kind], accepts_null=True)
    return Signature((feature,), "frame")


def read(sql: str) -> pa.RecordBatch:
    reader = duckdb.connect().sql(f"select {sql} as x").to_arrow_reader(10)
    return reader.read_next_batch()


def given_to_estimator(kind: str, batch: pa.RecordBatch) -> tuple[Any, pa.Array | None]:
    signature = signature_of(kind)
    check_types(signature, batch.schema, "test")
    checked = check_batch(signature, batch, frozenset())
    return estimator_input(signature, checked.columns)["x"].tolist()[0], checked.reasons


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", TYPES)
def test_type_is_mapped_or_refused(name: str, kind: str) -> None:
    skip_where_missing(name)
    value, kinds, expected = TYPES[name]
    batch = read(f"cast({value} as {name})")
    if kind not in kinds:
        with pytest.raises(SignatureError, match=r"'x' is .* where") as caught:
            given_to_estimator(kind, batch)
        if not kinds:
            assert expected in str(caught.value)
        return
    found, reasons = given_to_estimator(kind, batch)
    assert reasons is None
    assert type(found) is type(float(expected) if kind == "double" else expected)
    assert found == (float(expected) if kind == "double" else expected)


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", [*(name for name in TYPES if TYPES[name][1]), '"NULL"'])
def test_null_of_each_type_is_missing(name: str, kind: str) -> None:
    if name in TYPES and kind not in TYPES[name][1]:
        return
    skip_where_missing(name)
    found, reasons = given_to_estimator(kind, read(f"cast(null as {name})"))
    assert reasons is None
    assert pd.isna(found)


def test_no_type_of_duckdb_is_forgotten() -> None:
    listed = duckdb.connect().sql("select distinct logical_type from duckdb_types()").fetchall()
    known = {name.partition("(")[0] for name in TYPES} | NOT_COLUMNS
    assert {row[0] for row in listed} - known == set()


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("integer", "9223372036854775808::ubigint"),
        ("integer", "-9223372036854775809::hugeint"),
        ("integer", "1.5::decimal(4, 1)"),
        ("integer", "9007199254740993.5::decimal(38, 1)"),
        ("integer", "1.5::double"),
        ("integer", "1e300::double"),
        ("timestamp", "'infinity'::timestamp"),
        ("timestamp", "'-infinity'::timestamp"),
        ("timestamp", "'infinity'::date"),
        ("timestamp", "'300000-01-01'::date"),
    ],
)
def test_value_that_the_type_cannot_hold_rejects_the_row(kind: str, sql: str) -> None:
    _, reasons = given_to_estimator(kind, read(sql))
    assert reasons is not None and reasons[0].as_py().startswith("out_of_type:x")


def test_nanoseconds_of_training_are_kept() -> None:
    signature = Signature((Feature("x", "timestamp", "datetime64[ns]"),), "frame")
    columns = check_batch(
        signature, read("'2024-02-29 00:00:00.000000007'::timestamp_ns"), frozenset()
    ).columns
    assert estimator_input(signature, columns)["x"].tolist() == [pd.Timestamp("2024-02-29") + pd.Timedelta(7)]
    too_far = check_batch(signature, read("'2300-01-01'::timestamp"), frozenset())
    assert too_far.reasons.to_pylist() == ["out_of_type:x"]


@pytest.mark.parametrize("scale", [0, 2, 10, 18, 30])
def test_decimals_become_the_nearest_double(scale: int) -> None:
    random = np.random.default_rng(scale)
    digits = [*random.integers(-(10**17), 10**17, 5_000).tolist(), 0, None, 2**53, -(2**53) - 1]
    values = [None if d is None else Decimal(d).scaleb(-scale) for d in digits]
    column = pa.array(values, pa.decimal128(38, scale))
    for part in (column, column.slice(17), column.slice(0, 0)):
        wanted = [None if v is None else float(v) for v in part.to_pylist()]
        assert decimals.to_double(part).to_pylist() == wanted


@pytest.mark.parametrize("scale", [0, 1, 3])
def test_decimals_become_exact_integers(scale: int) -> None:
    wide = [Decimal(2**63 - 1), Decimal(2**63), Decimal(-(2**63)), Decimal("7.5"), None, Decimal(-4)]
    values = [v if v is None or scale or v == v.to_integral_value() else Decimal(1) for v in wide]
    for part in (values, values[3:]):
        integers, bad = decimals.to_integer(pa.array(part, pa.decimal128(38, scale)))
        fits = [v is not None and v == int(v) and -(2**63) <= v < 2**63 for v in part]
        assert integers.to_pylist() == [int(v) if ok else None for v, ok in zip(part, fits, strict=True)]
        assert bad.to_pylist() == [v is not None and not ok for v, ok in zip(part, fits, strict=True)]


def test_timestamp_without_the_zone_of_training_is_refused() -> None:
    for kind, sql in (("zoned", "timestamp '2024-01-01'"), ("timestamp", "timestamptz '2024-01-01'")):
        with pytest.raises(SignatureError, match="time zone: convert it explicitly"):
            given_to_estimator(kind, read(sql))


def test_time_objects_are_no_feature() -> None:
    with pytest.raises(SignatureError, match="convert the column before fitting"):
        from scorehouse.kernel.training_batch import training_batch
        from scorehouse.registration.infer import draft_signature

        frame = pd.DataFrame({"x": [dt.time(12)]})
        draft_signature(frame, training_batch(frame, "test"), "frame", {}, "test")
