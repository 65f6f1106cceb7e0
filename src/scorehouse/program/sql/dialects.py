"""The databases that compiled SQL is written for, and their limits.

DuckDB, PostgreSQL and ClickHouse are run in the tests, Spark's by Spark; Snowflake's and BigQuery's run on
emulators; Redshift's is printed, read back by sqlglot, and not run. T-SQL is read by Microsoft's parser too,
and run by DuckDB in the words that sqlglot finds for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scorehouse.dialect import Quoting
from scorehouse.kernel.rows import LARGEST
from scorehouse.program.sql.expression import TIMES

# A text of T-SQL by its bytes: capitals count. A literal with other letters than ASCII's is read as such
# only after N, and UTF-8 holds them all.
UNICODE = "cast({x} collate Latin1_General_100_BIN2_UTF8 as varchar(8000))"
# Where an overflow raises instead of giving infinity, and an underflow instead of 0: a feature beyond
# this is rejected, and one nearer to 0 than its reciprocal is taken as that, so that products fit.
LARGEST_WHERE_OVERFLOW_RAISES = 1e60


@dataclass(frozen=True, kw_only=True)
class Dialect(Quoting):
    """How one database writes the nodes of the tree.

    `types` maps double, real, text, integer and boolean to its type names (a missing type does not exist
    there); `suffix` follows a double literal; `fence` ends each step if the planner would otherwise compute
    it as often as it is read; `ieee`: exp() overflows to infinity instead of raising; `map_lookup` is how to
    read a map, if there is one; `arguments` is the largest number of arguments of a function, if it is low;
    `double_as_text` writes a double as DuckDB does, if a cast does not. `times` writes the types `time` and
    `instant` of features, and others that are more than a cast. `concat` stands between strings. `transact`:
    it is T-SQL (`transact.py`): steps stand in each other, as none may begin within a statement, and infinity
    is NULL.
    """

    name: str
    types: Mapping[str, str]
    times: Mapping[str, str]
    suffix: str = ""
    fence: str = ""
    ieee: bool = False
    is_nan: str = "{x} = {nan}"
    concat_ws: bool = True
    arguments: int | None = None
    map_lookup: str = ""
    double_as_text: str = ""
    concat: str = " || "
    transact: bool = False

    @property
    def has_real(self) -> bool:
        """Whether there is a type for float32."""
        return "real" in self.types

    @property
    def largest(self) -> float:
        """The largest magnitude of a feature that it computes with."""
        return LARGEST if self.ieee else LARGEST_WHERE_OVERFLOW_RAISES

    @property
    def arithmetic(self) -> tuple[bool, bool]:
        """What a program depends on: dialects with the same differ in their spelling alone."""
        return self.has_real, self.ieee


# DuckDB writes the shortest digits that read back, plainly from 1e-4 to 1e16, else as 1e-05. Java before 19
# knows no shortest digits, so lengths are tried; the lambdas give names to what is used more than once.
_LENGTHS = " ".join(
    f"when cast(format_string('%.{n}e', x) as double) = x then format_string('%.{n}e', x)"
    for n in (0, 14, 15)
)
_DIGITS = "regexp_replace(substring_index(e, 'e', 1), '[.]?0+$|[.-]', '')"
_POWER = "cast(substring_index(e, 'e', -1) as int)"
DOUBLE_AS_TEXT = f"""case
        when isnan({{x}}) then 'nan'
        when abs({{x}}) = cast('Infinity' as double) then if({{x}} > 0, 'inf', '-inf')
        else array_join(transform(
            transform(array({{x}}), x -> case {_LENGTHS} else format_string('%.16e', x) end),
            e -> concat(if(startswith(e, '-'), '-', ''), case
                when {_POWER} between -4 and -1 then concat('0.', repeat('0', -1 - {_POWER}), {_DIGITS})
                when {_POWER} between 0 and 15 then concat(
                    rpad(substr({_DIGITS}, 1, {_POWER} + 1), {_POWER} + 1, '0'), '.',
                    coalesce(nullif(substr({_DIGITS}, {_POWER} + 2), ''), '0'))
                else concat(
                    substr({_DIGITS}, 1, 1),
                    if(length({_DIGITS}) > 1, concat('.', substr({_DIGITS}, 2)), ''),
                    'e', substring_index(e, 'e', -1))
            end)), '')
    end"""

# Microseconds since 1970-01-01 UTC, without the time zone of a session or server: a cast from one kind of
# timestamp to the other would use it. Infinity has none.
# DuckDB reads seconds and milliseconds as nanoseconds, which end in 2262; dates go beyond all timestamps.
_DUCKDB_TIME = "coalesce(try(epoch_us({x})), epoch_us(try_cast({x} as timestamp)))"
# To go through a zone takes longer, and a cast rounds nanoseconds to the nearest microsecond.
_DUCKDB_INSTANT = (
    "case when typeof({x}) = 'TIMESTAMPTZ_NS' then epoch_us(timezone('UTC', {x})) "
    "else epoch_us(cast({x} as timestamptz)) end"
)
_POSTGRES_TIME = (
    "case when isfinite(cast({x} as KIND)) "
    "then cast(extract(epoch from cast({x} as KIND)) * 1000000 as bigint) end"
)
_DIFFERENCE = "datediff(microsecond, cast('1970-01-01 00:00:00' as TYPE), ZONELESS)"
_SPARK_TIME = (
    "(unix_date(cast(PLAIN as date)) * 86400000000 + hour(PLAIN) * 3600000000 "
    "+ cast(minute(PLAIN) as bigint) * 60000000 + cast(extract(second from PLAIN) * 1000000 as bigint))"
).replace("PLAIN", "cast({x} as timestamp_ntz)")
_SNOWFLAKE_TIME = _DIFFERENCE.replace("TYPE", "timestamp_ntz")
_REDSHIFT_TIME = _DIFFERENCE.replace("TYPE", "timestamp")
# It counts the ends of microseconds, so that finer fractions are rounded down, and takes offsets to UTC.
_TRANSACT_TIME = "datediff_big(microsecond, cast('1970-01-01' as TYPE), {x})"
# A cast gives six digits, and style 3 all 17.
_TRANSACT_DIGITS = (
    "case when cast(cast({x} as varchar(32)) as float) = {x} then cast({x} as varchar(32)) "
    "else convert(varchar(32), {x}, 3) end"
)
_CLICKHOUSE_TIME = "toUnixTimestamp64Micro(cast({x} as Nullable(DateTime64(6, 'UTC'))))"

DUCKDB = Dialect(
    name="duckdb",
    types={"double": "double", "real": "real", "text": "varchar", "integer": "bigint", "boolean": "boolean"},
    times={"time": _DUCKDB_TIME, "instant": _DUCKDB_INSTANT},
    ieee=True,
    is_nan="isnan({x})",
    map_lookup="map_extract_value(map([{keys}], [{values}]), {arg})",
)
# `offset 0` keeps a step from being merged into the next, where it would be computed once for each use.
# Unlike `as materialized`, it lets rows pass one by one instead of storing them.
POSTGRES = Dialect(
    name="postgres",
    types={
        "double": "double precision",
        "real": "real",
        "text": "text",
        "integer": "bigint",
        "boolean": "boolean",
    },
    times={
        "time": _POSTGRES_TIME.replace("KIND", "timestamp"),
        "instant": _POSTGRES_TIME.replace("KIND", "timestamptz"),
    },
    suffix="::float8",
    fence="offset 0",
    arguments=100,
)
REDSHIFT = Dialect(
    name="redshift",
    types={
        "double": "double precision",
        "real": "real",
        "text": "varchar(65535)",
        "integer": "bigint",
        "boolean": "boolean",
    },
    times={
        "time": _REDSHIFT_TIME.replace("ZONELESS", "cast({x} as timestamp)"),
        "instant": _REDSHIFT_TIME.replace("ZONELESS", "cast({x} as timestamptz) at time zone 'UTC'"),
    },
    suffix="::float8",
    backslash=True,
    concat_ws=False,
)
SNOWFLAKE = Dialect(
    name="snowflake",
    types={"double": "double", "text": "varchar", "integer": "bigint", "boolean": "boolean"},
    times={
        "time": _SNOWFLAKE_TIME.replace("ZONELESS", "cast({x} as timestamp_ntz)"),
        "instant": _SNOWFLAKE_TIME.replace(
            "ZONELESS", "cast(convert_timezone('UTC', cast({x} as timestamp_tz)) as timestamp_ntz)"
        ),
    },
    suffix="::double",
    backslash=True,
    concat_ws=False,
)
BIGQUERY = Dialect(
    name="bigquery",
    types={"double": "float64", "text": "string", "integer": "int64", "boolean": "bool"},
    times={
        "time": "unix_micros(timestamp(cast({x} as datetime), 'UTC'))",
        "instant": "unix_micros({x})",
    },
    is_nan="is_nan({x})",
    backslash=True,
    concat_ws=False,
    mark="`",
)
DATABRICKS = Dialect(
    name="databricks",
    types={"double": "double", "real": "float", "text": "string", "integer": "bigint", "boolean": "boolean"},
    times={"time": _SPARK_TIME, "instant": "unix_micros(cast({x} as timestamp))"},
    ieee=True,
    is_nan="isnan({x})",
    backslash=True,
    mark="`",
)
# Every column that may be NULL has a type that says so.
CLICKHOUSE = Dialect(
    name="clickhouse",
    types={
        "double": "Nullable(Float64)",
        "real": "Nullable(Float32)",
        "text": "Nullable(String)",
        "integer": "Nullable(Int64)",
        "boolean": "Nullable(Bool)",
    },
    times=dict.fromkeys(TIMES, _CLICKHOUSE_TIME),
    ieee=True,
    is_nan="isNaN({x})",
    backslash=True,
    concat_ws=False,
)
# SQL Server, of 2022 or later, and Fabric's warehouse, which has no nvarchar, and no datetime2 of 7 digits.
# Their `real` is not used: how sums of it are rounded was not tried.
SQLSERVER = Dialect(
    name="sqlserver",
    types={"double": "float", "text": "varchar(8000)", "integer": "bigint", "boolean": "bit"},
    times={
        "time": _TRANSACT_TIME.replace("TYPE", "datetime2(6)"),
        "instant": _TRANSACT_TIME.replace("TYPE", "datetimeoffset(6)"),
        "text": UNICODE,
    },
    is_nan="{x} <> {x}",
    arguments=200,
    double_as_text=_TRANSACT_DIGITS,
    concat=" + ",
    transact=True,
)
# What the engine Spark runs
SPARK = replace(DATABRICKS, name="spark", double_as_text=DOUBLE_AS_TEXT)


@dataclass(frozen=True)
class Limits:
    """The limits: bytes of SQL, tree nodes, columns of one step.

    `statement` is how many characters the database accepts at all, with the select of the features.
    """

    sql_bytes: int
    nodes: int
    columns: int
    statement: int | None = None


_ALL = (DUCKDB, POSTGRES, SNOWFLAKE, BIGQUERY, REDSHIFT, DATABRICKS, CLICKHOUSE, SQLSERVER)
DIALECTS = {dialect.name: dialect for dialect in _ALL}
ALIASES = {"spark": "databricks", "fabric": "sqlserver"}  # adapter types that use the SQL of another
# DuckDB and PostgreSQL: measured (benchmarks/compiled_sql.py); the others: as documented by their vendors.
# PostgreSQL allows at most 1664 columns in a select; Snowflake, BigQuery and Redshift accept 1 MB, 1 MB and
# 16 MB of text; on Spark, deep code generation fails long before the parser does. SQL Server accepts 65,535
# names and constants in one expression, which a flat tree has more of than a nested one.
# https://docs.snowflake.com/en/user-guide/query-size-limits
# https://cloud.google.com/bigquery/quotas#query_jobs
# https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
# https://clickhouse.com/docs/operations/settings/settings#max_query_size
LIMITS = {
    "duckdb": Limits(sql_bytes=4_000_000, nodes=60_000, columns=2_000),
    "postgres": Limits(sql_bytes=4_000_000, nodes=60_000, columns=1_200),
    "snowflake": Limits(sql_bytes=900_000, nodes=15_000, columns=1_000, statement=1_000_000),
    "bigquery": Limits(sql_bytes=900_000, nodes=10_000, columns=1_000, statement=1_048_576),
    "redshift": Limits(sql_bytes=4_000_000, nodes=30_000, columns=1_200, statement=16_777_216),
    "databricks": Limits(sql_bytes=900_000, nodes=5_000, columns=500),
    "clickhouse": Limits(sql_bytes=240_000, nodes=5_000, columns=1_000, statement=262_144),
    "sqlserver": Limits(sql_bytes=900_000, nodes=10_000, columns=1_000),
}
# Where `scored()` runs in SQL alone, and may run several statements instead of one that is beyond these
# limits. Together they may be as large as what DuckDB proves in one.
IN_STAGES = ("duckdb", "postgres", "snowflake", "bigquery")
LARGEST_IN_STAGES = LIMITS["duckdb"]
