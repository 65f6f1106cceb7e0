"""SQL text read back by sqlglot, and a program in the same neutral form, so that both can be compared.

A form is a tuple: a kind and its parts. What a database has to write at length (an exponential that does not
overflow, a join of strings, a lookup) is written here once more, as the page of the compiler describes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import sqlglot
from sqlglot import exp

from scorehouse.program.sql.builder import Program
from scorehouse.program.sql.dialects import UNICODE, Dialect
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Column,
    Compare,
    Expr,
    Feature,
    In,
    IsNull,
    Literal,
    Logic,
    Lookup,
    Sum,
)
from scorehouse.program.sql.transact import lowered

READ_AS = {"sqlserver": "tsql"}  # where sqlglot has another name
Form = tuple[Any, ...]
Selected = list[tuple[str, Form]]
NULL: Form = ("literal", None)
BINARY = {exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.EQ: "=", exp.NEQ: "<>"}
BINARY |= {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
OF_DATES = (exp.Var, exp.Interval, exp.DataType, exp.Lambda, exp.AtTimeZone)
NAMES = {"is_nan": "isnan"}


def selects(sql: str, dialect: str) -> list[Selected]:
    """The columns of each step of a select, and of its outputs, without those that it only carries."""
    (parsed,) = sqlglot.parse(sql, read=READ_AS.get(dialect, dialect))
    assert isinstance(parsed, exp.Select)
    steps = [cte.this for cte in parsed.find_all(exp.CTE)]
    source = parsed.find(exp.From)
    while source is not None and isinstance(source.this, exp.Subquery):  # T-SQL has one step in the other
        steps.insert(0, source.this.this)
        source = steps[0].find(exp.From)
    return [
        [(item.alias, _read(item.this)) for item in select.expressions if isinstance(item, exp.Alias)]
        for select in (*steps, parsed)
    ]


def written(program: Program, dialect: Dialect, columns: Sequence[str]) -> list[Selected]:
    """The same of the program itself."""
    program = lowered(program) if dialect.transact else program
    forms = Forms(dialect, columns)
    return [
        [(name, forms.of(expr)) for name, expr in made]
        for made in (*(step.made for step in program.steps), program.outputs)
    ]


def number(value: float) -> Form:
    """A double; -0.0 and 0.0 differ."""
    return ("double", "nan" if math.isnan(value) else float(value).hex())


def difference(found: Any, expected: Any) -> str:
    """The innermost first difference of two forms, or nothing."""
    if found == expected:
        return ""
    if isinstance(found, list | tuple) and isinstance(expected, type(found)) and len(found) == len(expected):
        return next(filter(None, map(difference, found, expected)))
    return f"{found} instead of {expected}"[:1000]


class Forms:
    """A program's expressions as forms."""

    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self.dialect = dialect
        self.columns = columns

    def of(self, expr: Expr) -> Form:
        """The form of an expression."""
        form: Callable[[Any], Form] = getattr(self, f"_{type(expr).__name__.lower()}")
        return form(expr)

    def _feature(self, expr: Feature) -> Form:
        name, templates = self.columns[expr.position], {"given": "{x}", **self.dialect.times}
        text = templates.get(expr.type, f"cast({{x}} as {self.dialect.types.get(expr.type)})")
        return self._template(text.replace("{x}", name))

    def _template(self, text: str) -> Form:
        (parsed,) = sqlglot.parse(f"select {text}", read=READ_AS.get(self.dialect.name, self.dialect.name))
        assert isinstance(parsed, exp.Select)
        return _read(parsed.expressions[0])

    def _column(self, expr: Column) -> Form:
        return ("column", expr.name)

    def _literal(self, expr: Literal) -> Form:
        if expr.type == "double":
            return self._number(float(expr.value))
        if expr.type == "text" and self.dialect.transact and not str(expr.value).isascii():
            return self._template(UNICODE.replace("{x}", f"N{self.dialect.literal(str(expr.value))}"))
        if expr.type == "boolean" and self.dialect.transact:
            return self._template(f"cast({int(expr.value)} as bit)")
        return NULL if expr.type == "null" else ("literal", expr.value)

    def _number(self, value: float) -> Form:
        return NULL if self.dialect.transact and not math.isfinite(value) else number(value)

    def _arith(self, expr: Arith) -> Form:
        return (expr.op, self.of(expr.left), self.of(expr.right))

    def _sum(self, expr: Sum) -> Form:
        return ("+", *map(self.of, expr.terms))

    def _compare(self, expr: Compare) -> Form:
        return (expr.op, self.of(expr.left), self.of(expr.right))

    def _logic(self, expr: Logic) -> Form:
        return (expr.op, *map(self.of, expr.args))

    def _isnull(self, expr: IsNull) -> Form:
        form: Form = ("=", ("is", self.of(expr.arg)), NULL)
        return ("not", form) if expr.negated else form

    def _in(self, expr: In) -> Form:
        form: Form = ("in", self.of(expr.arg), *map(self.of, expr.values))
        return ("not", form) if expr.negated else form

    def _case(self, expr: Case) -> Form:
        whens = [(self.of(when), self.of(then)) for when, then in expr.whens]
        return _case(whens, NULL if expr.default is None else self.of(expr.default))

    def _lookup(self, expr: Lookup) -> Form:
        keys = [self.of(Literal(key, "text")) for key in expr.keys]
        pairs = [(key, number(v)) for key, v in zip(keys, expr.values, strict=True)]
        return ("lookup", self.of(expr.arg), tuple(pairs), number(expr.default))

    def _cast(self, expr: Cast) -> Form:
        arg, template = self.of(expr.arg), self.dialect.double_as_text
        is_whole = isinstance(expr.arg, Cast) and expr.arg.type == "integer"
        if expr.type == "text" and template and not is_whole:
            return _filled(self._template(template.replace("{x}", "x")), arg)
        return ("cast", _type(self.dialect.types[expr.type], self.dialect.name), arg)

    def _call(self, expr: Call) -> Form:
        args = [self.of(arg) for arg in expr.args]
        special: Callable[..., Form] | None = getattr(self, f"_call_{expr.name}", None)
        return special(*args) if special else (expr.name, *args)

    def _call_exp(self, x: Form) -> Form:
        if self.dialect.ieee:
            return ("exp", x)
        above = ((">", x, number(709.782712893384)), self._number(math.inf))
        below = (("<", x, number(-745.1332191019411)), number(0.0))
        return _case([above, below], ("exp", x))

    def _call_exp_down(self, x: Form) -> Form:
        return (
            ("exp", x) if self.dialect.ieee else _case([(("<", x, number(-600.0)), number(0.0))], ("exp", x))
        )

    def _call_sigmoid(self, x: Form) -> Form:
        one = number(1.0)
        value = ("/", one, ("+", one, ("exp", ("negative", x))))
        if self.dialect.ieee:
            return value
        ends = [(("<", x, number(-700.0)), number(0.0)), ((">", x, number(700.0)), one)]
        return _case(ends, value)

    def _call_is_nan(self, x: Form) -> Form:
        if self.dialect.transact:
            return ("<>", x, x)
        return ("isnan", x) if "nan(" in self.dialect.is_nan.lower() else ("=", x, number(math.nan))

    def _call_concat(self, *args: Form) -> Form:
        return ("+" if self.dialect.transact else "||", *args)

    def _call_join(self, *args: Form) -> Form:
        is_alone = len(args) == 1 and not self.dialect.concat_ws
        return args[0] if is_alone else ("join", *args)


def _case(whens: Sequence[tuple[Form, Form]], default: Form) -> Form:
    return ("case", tuple(whens), default)


def _filled(form: Any, x: Form) -> Any:
    """The form with `x` in place of the column of this name."""
    if form == ("column", "x"):
        return x
    return tuple(_filled(part, x) for part in form) if isinstance(form, tuple) else form


def _type(text: str, dialect: str) -> str:
    return exp.DataType.build(text, dialect=READ_AS.get(dialect, dialect)).sql("duckdb").lower()


def _read(node: Any) -> Form:
    """The form of a part of a parsed select."""
    reader = _READERS.get(type(node))
    if reader is not None:
        return reader(node)
    if type(node) in BINARY:
        return (BINARY[type(node)], _read(node.this), _read(node.expression))
    if isinstance(node, OF_DATES):
        return (node.sql("duckdb"),)
    if isinstance(node, exp.Anonymous):
        return (node.name.lower(), *map(_read, node.expressions))
    if isinstance(node, exp.Func):
        parts = [part for part in node.args.values() if part is not None and not isinstance(part, bool | str)]
        flat = [one for part in parts for one in (part if isinstance(part, list) else [part])]
        name = node.sql_name().lower()
        return (NAMES.get(name, name), *map(_read, flat))
    raise AssertionError(f"{type(node).__name__}: {node}")


def _chain(node: Any, kind: type) -> list[Any]:
    """What is joined without parentheses, from left to right."""
    found: list[Any] = []
    while type(node) is kind:
        found.insert(0, node.expression)
        node = node.this
    return [node, *found]


def _read_literal(node: exp.Literal) -> Form:
    if node.is_string:
        return ("literal", node.this)
    return number(float(node.this)) if "e" in node.this.lower() else ("literal", int(node.this))


def _read_line_end(node: exp.Chr) -> Form:
    (code,) = node.expressions
    return ("literal", chr(int(code.this)))


def _read_negative(node: exp.Neg) -> Form:
    form = _read(node.this)
    if form[0] == "double":
        return number(-float.fromhex(form[1]))
    if form[0] == "literal":
        return ("literal", -form[1])
    return ("negative", form)


def _read_cast(node: exp.Cast) -> Form:
    kind = node.to.sql("duckdb").lower()
    if kind == "double" and isinstance(node.this, exp.Literal) and node.this.is_string:
        return number(float(node.this.this))
    return ("cast", kind, _read(node.this))


def _read_is(node: exp.Is) -> Form:
    form: Form = ("=", ("is", _read(node.this)), _read(node.expression))
    return ("not", form) if node.args.get("negate") else form


def _read_case(node: exp.Case) -> Form:
    default = node.args.get("default")
    whens = [(_read(one.this), _read(one.args["true"])) for one in node.args["ifs"]]
    last = NULL if default is None else _read(default)
    return _case(whens, last) if node.this is None else ("lookup", _read(node.this), tuple(whens), last)


def _read_coalesce(node: exp.Coalesce) -> Form:
    """Of a lookup in a map, which DuckDB has, or of a number."""
    first, *others = (_read(part) for part in (node.this, *node.expressions))
    if first[0] == "map_extract_value":
        (_, keys, values), argument = first[1:]
        return ("lookup", argument, tuple(zip(keys[1:], values[1:], strict=True)), *others)
    return ("coalesce", first, *others)


def _read_join(node: exp.ConcatWs) -> Form:
    separator, *parts = map(_read, node.expressions)
    assert separator == ("literal", ";")
    flat: list[Form] = []
    for part in parts:  # a piece of many, as NULL where it is empty
        if part[0] == "cast" and part[2] == NULL:  # T-SQL's long type
            continue
        is_piece = part[0] == "nullif" and part[1][0] == "join" and part[2] == ("literal", "")
        flat += part[1][1:] if is_piece else [part]
    return ("join", *flat)


def _read_substring(node: exp.Substring) -> Form:
    """`substr(coalesce(';' || a, '') || ..., 2)`, where there is no concat_ws."""
    assert _read(node.args["start"]) == ("literal", 2)
    text = _read(node.this)
    parts = text[1:] if text[0] == "||" else (text,)
    for part in parts:
        assert part[0] == "coalesce" and part[2] == ("literal", ""), part
        assert part[1][:2] == ("||", ("literal", ";")), part
    return ("join", *(part[1][2] if len(part[1]) == 3 else ("||", *part[1][2:]) for part in parts))


_READERS: dict[type, Callable[[Any], Form]] = {
    exp.Paren: lambda node: _read(node.this),
    exp.Column: lambda node: ("column", node.name),
    exp.Literal: _read_literal,
    exp.Chr: _read_line_end,
    exp.National: lambda node: ("literal", node.this),
    exp.Boolean: lambda node: ("literal", bool(node.this)),
    exp.Null: lambda node: NULL,
    exp.Neg: _read_negative,
    exp.Mod: lambda node: ("mod", _read(node.this), _read(node.expression)),
    exp.Not: lambda node: ("not", _read(node.this)),
    exp.Is: _read_is,
    exp.In: lambda node: ("in", _read(node.this), *map(_read, node.expressions)),
    exp.Add: lambda node: ("+", *map(_read, _chain(node, exp.Add))),
    exp.And: lambda node: ("and", *map(_read, _chain(node, exp.And))),
    exp.Or: lambda node: ("or", *map(_read, _chain(node, exp.Or))),
    exp.DPipe: lambda node: ("||", *map(_read, _chain(node, exp.DPipe))),
    exp.Case: _read_case,
    exp.Cast: _read_cast,
    exp.TryCast: _read_cast,
    exp.Coalesce: _read_coalesce,
    exp.ConcatWs: _read_join,
    exp.Substring: _read_substring,
}
