"""The columns that a program computes before its trees or products, in one form with those of fitted steps.

A column is a nested tuple: ("feature", position, type), ("constant", number), and what is made of another
column: ("-", column, number), ("/", ...), ("*", ...), ("+", ...), ("fill", column, value), ("clip", column,
low, high), ("above", column, number), ("bins", column, edges), ("code", column) of a category that is cut to
a whole number, and ("map", column, {value: answer}, answer for a missing value, answer for all others); SAME
as an answer is the value itself, None a missing number.

Features that training held in float32: the estimator gets a table's doubles rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.certificate.forest import NotRead
from scorehouse.registry.signature import Feature

Column = tuple[Any, ...]
# Answers that no document holds: the value itself, and one that no row reads, since it is rejected before.
SAME: Any = ("same",)
ANY: Any = ("any",)
NEUTRAL = {"-": 0.0, "+": 0.0, "/": 1.0, "*": 1.0}


def moved(op: str, column: Column, by: float) -> Column:
    """A number added, subtracted, multiplied with or divided by; left out where that changes nothing."""
    if op == "*" and by == 0.0:
        return ("constant", 0.0)
    return column if NEUTRAL[op] == by else (op, column, float(by))


class Expressions:
    """The outputs of a stored program of expressions; `parameters` are numbers behind its features."""

    def __init__(self, program: Mapping[str, Any], features: int, parameters: Sequence[float] = ()) -> None:
        self.features, self.parameters = features, parameters
        self.outputs = [expr for _, expr in program["outputs"]]
        self.made = {name: expr for made, _ in program["steps"] for name, expr in made}
        self.known: dict[str, Column] = {}

    def columns(self) -> list[Column]:
        """All outputs; NotRead for an expression that this reader does not know."""
        return [self.of(expr) for expr in self.outputs]

    def of(self, expr: Any) -> Column:
        ((kind, parts),) = expr.items()
        if kind == "Column":
            if parts[0] not in self.known:
                self.known[parts[0]] = self.of(self.made[parts[0]])
            return self.known[parts[0]]
        if kind == "Feature":
            if parts[0] >= self.features:
                return ("constant", float(self.parameters[parts[0] - self.features]))
            return ("feature", *parts)
        if kind == "Literal":
            if parts[1] == "null":
                return ("constant", None)
            if parts[1] != ("text" if isinstance(parts[0], str) else "double"):
                raise NotRead(f"the reader does not know a stored literal of type {parts[1]}")
            return ("constant", parts[0] if isinstance(parts[0], str) else float(parts[0]))
        if kind == "Arith":
            return moved(parts[0], self.of(parts[1]), self._number(parts[2]))
        if kind == "Sum" and len(parts[0]) == 2:
            return moved("+", self.of(parts[0][0]), self._number(parts[0][1]))
        if kind == "Call" and parts[0] == "coalesce" and len(parts[1]) == 2:
            return ("fill", self.of(parts[1][0]), self._constant(parts[1][1]))
        if kind == "Case":
            return self._case(*parts)
        raise NotRead(
            f"the reader does not know a stored {kind} {parts[0] if kind == 'Call' else ''}".strip()
        )

    def _constant(self, expr: Any) -> Any:
        column = self.of(expr)
        if column[0] != "constant":
            raise NotRead("the reader does not know a stored computation of two columns")
        return column[1]

    def _number(self, expr: Any) -> float:
        found = self._constant(expr)
        if not isinstance(found, float):
            raise NotRead("the reader does not know arithmetic with what is no number")
        return found

    def _case(self, whens: Sequence[Any], default: Any) -> Column:
        if len(whens) == 1 and default is None and whens[0][1].get("Call", [""])[0] == "floor":
            return self._code(*whens[0])
        conditions = [self._condition(when) for when, _ in whens]
        column = conditions[0][1]
        if any(other != column for _, other, _ in conditions):
            raise NotRead("the reader does not know a stored case over several columns")
        answers = [self._answer(then, column) for _, then in whens]
        otherwise = None if default is None else self._answer(default, column)
        ops = [op for op, _, _ in conditions]
        if ops == ["true", "false"] and answers == [1.0, 0.0]:
            return column
        edges = [value for _, _, values in conditions for value in values]
        if (ops, answers, otherwise) == ([">", "<="], [1.0, 0.0], None) and edges[0] == edges[1]:
            return ("above", column, edges[0])
        if ops == ["<"] * len(edges) + ["known"] and otherwise is None and answers == [*range(len(ops))]:
            return ("bins", column, tuple(edges))
        if ops == ["<", ">"] and otherwise == SAME and answers == [values[0] for _, _, values in conditions]:
            return ("clip", column, *answers)
        if not set(ops) <= {"in", "null"}:
            raise NotRead("the reader does not know a stored case")
        named: dict[Any, Any] = {}
        missing = [answer for op, answer in zip(ops, answers, strict=True) if op == "null"]
        for (_, _, values), answer in zip(conditions, answers, strict=True):
            for value in values:
                named.setdefault(value, answer)
        return ("map", column, named, missing[0] if missing else otherwise, otherwise)

    def _code(self, when: Any, then: Any) -> Column:
        """A category that is cut to a whole number, and missing from -1 on."""
        op, column, values = self._condition(when)
        (inner,) = then["Call"][1]
        is_size = inner.get("Call", [""])[0] == "abs" and self.of(inner["Call"][1][0]) == column
        if (op, values, is_size) != (">", (-1.0,), True):
            raise NotRead("the reader does not know a stored case that rounds down")
        return ("code", column)

    def _condition(self, expr: Any) -> tuple[str, Column, tuple[Any, ...]]:
        """A kind of condition, the column that it is over, and the values that it names."""
        ((kind, parts),) = expr.items()
        if kind == "IsNull":
            return "known" if parts[1] else "null", self.of(parts[0]), ()
        if kind == "In" and not parts[2]:
            return "in", self.of(parts[0]), tuple(self._constant(value) for value in parts[1])
        if kind == "Compare" and parts[0] in ("=", "<", ">", "<="):
            return "in" if parts[0] == "=" else parts[0], self.of(parts[1]), (self._constant(parts[2]),)
        if kind == "Feature" and parts[1] == "boolean":
            return "true", self.of(expr), ()
        if kind == "Call" and parts[0] == "not" and "Feature" in parts[1][0]:
            return "false", self.of(parts[1][0]), ()
        raise NotRead(f"the reader does not know a stored condition {kind}")

    def _answer(self, expr: Any, column: Column) -> Any:
        found = self.of(expr)
        if found == column:
            return SAME
        if found[0] != "constant":
            raise NotRead("the reader does not know a stored case whose answers are computed")
        return found[1]


def differ(found: Column, expected: Column) -> bool:
    """Whether two columns differ for some value that reaches them."""
    if expected[0] != "map":
        return len(found) != len(expected) or any(
            differ(a, b) if _is_column(a) and _is_column(b) else a != b
            for a, b in zip(found, expected, strict=True)
        )
    if found[0] == "constant":
        found = ("map", expected[1], {}, found[1], found[1])
    if found[0] != "map" or differ(found[1], expected[1]):
        return True
    keys = {*expected[2], *(() if expected[4] == ANY else found[2])}
    pairs = [(found[2].get(key, found[4]), expected[2].get(key, expected[4])) for key in keys]
    pairs += [(found[3], expected[3]), (found[4], expected[4])]
    return any(a != b for a, b in pairs if b != ANY)


def _is_column(part: Any) -> bool:
    """Whether it is a column, and no number or edges of bins."""
    return isinstance(part, tuple) and bool(part) and isinstance(part[0], str)


def in_single(features: Sequence[Feature]) -> list[int]:
    """The places of these features."""
    return [i for i, one in enumerate(features) if (one.type, one.dtype.lower()) == ("double", "float32")]


def columns_in_single(columns: Sequence[Column], features: Sequence[Feature], *, trees: bool) -> list[int]:
    """The columns that are one of these features, which trees in SQL may read as doubles.

    NotRead where something else reads one: this reader does not know how SQL rounds it.
    """
    places = in_single(features)
    found = []
    for i, column in enumerate(columns):
        if column[0] == "constant" or feature_of(column) not in places:
            continue
        if trees and column[0] == "feature":
            found.append(i)
        elif column[0] != "map" or column[2]:  # a map without values asks for NULL alone
            name = features[feature_of(column)].name
            raise NotRead(f"how {name!r} becomes a float32 is not read in SQL")
    return found


def feature_of(column: Column) -> int:
    """The feature that a column is made of; a constant, which contributes nothing, counts as the first's."""
    while column[0] not in ("feature", "constant"):
        column = column[1]
    return int(column[1]) if column[0] == "feature" else 0
