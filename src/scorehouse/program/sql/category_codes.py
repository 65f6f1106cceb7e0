"""What a tree reads of a feature that it splits by category."""

from __future__ import annotations

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import NULL, Call, Case, Compare, Expr, Literal, number


def code_of(b: Builder, value: Value, column: Expr) -> Expr:
    """A category as its code: a number with decimals is cut to a whole one, which is missing below 0."""
    if _is_whole(b, value):
        return column
    given = b.rounded(value).expr if value.is_single else column
    whole = Call("floor", (Call("abs", (given,)),))
    return b.bind(Case(((Compare(">", given, number(-1.0)), whole),)), f"code {value.name}")


def _is_whole(b: Builder, value: Value) -> bool:
    answers = [value.expr]
    if isinstance(value.expr, Case):  # of an encoder
        answers = [*(then for _, then in value.expr.whens), value.expr.default or NULL]
    if all(one == NULL or (isinstance(one, Literal) and float(one.value) % 1 == 0) for one in answers):
        return True
    origin = value.origin
    if origin is None or (origin.scale, origin.offset) != (1.0, 0.0):
        return False
    return b.signature.features[origin.position].type != "double"
