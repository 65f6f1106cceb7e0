"""What the checks of rows in SQL give for a value of their feature, as DuckDB computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scorehouse.certificate.forest import NotRead
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions
from scorehouse.registry.signature import Signature

READ_AS = {"double": "double", "integer": "double", "boolean": "boolean", "string": "text"}
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Values:
    """The values of checks; NotRead for what no check of this compiler has."""

    def __init__(self, program: SqlExpressions, signature: Signature) -> None:
        self.program = program
        self.signature = signature
        self._known: dict[int, set[Any]] = {}  # the values of each list of literals

    def of(self, expr: Expr, row: Any) -> Any:
        """What a check is for `row`, the value of its feature; None for NULL. A text lacks what it shows."""
        ((kind, parts),) = self.program.named(expr).items()
        if kind == "Feature":
            if parts[1] != READ_AS[self.signature.features[parts[0]].type]:
                raise NotRead(f"a feature that is read as {parts[1]} is not read in SQL")
            return row
        if kind == "Literal":
            return None if parts[1] == "null" else parts[0]
        if kind == "IsNull":
            return (self.of(parts[0], row) is None) != parts[1]
        if kind == "Logic":
            return _logic(parts[0], [self.of(one, row) for one in parts[1]])
        if kind == "Compare" and parts[0] in COMPARED:
            return _compare(parts[0], *(self.of(one, row) for one in parts[1:]))
        if kind == "In" and not parts[2]:
            known = self._known.setdefault(id(parts), {one["Literal"][0] for one in parts[1]})
            given = self.of(parts[0], row)
            return None if given is None else given in known
        if kind == "Case":
            chosen = (then for when, then in parts[0] if self.of(when, row) is True)
            then = next(chosen, parts[1])
            return None if then is None else self.of(then, row)
        if kind == "Cast" and parts[1] in ("text", "integer"):
            self.of(parts[0], row)  # which has to be read, though what it shows is not compared
            return ""
        if kind == "Call":
            return self._called(parts[0], parts[1], row)
        raise NotRead(f"a check by {kind} is not read in SQL")

    def _called(self, name: str, args: Sequence[Expr], row: Any) -> Any:
        values = [self.of(one, row) for one in args]
        if name == "concat":
            return values[0]
        if name == "join":
            return ";".join(one for one in values if one is not None) or None
        (value,) = values
        if value is None:
            return None
        if name == "not":
            return not value
        if name == "is_nan":
            return bool(math.isnan(value))
        if name == "abs":
            return abs(value)
        if name == "floor":
            return math.floor(value) if math.isfinite(value) else value
        raise NotRead(f"a check by {name} is not read in SQL")


def _logic(op: str, values: list[Any]) -> Any:
    decides = op == "or"
    if any(one is decides for one in values):
        return decides
    return None if None in values else not decides


def _compare(op: str, a: Any, b: Any) -> Any:
    """As DuckDB compares: NaN is equal to itself and larger than every number."""
    if a is None or b is None:
        return None
    if isinstance(a, float) and isinstance(b, float) and (math.isnan(a) or math.isnan(b)):
        return COMPARED[op](math.isnan(a), math.isnan(b))
    return COMPARED[op](a, b)
