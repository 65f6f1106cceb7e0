"""The expressions that SQL is printed of, read without the checks of inputs that stand around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scorehouse.certificate.columns import Column, Expressions
from scorehouse.certificate.forest import NotRead

Expr = Mapping[str, Any]
LONGEST = 10_000  # columns that stand for each other
TRUE = {"Literal": [True, "boolean"]}


class SqlExpressions(Expressions):
    """The columns that a program of SQL makes, by name, and its results.

    A check gives NULL in place of a value that the signature refuses; here a checked value is the value, for
    rows that are accepted.
    """

    def __init__(self, program: Mapping[str, Any], features: int) -> None:
        super().__init__(program, features)
        self.results: dict[str, Expr] = dict(program["outputs"])
        if len(self.made) != sum(len(made) for made, _ in program["steps"]):
            raise NotRead("two of its columns have one name")

    def bare(self, expr: Expr) -> tuple[str, Any]:
        """The kind and parts of what an expression stands for."""
        ((kind, parts),) = self.node(expr).items()
        return kind, parts

    def node(self, expr: Expr) -> Expr:
        """What an expression stands for, behind names of columns and checks; the same object for a column."""
        for _ in range(LONGEST):
            ((kind, parts),) = expr.items()
            if kind == "Column":
                expr = self.made[parts[0]]
            elif kind == "Case" and self._is_check(parts):
                expr = parts[0][0][1]
            else:
                return expr
        raise NotRead("its columns stand for each other")

    def _is_check(self, case: Sequence[Any]) -> bool:
        whens, default = case
        return default is None and len(whens) == 1 and self._checks(whens[0][0])

    def _checks(self, condition: Expr) -> bool:
        """Whether a condition is one of the checks of numbers: finite, no larger than a limit, whole."""
        ((kind, parts),) = self.named(condition).items()
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

    def _case(self, whens: Sequence[Any], default: Any) -> Column:
        return self.of(whens[0][1]) if self._is_check((whens, default)) else super()._case(whens, default)

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
        self, pattern: Any, expr: Any, holes: dict[Any, Expr], *, see: Callable[[Expr], Expr] | None = None
    ) -> bool:
        """Whether an expression has the form of a pattern; fills its holes. `see` looks behind names.

        A pattern is a kind with its parts, a list of patterns, a constant, or ("hole", name), which is the
        same expression wherever it stands.
        """
        if isinstance(pattern, list):
            return len(pattern) == len(expr) and all(
                self.fits(a, b, holes, see=see) for a, b in zip(pattern, expr, strict=True)
            )
        if not isinstance(pattern, tuple):
            return bool(pattern == expr) and type(pattern) is type(expr)
        node = (see or self.node)(expr)
        if pattern[0] == "hole":
            found = holes.setdefault(pattern[1], node)
            return found is node or found == node
        ((kind, parts),) = node.items()
        return bool(kind == pattern[0]) and self.fits([*pattern[1:]], parts, holes, see=see)
