"""The expressions that SQL is printed of, read without the checks of inputs that stand around them.

What the checks of rows in SQL give for a value of their feature, as DuckDB computes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scorehouse.certificate.columns import Column, Expressions
from scorehouse.certificate.forest import NotRead
from scorehouse.registry.signature import Signature

Expr = Mapping[str, Any]
LONGEST = 10_000  # columns that stand for each other
TRUE = {"Literal": [True, "boolean"]}
LITERALS = ("double", "integer", "text", "boolean", "null")


def _require_known_types(program: Any) -> None:
    """NotRead for a constant of a type that no compiler writes: a printer may write anything for it."""
    waiting = [program]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            literal = part.get("Literal")
            if literal is not None and literal[1] not in LITERALS:
                raise NotRead(f"a constant of the type {literal[1]!r} is not read in SQL")
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


class SqlExpressions(Expressions):
    """The columns that a program of SQL makes, by name, and its results.

    A check gives NULL in place of a value that the signature refuses; here a checked value is the value, for
    rows that are accepted. `checks` has the condition of each check that was passed, and what it guards;
    `unguarded` the features that were read without one.
    """

    def __init__(self, program: Mapping[str, Any], features: int) -> None:
        super().__init__(program, features)
        _require_known_types([program["steps"], program["outputs"]])
        self.results = [expr for _, expr in program["outputs"]]
        self.names = [name for name, _ in program["outputs"]]
        self.checks: dict[int, tuple[Expr, Expr]] = {}
        self.unguarded: set[int] = set()
        self._is_check: dict[int, bool] = {}
        if len(self.made) != sum(len(made) for made, _ in program["steps"]):
            raise NotRead("two of its columns have one name")

    def bare(self, expr: Expr) -> tuple[str, Any]:
        """The kind and parts of what an expression stands for."""
        ((kind, parts),) = self.node(expr).items()
        return kind, parts

    def node(self, expr: Expr) -> Expr:
        """What an expression stands for, behind names of columns and checks; the same object for a column."""
        guarded = False
        for _ in range(LONGEST):
            ((kind, parts),) = expr.items()
            if kind == "Column":
                expr = self.made[parts[0]]
            elif kind == "Case" and parts[1] is None and len(parts[0]) == 1 and self._checks(parts[0][0][0]):
                condition, then = parts[0][0]
                self.checks[id(expr)] = (condition, then)
                expr, guarded = then, True
            else:
                if kind == "Feature" and not guarded:
                    self.unguarded.add(parts[0])
                return expr
        raise NotRead("its columns stand for each other")

    def of(self, expr: Any) -> Column:
        if "Column" not in expr:
            return super().of(self.node(expr))
        name = expr["Column"][0]
        if name not in self.known:
            self.known[name] = super().of(self.node(expr))
        return self.known[name]

    def _checks(self, condition: Expr) -> bool:
        """Whether a condition is one of the checks of numbers: finite, no larger than a limit, whole."""
        node = self.named(condition)
        if id(node) not in self._is_check:
            self._is_check[id(node)] = self._is_one(node)
        return self._is_check[id(node)]

    def _is_one(self, condition: Expr) -> bool:
        ((kind, parts),) = condition.items()
        if kind == "Logic":
            return all(map(self._checks, parts[1]))
        if kind == "Compare":
            left, right = (self.named(part) for part in parts[1:])
            of_size = parts[0] in ("<=", "<", "=") and "Call" in left and left["Call"][0] == "abs"
            is_whole = parts[0] == "=" and "Call" in left and left["Call"][0] == "floor"
            return ("Literal" in right and of_size) or (is_whole and self.named(left["Call"][1][0]) == right)
        if kind == "Call" and parts[0] == "not":
            ((inner, inside),) = self.named(parts[1][0]).items()
            return inner == "Call" and inside[0] == "is_nan"
        if kind == "Case":  # of a sum that is finite only if all that is summed is
            ((when, then),), default = parts
            return then == TRUE and default is not None and self._checks(when) and self._checks(default)
        return False

    def named(self, expr: Expr) -> Expr:
        """What a name of a column stands for."""
        for _ in range(LONGEST):
            if "Column" not in expr:
                return expr
            expr = self.made[expr["Column"][0]]
        raise NotRead("its columns stand for each other")

    def _condition(self, expr: Any) -> tuple[str, Column, tuple[Any, ...]]:
        known = self.named(expr)
        if "Call" in known and known["Call"][0] == "not":
            known = {"Call": ["not", [self.named(known["Call"][1][0])]]}
        return super()._condition(known)

    def terms(self, expr: Expr) -> list[Expr]:
        """The terms of a sum in the order in which they are added; a long one is a sum of a sum and more."""
        node = self.node(expr)
        if "Sum" not in node:
            return [node]
        first, *others = node["Sum"][0]
        return [*self.terms(first), *others]

    def fits(
        self,
        pattern: Any,
        expr: Any,
        holes: dict[Any, Expr],
        *,
        see: Callable[[Expr], Expr] | None = None,
        done: set[tuple[int, int]] | None = None,
    ) -> bool:
        """Whether an expression has the form of a pattern; fills its holes. `see` looks behind names.

        A pattern is a kind with its parts, a list of patterns, a constant, or ("hole", name), which is the
        same expression wherever it stands. `done` has what was found to fit.
        """
        done = set() if done is None else done
        if isinstance(pattern, list):
            return len(pattern) == len(expr) and all(
                self.fits(a, b, holes, see=see, done=done) for a, b in zip(pattern, expr, strict=True)
            )
        if not isinstance(pattern, tuple):
            return bool(pattern == expr) and type(pattern) is type(expr)
        node = (see or self.node)(expr)
        if pattern[0] == "hole":
            found = holes.setdefault(pattern[1], node)
            return found is node or found == node
        pair = (id(pattern), id(node))
        if pair not in done:
            ((kind, parts),) = node.items()
            if kind != pattern[0] or not self.fits([*pattern[1:]], parts, holes, see=see, done=done):
                return False
            done.add(pair)
        return True


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
