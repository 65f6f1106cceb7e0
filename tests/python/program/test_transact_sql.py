"""T-SQL: what it alone is strict about. `test_printed_sql.py` runs the families, by DuckDB."""

from __future__ import annotations

import duckdb
import pytest

from scorehouse.errors import CompileError
from scorehouse.program.sql.builder import Program, Step
from scorehouse.program.sql.dialects import SQLSERVER
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Column,
    Compare,
    Expr,
    Feature,
    In,
    IsNull,
    Literal,
    Lookup,
    no,
    number,
    text,
)
from scorehouse.program.sql.printer import Printer
from scorehouse.program.sql.transact import lowered

pytest.importorskip("sqlglot", reason="the extra `sql` is not installed")
from transact import in_duckdb, strict

A = Feature(0, "double")
TEXT = Column("sh_text")


def printed(*made: Expr) -> list[str]:
    """The columns of a program with one step."""
    program = Program((Step(tuple((f"sh_{i}", expr) for i, expr in enumerate(made)), ()),), ())
    return [line.rpartition(" as ")[0] for line in Printer(SQLSERVER, ["a"]).selects(program, ())[0]]


def test_conditions_are_numbers_in_columns_and_compared_in_conditions() -> None:
    above = Compare(">", A, number(1.0))
    assert printed(above) == [
        "case when cast(a as float) > 1.0e0 then 1 when not(cast(a as float) > 1.0e0) then 0 end"
    ]
    gate = Case(((Column("sh_gate"), number(2.0)), (no(Column("sh_gate")), number(3.0))))
    assert printed(gate) == ["case when sh_gate = 1 then 2.0e0 when not(sh_gate = 1) then 3.0e0 end"]
    label = Case(((IsNull(A), Literal(False, "boolean")),))
    assert printed(label) == ["case when cast(a as float) is null then cast(0 as bit) end"]


def test_trailing_blanks_and_capitals_count() -> None:
    """T-SQL pads the shorter text with blanks, and most of its collations take `a` for `A`."""
    assert printed(Feature(0, "text")) == ["cast(a collate Latin1_General_100_BIN2_UTF8 as varchar(8000))"]
    equal = Case(((Compare("=", TEXT, text("a")), number(1.0)),))
    assert printed(equal) == ["case when (sh_text + '.') = 'a.' then 1.0e0 end"]
    among = Case(((In(TEXT, (text("a"), text("it's"))), number(1.0)),))
    assert printed(among) == ["case when (sh_text + '.') in ('a.', 'it''s.') then 1.0e0 end"]
    assert (
        "case (sh_text + '.')\n        when 'a.' then 2.0e0" in printed(Lookup(TEXT, ("a",), (2.0,), 0.0))[0]
    )


def test_letters_beyond_ascii_are_of_utf8() -> None:
    assert printed(text("Zürich\n")) == [
        "(cast(N'Zürich' collate Latin1_General_100_BIN2_UTF8 as varchar(8000)) + char(10))"
    ]


def test_there_is_no_infinity_and_nothing_nearer_to_zero_than_the_smallest_number() -> None:
    numbers = [number(value) for value in (float("inf"), 5e-324, -5e-324, 2.2250738585072014e-308)]
    assert printed(*numbers) == ["null", "0.0e0", "-2.2250738585072014e-308", "2.2250738585072014e-308"]


def test_comparisons_with_infinity_hold_for_every_number_or_for_none() -> None:
    infinity = float("inf")
    bounds = [("<=", infinity), (">", infinity), ("=", infinity), (">", -infinity), ("<", -infinity)]
    made = [Case(((Compare(op, Column("x"), number(value)), number(1.0)),)) for op, value in bounds]
    signs = ["=", "<>", "<>", "=", "<>"]
    assert printed(*made) == [f"case when x {sign} x then 1.0e0 end" for sign in signs]


def test_a_deep_tree_is_flat_and_the_same() -> None:
    """Twelve splits, each on the left side of the one before: as nested cases, T-SQL refuses them."""
    tree: Expr = number(12.0)
    for edge in range(12):
        tree = Case(((Compare("<=", A, number(float(edge) + 1.0)), tree),), number(100.0 + edge))
    (flat,) = printed(tree)
    nested = Printer(SQLSERVER, ["a"]).expr(tree)
    assert nested.count("case") == 12 and flat.count("case") < 8
    edges = "unnest([null, -1, 0.5, 1, 1.5, 2, 6, 6.5, 7, 11.5, 12, 13])"
    both = in_duckdb(f"select {flat} as flat, {nested} as nested from given")
    found = duckdb.sql(f"with given as (select {edges}::double as a) {both}").fetchall()
    assert len({one for one, _ in found}) > 5
    assert [one for one, _ in found] == [other for _, other in found]
    assert strict(f"select {flat} as flat") == []
    assert "12 cases in each other" in strict(f"select {nested} as nested")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("with a as (select 1 as b) select b from a", "with"),
        ("select b = 1 as c from a", "a condition as a value"),
        ("select case when b = 1 then b > 1 end as c from a", "a condition as a value"),
        ("select b from (select 1 as b)", "no alias"),
        ("select true as b", "boolean"),
    ],
)
def test_what_t_sql_refuses_is_seen(sql: str, found: str) -> None:
    assert any(one.startswith(found) for one in strict(sql)), strict(sql)


def test_cases_that_cannot_be_made_flat_are_refused() -> None:
    expr: Expr = A
    for _ in range(9):
        expr = Arith("-", Case(((IsNull(expr), number(1.0)),), expr), number(1.0))
    program = Program((Step((("sh_deep", expr),), ()),), ())
    with pytest.raises(CompileError, match="cases of the SQL stand in each other"):
        lowered(program)
    with pytest.raises(CompileError, match="33 selects of the SQL stand in each other"):
        lowered(Program((Step((("sh_a", A),), ()),) * 32, ()))
    assert len(lowered(Program((Step((("sh_a", A),), ()),) * 31, ())).steps) == 31


@pytest.mark.parametrize("reasons", [198, 199, 400])
def test_many_reasons_are_joined_in_pieces(reasons: int) -> None:
    """A function gets 200 arguments at most; a text that may be long is among those of each piece."""
    (joined,) = printed(Call("join", tuple(text(f"r{i}") for i in range(reasons))))
    pieces = -(-reasons // 198)
    assert joined.count("concat_ws(") == joined.count("cast(null as varchar(max))") == pieces + (pieces > 1)
    assert joined.count("'r") == reasons
