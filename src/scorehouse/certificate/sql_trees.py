"""Trees that are nested cases, and those of a library, each node with a number that equal ones share.

A split with equal sides is none: neither SQL nor the comparison has it. A node is a leaf (value, whether it
is a float32), a split (column, cut, whether a missing value goes left, up to which size a value counts as
missing, its sides) or one by category (column, codes, the side of those, that of all others).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scorehouse.certificate.columns import Column
from scorehouse.certificate.forest import MIDDLE, Forest, NotRead
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions
from scorehouse.registry.signature import Signature

MAGNITUDE = (1 << 63) - 1


LEAF, SPLIT, CATEGORY = "leaf", "split", "category"
Node = tuple[Any, ...]


class Nodes:
    """Numbers of nodes: two of one kind of trees have the same number if they are the same for every row.

    `column` gives what names the column that an expression or a place is.
    """

    def __init__(self, program: SqlExpressions, column: Callable[[Any], Any]) -> None:
        self.program = program
        self.column = column
        self.numbers: dict[Node, int] = {}
        self.nodes: list[Node] = []

    def leaf(self, value: float, *, single: bool) -> int:
        return self._of(LEAF, None, (value + 0.0, single))

    def _of(self, *node: Any) -> int:
        if node not in self.numbers:
            self.numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self.numbers[node]

    def _split(self, column: Any, cut: int, missing_left: bool, zero: float, sides: tuple[int, int]) -> int:
        if sides[0] == sides[1]:
            return sides[0]
        return self._of(SPLIT, self.column(column), (cut, missing_left, zero), *sides)

    def _category(self, column: Any, codes: frozenset[int], named: int, others: int) -> int:
        if named == others or not codes:
            return others
        return self._of(CATEGORY, self.column(column), codes, named, others)

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
            return self._category(parts[0], frozenset(map(int, codes)), yes, no)
        if kind == "Logic":
            return self._around_zero(parts[0], parts[1], yes, no)
        if kind != "Compare" or parts[0] not in ("<=", ">"):
            raise NotRead(f"a tree splits by a {kind}, which is not read")
        missing_left = parts[0] == ">"  # a NULL compares with nothing and goes to the other side
        cut = _place(_number(parts[2]))
        return self._split(parts[1], cut, missing_left, 0.0, (no, yes) if missing_left else (yes, no))

    def _around_zero(self, op: str, args: list[Expr], yes: int, no: int) -> int:
        """A split for which 0 is a missing value."""
        if op == "or":
            pattern = [
                ("IsNull", ("hole", "x"), False),
                ("Compare", "<=", ("Call", "abs", [("hole", "x")]), ("hole", "zero")),
                ("Compare", "<=", ("hole", "x"), ("hole", "edge")),
            ]
        else:
            pattern = [
                ("Compare", "<=", ("hole", "x"), ("hole", "edge")),
                ("Compare", ">", ("Call", "abs", [("hole", "x")]), ("hole", "zero")),
            ]
        holes: dict[Any, Expr] = {}
        if not self.program.fits(pattern, args, holes):
            raise NotRead("a tree splits by several conditions, which are not read")
        edge, zero = _number(holes["edge"]), _number(holes["zero"])
        if abs(edge) <= zero:  # what counts as 0 is compared as the next larger number
            edge = math.nextafter(-zero, -math.inf)
        (first, *_) = args
        column = first["IsNull"][0] if op == "or" else first["Compare"][1]
        return self._split(column, _place(edge), op == "or", zero, (yes, no))

    def _leaf_of(self, kind: str, parts: Any) -> int:
        if kind == "Cast" and parts[1] == "real":
            return self.leaf(_number(parts[0]), single=True)
        if kind == "Literal" and parts[1] == "double":
            return self.leaf(float(parts[0]), single=False)
        raise NotRead(f"a tree has a leaf that is a {kind}, which is not read")

    def of_library(self, forest: Forest, output: int) -> list[int]:
        """The roots of an estimator's trees that are added to an output, in their order."""
        left, right = forest.left.tolist(), forest.right.tolist()
        cuts, features = forest.cut.tolist(), forest.feature.tolist()
        missing, values = forest.missing_left.tolist(), forest.value.tolist()
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
            if i in forest.categories:
                others_left, named = forest.categories[i]
                others, other = sides if others_left else sides[::-1]
                return self._category(features[i], named, other, others)
            return self._split(features[i], cuts[i], missing[i], forest.zero_at(i), sides)

        return [node(root, place) for root, place in chosen]


def with_codes(forest: Forest, columns: list[Column], signature: Signature) -> tuple[Forest, list[Column]]:
    """The trees over these columns and those of codes: a category with decimals is cut to a whole number."""
    made, feature = [*columns], forest.feature.copy()
    for node in forest.categories:
        column = columns[int(feature[node])]
        if column[0] == "feature" and signature.features[column[1]].type == "double":
            code = ("code", column)
            made += [] if code in made else [code]
            feature[node] = made.index(code)
    return replace(forest, feature=feature), made


class Pairs:
    """Which nodes of SQL are those of a library; `same` compares what names their columns."""

    def __init__(self, found: Nodes, expected: Nodes, same: Callable[[Any, Any], bool]) -> None:
        self.found, self.expected, self.same = found.nodes, expected.nodes, same
        self.known: dict[tuple[int, int], bool] = {}

    def equal(self, a: int, b: int) -> bool:
        """Whether two nodes are the same for every row."""
        if (a, b) not in self.known:
            (kind, column, rule, *sides), (other, place, wanted, *others) = self.found[a], self.expected[b]
            self.known[a, b] = (
                (kind, rule) == (other, wanted)
                and (kind == LEAF or self.same(column, place))
                and all(self.equal(*pair) for pair in zip(sides, others, strict=True))
            )
        return self.known[a, b]


def _number(expr: Expr) -> float:
    if "Literal" not in expr or expr["Literal"][1] != "double":
        raise NotRead("a tree compares with what is no number")
    return float(expr["Literal"][0])


def _place(value: float) -> int:
    """The place of a double among all of them."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value + 0.0))
    return int(MIDDLE) + (bits if bits >= 0 else -(bits & MAGNITUDE))
