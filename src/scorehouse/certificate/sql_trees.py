"""Trees that are nested cases, and those of a library, each node with a number that equal ones share.

A split with equal sides is none: neither SQL nor the comparison has it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

from scorehouse.certificate.forest import MIDDLE, ZERO, Forest, NotRead
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions

MAGNITUDE = (1 << 63) - 1


class Nodes:
    """Numbers of nodes: two have the same number if they are the same for every row.

    `column` gives the number of the column that an expression is.
    """

    def __init__(self, program: SqlExpressions, column: Callable[[Expr], int]) -> None:
        self.program = program
        self.column = column
        self.numbers: dict[tuple[Any, ...], int] = {}

    def leaf(self, value: float, *, single: bool) -> int:
        return self._of("leaf", value + 0.0, single)

    def _of(self, *node: Any) -> int:
        return self.numbers.setdefault(node, len(self.numbers))

    def _split(self, column: int, cut: int, missing_left: bool, zero: bool, sides: tuple[int, int]) -> int:
        return (
            sides[0] if sides[0] == sides[1] else self._of("split", column, cut, missing_left, zero, *sides)
        )

    def _category(self, column: int, codes: frozenset[int], named: int, others: int) -> int:
        if named == others or not codes:
            return others
        return self._of("category", column, codes, named, others)

    def of_sql(self, expr: Expr) -> int:
        """The root of a tree, from its nested cases."""
        kind, parts = self.program.bare(expr)
        if kind != "Case":
            return self._leaf_of(kind, parts)
        ((condition, then),), default = parts
        if default is None:
            raise NotRead("a tree has a case without another side")
        yes, no = self.of_sql(then), self.of_sql(default)
        ((kind, parts),) = condition.items()
        if kind == "In" and not parts[2]:
            codes = [value["Literal"][0] for value in parts[1]]
            if any(code != int(code) for code in codes):
                raise NotRead("a split by category names what is no code")
            return self._category(self.column(parts[0]), frozenset(map(int, codes)), yes, no)
        if kind == "Logic":
            return self._around_zero(parts[0], parts[1], yes, no)
        if kind != "Compare" or parts[0] not in ("<=", ">"):
            raise NotRead(f"a tree splits by a {kind}, which is not read")
        missing_left = parts[0] == ">"  # a NULL compares with nothing and goes to the other side
        cut = _place(_number(parts[2]))
        return self._split(
            self.column(parts[1]), cut, missing_left, False, (no, yes) if missing_left else (yes, no)
        )

    def _around_zero(self, op: str, args: list[Expr], yes: int, no: int) -> int:
        """A split for which 0 is a missing value."""
        if op == "or":
            pattern = [
                ("IsNull", ("hole", "x"), False),
                ("Compare", "<=", ("Call", "abs", [("hole", "x")]), ("Literal", ZERO, "double")),
                ("Compare", "<=", ("hole", "x"), ("hole", "edge")),
            ]
        else:
            pattern = [
                ("Compare", "<=", ("hole", "x"), ("hole", "edge")),
                ("Compare", ">", ("Call", "abs", [("hole", "x")]), ("Literal", ZERO, "double")),
            ]
        holes: dict[Any, Expr] = {}
        if not self.program.fits(pattern, args, holes):
            raise NotRead("a tree splits by several conditions, which are not read")
        edge = _number(holes["edge"])
        if abs(edge) <= ZERO:  # what counts as 0 is compared as the next larger number
            edge = math.nextafter(-ZERO, -math.inf)
        return self._split(self.column(holes["x"]), _place(edge), op == "or", True, (yes, no))

    def _leaf_of(self, kind: str, parts: Any) -> int:
        if kind == "Cast" and parts[1] == "real":
            return self.leaf(_number(parts[0]), single=True)
        if kind == "Literal" and parts[1] == "double":
            return self.leaf(float(parts[0]), single=False)
        raise NotRead(f"a tree has a leaf that is a {kind}, which is not read")

    def of_library(self, forest: Forest, columns: Mapping[int, int], output: int) -> list[int]:
        """The roots of an estimator's trees that are added to an output, in their order."""
        left, right = forest.left.tolist(), forest.right.tolist()
        cuts, features = forest.cut.tolist(), forest.feature.tolist()
        missing, zeros, values = forest.missing_left.tolist(), forest.zero.tolist(), forest.value.tolist()
        groups, width = forest.facts["the output of each tree"], forest.value.shape[1]
        single = forest.facts["the sums are in float32"]
        chosen = [
            (root, output - group)
            for root, group in zip(forest.roots.tolist(), groups, strict=True)
            if group <= output < group + width
        ]

        def node(i: int, place: int) -> int:
            if left[i] < 0:
                return self.leaf(values[i][place], single=single)
            sides = node(left[i], place), node(right[i], place)
            column = columns[features[i]]
            if i in forest.categories:
                others_left, named = forest.categories[i]
                others, other = sides if others_left else sides[::-1]
                return self._category(column, named, other, others)
            return self._split(column, cuts[i], missing[i], zeros[i], sides)

        return [node(root, place) for root, place in chosen]


def _number(expr: Expr) -> float:
    if "Literal" not in expr or expr["Literal"][1] != "double":
        raise NotRead("a tree compares with what is no number")
    return float(expr["Literal"][0])


def _place(value: float) -> int:
    """The place of a double among all of them."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value + 0.0))
    return int(MIDDLE) + (bits if bits >= 0 else -(bits & MAGNITUDE))
