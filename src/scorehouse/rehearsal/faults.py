"""The kinds of faults that are planted, each as the SQL that makes the wrong rows from the right ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scorehouse.dialect import DUCKDB

NUMBER, TEXT, TIME, COLUMN, ROWS = "number", "text", "time", "column", "rows"
ALL_FEATURES = "(all features)"  # as profiles name what is counted about whole rows
TIMES = ("DATE", "TIMESTAMP")
NUMBERS = (
    *("DECIMAL", "FLOAT", "DOUBLE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
# What SQL of a fault may name: the column and its moments, the table, and a place of the row from 0 to 99.
FINITE = "filter (where isfinite({x}))"
WORDS = {
    "mean": f"(select avg({{x}}) {FINITE} from {{rows}})",
    "deviation": f"(select stddev_pop({{x}}) {FINITE} from {{rows}})",
    "usual": "(select mode({x}) from {rows})",
}
PLACE = "hash(rowid) % 100"


@dataclass(frozen=True)
class Fault:
    """A kind of fault, what it happens to, and the wrong value of a column (or the wrong rows) as SQL."""

    kind: str
    of: str
    sql: str


FAULTS = (
    Fault("shifted by 2 sd", NUMBER, "{x} + 2 * {deviation}"),
    Fault("another unit, x 100", NUMBER, "{x} * 100"),
    Fault("sign turned", NUMBER, "-{x}"),
    Fault("constant", NUMBER, "{mean}"),
    Fault("spread tripled", NUMBER, "{mean} + 3 * ({x} - {mean})"),
    Fault("cut off at its mean", NUMBER, "least({x}, {mean})"),
    Fault("-999 in 20 %", NUMBER, "case when {place} < 20 then -999 else {x} end"),
    Fault("0 in 50 %", NUMBER, "case when {place} < 50 then 0 else {x} end"),
    Fault("category renamed", TEXT, "upper({x}) || '!'"),
    Fault("a blank appended", TEXT, "{x} || ' '"),
    Fault("collapsed", TEXT, "{usual}"),
    Fault("unknown in 20 %", TEXT, "case when {place} < 20 then 'unknown' else {x} end"),
    Fault("a year late", TIME, "{x} - interval 1 year"),
    Fault("NULL in 30 %", COLUMN, "case when {place} < 30 then null else {x} end"),
    Fault("NULL throughout", COLUMN, "null"),
    Fault("copied, 20 %", ROWS, "select * from {rows} union all select * from {rows} where {place} < 20"),
)


def kind_of(type_name: str) -> str:
    """What faults a column of a DuckDB type can have, beside those of every column."""
    plain = type_name.partition("(")[0].partition(" ")[0]
    if plain in NUMBERS:
        return NUMBER
    return TEXT if plain == "VARCHAR" else TIME if plain in TIMES else COLUMN


@dataclass(frozen=True)
class Source:
    """A copy of a table that features come from: its name there, its own, and its features' types."""

    relation: str
    copy: str
    types: Mapping[str, str]

    def wrong_values(self, fault: Fault) -> Iterator[tuple[str, str]]:
        """Each feature that can have the fault, and the SQL of its wrong value, in the type of the column."""
        for feature, type_name in self.types.items():
            if fault.of in (COLUMN, kind_of(type_name)):
                x = DUCKDB.quote(feature)
                if fault.of == NUMBER:  # a whole number would overflow with an error
                    x = f"cast({x} as double)"
                words = {name: sql.format(x=x, rows=self.copy) for name, sql in WORDS.items()}
                value = fault.sql.format(x=x, place=PLACE, **words)
                yield feature, f"try_cast({value} as {type_name})"

    def planted(self, fault: Fault) -> str:
        """A subquery of the rows with the fault, in every feature that can have it at once."""
        if fault.of == ROWS:
            return f"({fault.sql.format(rows=self.copy, place=PLACE)})"
        wrong = [f"{sql} as {DUCKDB.quote(feature)}" for feature, sql in self.wrong_values(fault)]
        return f"(select * replace ({', '.join(wrong)}) from {self.copy})" if wrong else self.copy
