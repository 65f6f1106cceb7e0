"""From the expression tree to SQL text: the code that all dialects share.

A double is written with the shortest digits that read back as the same double, and always with an
exponent: without one, most databases read a decimal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scorehouse.dialect import Quoting, double
from scorehouse.program.sql.builder import Program, Step
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
    Parameter,
    Sum,
)
from scorehouse.project.dbt_text import no_jinja

STEP = "sh_step_"
TERMS_ON_A_LINE = 4
PLAIN = re.compile(r"[a-z_][0-9a-z_]*")
LINE_END = re.compile(r"([\r\n])")


@dataclass(frozen=True, kw_only=True)
class Dialect(Quoting):
    """How one database writes the nodes of the tree.

    `types` maps double, real, text, integer and boolean to its type names (a missing type does not exist
    there); `suffix` follows a double literal; `fence` ends each step if the planner would otherwise compute
    it as often as it is read; `ieee`: exp() overflows to infinity instead of raising; `map_lookup` is how to
    read a map, if there is one; `arguments` is the largest number of arguments of a function, if it is low;
    `double_as_text` writes a double as DuckDB does, if a cast does not. `times` writes the types `time` and
    `instant` of features.
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
    functions: Mapping[str, str] = field(default_factory=dict)


class Printer:
    """Writes a program in one dialect.

    `columns` holds the SQL of each feature's column; with `jinja`, braces in string literals are protected
    from Jinja. `printed` caches the SQL of the columns of one program, shared between printers that print the
    same.
    """

    def __init__(
        self,
        dialect: Dialect,
        columns: Sequence[str],
        *,
        jinja: bool = False,
        printed: dict[str, str] | None = None,
    ) -> None:
        self.dialect = dialect
        self.columns = columns
        self.jinja = jinja
        self.printed = {} if printed is None else printed

    def program(self, program: Program, relation: str, keep: str) -> str:
        """The whole select. `keep` is SQL of the columns to keep, empty or ending with a comma."""
        sources = [relation, *(f"{STEP}{i}" for i in range(1, len(program.steps) + 1))]
        steps = [
            f"{STEP}{i} as (\n{self._step(step, source, keep)}\n)"
            for i, (step, source) in enumerate(zip(program.steps, sources, strict=False), start=1)
        ]
        items = [f"{self.expr(expr)} as {self._output(name)}" for name, expr in program.outputs]
        final = self._select(items, sources[-1], keep, "")
        return f"with {', '.join(steps)}\n{final}" if steps else final

    def selects(self, program: Program, keep: Sequence[str]) -> list[list[str]]:
        """The same program as lists of columns, each to be selected from the one before.

        For engines that chain frames. `keep` is SQL of the columns that pass through.
        """
        steps = [
            [*keep, *step.carried, *(f"{self._once(name, expr)} as {name}" for name, expr in step.made)]
            for step in program.steps
        ]
        outputs = [f"{self.expr(expr)} as {self._output(name)}" for name, expr in program.outputs]
        return [*steps, [*keep, *outputs]]

    def _output(self, name: str) -> str:
        """The name of an output, quoted if it has characters that some databases do not accept unquoted."""
        is_quoted = name.startswith(self.dialect.mark)
        return name if is_quoted or PLAIN.fullmatch(name) else self.dialect.quote(name)

    def _step(self, step: Step, source: str, keep: str) -> str:
        items = [*step.carried, *(f"{self._once(name, expr)} as {name}" for name, expr in step.made)]
        body = self._select(items, source, keep, self.dialect.fence)
        return "\n".join(f"    {line}" for line in body.split("\n"))

    def _once(self, name: str, expr: Expr) -> str:
        if name not in self.printed:
            self.printed[name] = self.expr(expr)
        return self.printed[name]

    def _select(self, items: Sequence[str], source: str, keep: str, fence: str) -> str:
        kept = [f"    {keep}"] if keep else []
        listed = ",\n".join(f"    {item}" for item in items)
        return "\n".join(["select", *kept, listed, f"from {source}", *([fence] if fence else [])])

    def expr(self, expr: Expr) -> str:
        """One expression, in parentheses wherever it could be read otherwise."""
        return _PRINTERS[type(expr)](self, expr)

    def _feature(self, expr: Feature) -> str:
        column = self.columns[expr.position]
        if template := {"given": "{x}", **self.dialect.times}.get(expr.type):
            return template.replace("{x}", column)
        return f"cast({column} as {self.dialect.types[expr.type]})"

    def literal(self, expr: Literal) -> str:
        """A constant."""
        if expr.type == "double":
            return self.double(float(expr.value))
        if expr.type == "boolean":
            return "true" if expr.value else "false"
        if expr.type == "integer":
            return str(int(expr.value))
        if expr.type == "null":
            return "null"
        return self.text(str(expr.value))

    def double(self, value: float) -> str:
        """A double literal that reads back as the same double."""
        if not math.isfinite(value):
            name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            return f"cast('{name}' as {self.dialect.types['double']})"
        digits = double(value)
        return f"'{digits}'{self.dialect.suffix}" if self.dialect.suffix else digits

    def text(self, value: str) -> str:
        """A string literal; an expression if it has line ends, which indenting and Jinja would change."""
        parts = [
            f"chr({ord(part)})" if LINE_END.match(part) else self._quoted(part)
            for part in LINE_END.split(value)
            if part
        ]
        return f"({' || '.join(parts)})" if len(parts) > 1 else parts[0] if parts else "''"

    def _quoted(self, value: str) -> str:
        literal = self.dialect.literal(value)
        return no_jinja(literal) if self.jinja else literal

    def _arith(self, expr: Arith) -> str:
        return f"({self.expr(expr.left)} {expr.op} {self.expr(expr.right)})"

    def _sum(self, expr: Sum) -> str:
        terms = [self.expr(term) for term in expr.terms]
        if len(terms) <= TERMS_ON_A_LINE:
            return f"({' + '.join(terms)})"
        return "(\n        " + "\n        + ".join(terms) + "\n    )"

    def _call(self, expr: Call) -> str:
        args = [self.expr(arg) for arg in expr.args]
        special = _CALLS.get(expr.name)
        if special is not None:
            return special(self, args)
        name = self.dialect.functions.get(expr.name, expr.name)
        return f"{name}({', '.join(args)})"

    def exp(self, args: list[str]) -> str:
        """exp(), clamped where it would raise: beyond these bounds, the result is infinite or zero."""
        (x,) = args
        if self.dialect.ieee:
            return f"exp({x})"
        return (
            f"case when {x} > {self.double(709.782712893384)} then {self.double(math.inf)} "
            f"when {x} < {self.double(-745.1332191019411)} then {self.double(0.0)} else exp({x}) end"
        )

    def exp_down(self, args: list[str]) -> str:
        """exp() of a number that is not above 0."""
        (x,) = args
        if self.dialect.ieee:
            return f"exp({x})"
        return f"case when {x} < {self.double(-600.0)} then {self.double(0.0)} else exp({x}) end"

    def sigmoid(self, args: list[str]) -> str:
        """1 / (1 + exp(-x)), which reaches 0 and 1 where exp() would raise."""
        (x,) = args
        one = self.double(1.0)
        value = f"({one} / ({one} + exp(-{x})))"
        if self.dialect.ieee:
            return value
        return (
            f"case when {x} < {self.double(-700.0)} then {self.double(0.0)} "
            f"when {x} > {self.double(700.0)} then {one} else {value} end"
        )

    def is_nan(self, args: list[str]) -> str:
        """Whether a double is NaN."""
        return "(" + self.dialect.is_nan.format(x=args[0], nan=self.double(math.nan)) + ")"

    def join(self, args: list[str]) -> str:
        """The strings that are not NULL, joined by `;`."""
        if self.dialect.concat_ws:
            most = (self.dialect.arguments or len(args) + 1) - 1  # the separator is an argument too
            if len(args) > most:  # a piece without any string would be joined as an empty one
                parts = [args[i : i + most] for i in range(0, len(args), most)]
                args = [f"nullif({self.join(part)}, '')" for part in parts]
            return "concat_ws(';',\n        " + ",\n        ".join(args) + "\n    )"
        if len(args) == 1:
            return args[0]
        return "substr(" + " || ".join(f"coalesce(';' || {arg}, '')" for arg in args) + ", 2)"

    def concat(self, args: list[str]) -> str:
        """Strings, concatenated."""
        return f"({' || '.join(args)})"

    def _compare(self, expr: Compare) -> str:
        return f"{self.expr(expr.left)} {expr.op} {self.expr(expr.right)}"

    def _logic(self, expr: Logic) -> str:
        return "(" + f" {expr.op} ".join(self.expr(arg) for arg in expr.args) + ")"

    def _is_null(self, expr: IsNull) -> str:
        return f"{self.expr(expr.arg)} is {'not ' if expr.negated else ''}null"

    def _in(self, expr: In) -> str:
        values = ", ".join(self.literal(value) for value in expr.values)
        return f"{self.expr(expr.arg)} {'not ' if expr.negated else ''}in ({values})"

    def _case(self, expr: Case) -> str:
        whens = " ".join(f"when {self.expr(when)} then {self.expr(then)}" for when, then in expr.whens)
        default = "" if expr.default is None else f" else {self.expr(expr.default)}"
        return f"case {whens}{default} end"

    def _lookup(self, expr: Lookup) -> str:
        """A map if the database has one; it is searched once per string in the dictionary."""
        arg, default = self.expr(expr.arg), self.double(expr.default)
        if self.dialect.map_lookup:
            keys = ", ".join(self.text(key) for key in expr.keys)
            values = ", ".join(self.double(value) for value in expr.values)
            return f"coalesce({self.dialect.map_lookup.format(keys=keys, values=values, arg=arg)}, {default})"
        pairs = zip(expr.keys, expr.values, strict=True)
        whens = "\n        ".join(f"when {self.text(key)} then {self.double(value)}" for key, value in pairs)
        return f"case {arg}\n        {whens}\n        else {default} end"

    def _cast(self, expr: Cast) -> str:
        arg = self.expr(expr.arg)
        is_double = not (isinstance(expr.arg, Cast) and expr.arg.type == "integer")
        if expr.type == "text" and self.dialect.double_as_text and is_double:
            return self.dialect.double_as_text.replace("{x}", arg)
        return f"cast({arg} as {self.dialect.types[expr.type]})"


_PRINTERS: dict[type, Callable[..., str]] = {
    Feature: Printer._feature,
    Column: lambda _, expr: expr.name,
    Literal: Printer.literal,
    Parameter: lambda _, expr: f"{{{{ decision[{expr.name!r}] }}}}",
    Arith: Printer._arith,
    Sum: Printer._sum,
    Call: Printer._call,
    Compare: Printer._compare,
    Logic: Printer._logic,
    IsNull: Printer._is_null,
    In: Printer._in,
    Case: Printer._case,
    Lookup: Printer._lookup,
    Cast: Printer._cast,
}
_CALLS: dict[str, Callable[[Printer, list[str]], str]] = {
    "exp": Printer.exp,
    "exp_down": Printer.exp_down,
    "sigmoid": Printer.sigmoid,
    "is_nan": Printer.is_nan,
    "join": Printer.join,
    "concat": Printer.concat,
}
