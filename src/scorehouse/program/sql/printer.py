"""From the expression tree to SQL text: the code that all dialects share.

A double is written with the shortest digits that read back as the same double, and always with an
exponent: without one, most databases read a decimal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from scorehouse.dialect import double
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
    Parameter,
    Sum,
    Udf,
)
from scorehouse.program.sql.transact import lowered
from scorehouse.project.dbt_text import no_jinja

STEP = "sh_step_"
TERMS_ON_A_LINE = 4
PLAIN = re.compile(r"[a-z_][0-9a-z_]*")
LINE_END = re.compile(r"([\r\n])")


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
        *steps, outputs = self.selects(program, ())
        source, written = relation, []
        for number, items in enumerate(steps, start=1):
            if self.dialect.transact:
                source = f"(\n{self._select(items, source, keep, '')}\n) as {STEP}{number}"
                continue
            lines = self._select(items, source, keep, self.dialect.fence).split("\n")
            source = f"{STEP}{number}"
            written.append("\n".join([f"{source} as (", *(f"    {line}" for line in lines), ")"]))
        final = self._select(outputs, source, keep, "")
        return f"with {', '.join(written)}\n{final}" if written else final

    def selects(self, program: Program, keep: Sequence[str]) -> list[list[str]]:
        """The same program as lists of columns, each to be selected from the one before.

        For engines that chain frames. `keep` is SQL of the columns that pass through.
        """
        program = lowered(program) if self.dialect.transact else program
        steps = [
            [*keep, *step.carried, *(f"{self._once(name, expr)} as {name}" for name, expr in step.made)]
            for step in program.steps
        ]
        outputs = [f"{self.expr(expr)} as {self._output(name)}" for name, expr in program.outputs]
        return [*steps, [*keep, *outputs]]

    def _output(self, name: str) -> str:
        """The name of an output, quoted if some database does not take it unquoted, as T-SQL `plan`."""
        is_quoted = name.startswith(self.dialect.mark)
        is_plain = not self.dialect.transact and PLAIN.fullmatch(name)
        return name if is_quoted or is_plain else self.dialect.quote(name)

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
        match expr:  # the most frequent first: a forest has millions of them
            case Column():
                return expr.name
            case Literal(value, "double"):
                return self.double(float(value))
            case Compare():
                return f"{self.expr(expr.left)} {expr.op} {self.expr(expr.right)}"
            case Case():
                whens = (f"when {self.expr(when)} then {self.expr(then)}" for when, then in expr.whens)
                default = "" if expr.default is None else f" else {self.expr(expr.default)}"
                return f"case {' '.join(whens)}{default} end"
            case Feature():
                return self._feature(expr)
            case Literal(value, "text"):
                return self.text(str(value))
            case Literal(value, "integer"):
                return str(int(value))
            case Literal(value, "boolean"):
                return f"cast({int(value)} as bit)" if self.dialect.transact else str(bool(value)).lower()
            case Literal():
                return "null"
            case Parameter():
                return f"{{{{ decision[{expr.name!r}] }}}}"
            case Arith():
                return f"({self.expr(expr.left)} {expr.op} {self.expr(expr.right)})"
            case Sum():
                return self._sum(expr)
            case Call():
                return self._call(expr.name, [self.expr(arg) for arg in expr.args])
            case Logic():
                return "(" + f" {expr.op} ".join(self.expr(arg) for arg in expr.args) + ")"
            case IsNull():
                return f"{self.expr(expr.arg)} is {'not ' if expr.negated else ''}null"
            case In():
                values = ", ".join(self.expr(value) for value in expr.values)
                return f"{self.expr(expr.arg)} {'not ' if expr.negated else ''}in ({values})"
            case Lookup():
                return self._lookup(expr)
            case Cast():
                return self._cast(expr)
            case Udf(name, args):
                head = self.expr(Parameter(name)) if self.jinja else name
                return f"{head}({', '.join(self.expr(arg) for arg in args)})"

    def _feature(self, expr: Feature) -> str:
        column = self.columns[expr.position]
        if template := {"given": "{x}", **self.dialect.times}.get(expr.type):
            return template.replace("{x}", column)
        return f"cast({column} as {self.dialect.types[expr.type]})"

    def double(self, value: float) -> str:
        """A double literal that reads back as the same double."""
        if not math.isfinite(value) and self.dialect.transact:
            return "null"
        if not math.isfinite(value):
            name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            return f"cast('{name}' as {self.dialect.types['double']})"
        digits = double(value)
        return f"'{digits}'{self.dialect.suffix}" if self.dialect.suffix else digits

    def text(self, value: str) -> str:
        """A string literal; an expression if it has line ends, which indenting and Jinja would change."""
        character = "char" if self.dialect.transact else "chr"
        parts = [
            f"{character}({ord(part)})" if LINE_END.match(part) else self._quoted(part)
            for part in LINE_END.split(value)
            if part
        ]
        return f"({self.dialect.concat.join(parts)})" if len(parts) > 1 else parts[0] if parts else "''"

    def _quoted(self, value: str) -> str:
        literal = self.dialect.literal(value)
        if self.dialect.transact and not value.isascii():
            literal = UNICODE.replace("{x}", f"N{literal}")
        return no_jinja(literal) if self.jinja else literal

    def _sum(self, expr: Sum) -> str:
        terms = [self.expr(term) for term in expr.terms]
        if len(terms) <= TERMS_ON_A_LINE:
            return f"({' + '.join(terms)})"
        return "(\n        " + "\n        + ".join(terms) + "\n    )"

    def _call(self, name: str, args: list[str]) -> str:
        match name, args:
            case "exp", [x]:
                bounds = ((">", 709.782712893384, math.inf), ("<", -745.1332191019411, 0.0))
                return self._bounded(f"exp({x})", x, *bounds)
            case "exp_down", [x]:  # of a number that is not above 0
                return self._bounded(f"exp({x})", x, ("<", -600.0, 0.0))
            case "sigmoid", [x]:
                one = self.double(1.0)
                value = f"({one} / ({one} + exp(-{x})))"
                return self._bounded(value, x, ("<", -700.0, 0.0), (">", 700.0, 1.0))
            case "is_nan", [x]:
                return "(" + self.dialect.is_nan.format(x=x, nan=self.double(math.nan)) + ")"
            case "join", _:
                return self._join(args)
            case "concat", _:
                return f"({self.dialect.concat.join(args)})"
            case "mod", [x, by] if self.dialect.transact:
                return f"({x} % {by})"
            case "ln", [x] if self.dialect.transact:
                return f"log({x})"
        return f"{name}({', '.join(args)})"

    def _bounded(self, value: str, x: str, *bounds: tuple[str, float, float]) -> str:
        """`value`, which is computed by exp(), and what it is beyond the bounds of `x` where exp() raises."""
        if self.dialect.ieee:
            return value
        whens = (f"when {x} {op} {self.double(end)} then {self.double(then)}" for op, end, then in bounds)
        return f"case {' '.join(whens)} else {value} end"

    def _join(self, args: list[str]) -> str:
        """The strings that are not NULL, joined by `;`."""
        if self.dialect.concat_ws:
            # T-SQL cuts at 8,000 bytes unless one is of a long type; the separator is an argument too
            first = ["cast(null as varchar(max))"] if self.dialect.transact else []
            most = (self.dialect.arguments or len(args) + 2) - 1 - len(first)
            if len(args) > most:  # a piece without any string would be joined as an empty one
                parts = [args[i : i + most] for i in range(0, len(args), most)]
                args = [f"nullif({self._join(part)}, '')" for part in parts]
            return "concat_ws(';',\n        " + ",\n        ".join([*first, *args]) + "\n    )"
        if len(args) == 1:
            return args[0]
        return "substr(" + " || ".join(f"coalesce(';' || {arg}, '')" for arg in args) + ", 2)"

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
