"""Which rows SQL rejects, compared with the checks of the kernel, value by value.

Each check is of one feature, and changes only at numbers and texts that it names. So a feature is tried at
each of them, beside and between them, and at what databases treat apart: NULL, NaN and infinities.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from scorehouse.certificate.forest import NotRead
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions
from scorehouse.kernel.rows import check_batch
from scorehouse.registry.signature import Feature, Signature

LARGEST = 1.7976931348623157e308
UNKNOWN_TEXT = "a text that nothing names"
TYPES = {"double": pa.float64(), "integer": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
EXTREMES = (None, math.nan, math.inf, -math.inf, 0.0, 0.5, -0.5, 1.0, 2.0**53, LARGEST, -LARGEST)
NO_REASON = ("Literal", "", "null")
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Checks:
    """The reasons to reject a row that SQL has, beside those of a signature."""

    def __init__(self, program: SqlExpressions, signature: Signature) -> None:
        self.program = program
        self.signature = signature
        if others := [one.name for one in signature.features if one.type not in TYPES]:
            raise NotRead(f"the checks of a time, such as {others[0]!r}, are not read in SQL")

    def differ(self, results: Sequence[Expr], scores: Mapping[str, Expr], *, may_overflow: bool) -> list[str]:
        """How reasons, status and checks of scores differ from those of the kernel.

        `scores` are what must be finite, by name; `may_overflow`: they may be infinite.
        """
        *_, status, rejected = results
        accepted = ("IsNull", ("hole", "reason"), False)
        form = ("Case", [[accepted, ("Literal", "scored", "text")]], ("Literal", "rejected", "text"))
        if not self._fits(form, status, {"reason": self.program.named(rejected)}):
            return ["the status of a row does not follow from its reason"]
        node = self.program.named(rejected)
        if "Case" not in node or node["Case"][1] is not None:
            raise NotRead("its reasons are no case")
        *whens, last = node["Case"][0]
        if not self._is_of_scores(last, scores, may_overflow=may_overflow):
            return ["a score that is not finite is not rejected as such"]
        if not whens:
            return self._compared(None)
        if len(whens) > 1:
            raise NotRead("rows on which a step fails are not read in SQL")
        holes: dict[Any, Expr] = {}
        if not self._fits([("IsNull", ("hole", "r"), True), ("hole", "r")], whens[0], holes):
            return ["a reason is not given where there is one"]
        return self._compared(holes["r"])

    def _is_of_scores(self, when: Sequence[Expr], scores: Mapping[str, Expr], *, may_overflow: bool) -> bool:
        """Whether the last reason is a score that is NULL, or not finite where it may overflow."""
        forms = [_not_finite] if may_overflow else [_not_finite, _missing]
        for form in forms:
            bad = {name: form(("hole", name)) for name in scores}
            any_of = next(iter(bad.values())) if len(bad) == 1 else ("Logic", "or", [*bad.values()])
            said = [
                ("Case", [[one, ("Literal", f"not_finite:{name}", "text")]], None)
                for name, one in bad.items()
            ]
            holes = {name: self.program.named(expr) for name, expr in scores.items()}
            if self._fits([any_of, ("Call", "join", said)], when, holes):
                return True
        return False

    def _fits(self, pattern: Any, expr: Any, holes: dict[Any, Expr]) -> bool:
        return self.program.fits(pattern, expr, holes, see=self.program.named)

    def _compared(self, reason: Expr | None) -> list[str]:
        """How the reasons of a program differ from those of the kernel, feature by feature."""
        named: list[tuple[set[int], Expr]] = []
        if reason is not None:
            holes: dict[Any, Expr] = {}
            node = self.program.named(reason)
            whens, default = node.get("Case", ([], None))
            if default is None or not self._fits([[("hole", "holds"), NO_REASON]], whens, holes):
                raise NotRead("its reasons are no case over all checks")
            name, parts = self.program.named(default).get("Call", ("", ()))
            if name != "join":
                raise NotRead("its reasons are not joined")
            named = [(self._features(one), one) for one in (*self._all_of(holes["holds"]), *parts)]
            if any(len(found) != 1 for found, _ in named):
                raise NotRead("a check of several features is not read in SQL")
        texts: list[str] = []
        usual = [_usual(feature) for feature in self.signature.features]
        for place, feature in enumerate(self.signature.features):
            own = [expr for found, expr in named if found == {place}]
            values = [*_values(feature, [literal for expr in own for literal in self._literals(expr)])]
            expected = self._expected(usual, place, values)
            for value, wanted in zip(values, expected, strict=True):
                row = [*usual]
                row[place] = value
                found = None if reason is None else self._value(reason, row)
                if not _is_reason(found, wanted):
                    texts.append(f"{feature.name!r} = {value!r} gives {found!r}, the kernel {wanted!r}")
                    break
        return texts

    def _expected(self, usual: list[Any], place: int, values: list[Any]) -> list[str | None]:
        columns = [
            pa.array(values if i == place else [usual[i]] * len(values), TYPES[one.type])
            for i, one in enumerate(self.signature.features)
        ]
        batch = pa.RecordBatch.from_arrays(columns, [one.name for one in self.signature.features])
        reasons = check_batch(self.signature, batch, frozenset()).reasons
        return [None] * len(values) if reasons is None else reasons.to_pylist()

    def _all_of(self, condition: Expr) -> Iterator[Expr]:
        """Conditions that hold together; of a sum that is finite, since all that is summed is, the others."""
        node = self.program.named(condition)
        if "Logic" in node and node["Logic"][0] == "and":
            for one in node["Logic"][1]:
                yield from self._all_of(one)
        elif "Case" in node and node["Case"][1] is not None and self._is_short_way(node["Case"][0]):
            yield from self._all_of(node["Case"][1])
        else:
            yield node

    def _is_short_way(self, whens: Sequence[Any]) -> bool:
        """Whether a case is true where the sum of all features is finite, before it asks for each."""
        holes: dict[Any, Expr] = {}
        form = ("Compare", "<=", ("Call", "abs", [("hole", "sum")]), ("Literal", LARGEST, "double"))
        return len(whens) == 1 and self._fits([form, ("Literal", True, "boolean")], whens[0], holes)

    def _features(self, expr: Expr) -> set[int]:
        """The features on which an expression hangs."""
        node = self.program.named(expr)
        return {node["Feature"][0]} if "Feature" in node else set().union(*map(self._features, _inside(node)))

    def _literals(self, expr: Expr) -> Iterator[Any]:
        node = self.program.named(expr)
        if "Literal" in node:
            yield node["Literal"][0]
        for one in _inside(node):
            yield from self._literals(one)

    def _value(self, expr: Expr, row: Sequence[Any]) -> Any:
        """The value of a check for a row; None for NULL, and a text without the value that it shows."""
        ((kind, parts),) = self.program.named(expr).items()
        if kind == "Feature":
            return row[parts[0]]
        if kind == "Literal":
            return None if parts[1] == "null" else parts[0]
        if kind == "IsNull":
            return (self._value(parts[0], row) is None) != parts[1]
        if kind == "Logic":
            return _logic(parts[0], [self._value(one, row) for one in parts[1]])
        if kind == "Compare" and parts[0] in COMPARED:
            return _compare(parts[0], *(self._value(one, row) for one in parts[1:]))
        if kind == "In" and not parts[2]:
            given = self._value(parts[0], row)
            return None if given is None else given in [self._value(one, row) for one in parts[1]]
        if kind == "Case":
            chosen = (then for when, then in parts[0] if self._value(when, row) is True)
            then = next(chosen, parts[1])
            return None if then is None else self._value(then, row)
        if kind == "Cast" and parts[1] in ("text", "integer"):
            return ""
        if kind == "Call":
            return self._called(parts[0], parts[1], row)
        raise NotRead(f"a check by {kind} is not read in SQL")

    def _called(self, name: str, args: Sequence[Expr], row: Sequence[Any]) -> Any:
        if name == "concat":
            return self._value(args[0], row)
        values = [self._value(one, row) for one in args]
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


def _not_finite(score: Any) -> Any:
    size = ("Compare", "<=", ("Call", "abs", [score]), ("Literal", LARGEST, "double"))
    return ("Logic", "or", [_missing(score), ("Call", "not", [size])])


def _missing(score: Any) -> Any:
    return ("IsNull", score, False)


def _inside(node: Expr) -> Iterator[Expr]:
    """The expressions directly inside one."""
    ((_, parts),) = node.items()
    waiting: list[Any] = [*parts]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            yield part
        elif isinstance(part, list):
            waiting += part


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


def _usual(feature: Feature) -> Any:
    """A value that is accepted."""
    if feature.categories and feature.type != "boolean":
        return feature.categories[0] if feature.type == "string" else float(feature.categories[0])
    return {"string": "a text", "boolean": True}.get(feature.type, 0.0)


def _values(feature: Feature, literals: Iterable[Any]) -> Iterator[Any]:
    """Every kind of value on which a check of a feature may hang."""
    named = [*literals, *(feature.categories or ())]
    if feature.type == "boolean":
        yield from (None, True, False)
    elif feature.type == "string":
        yield from (None, UNKNOWN_TEXT, "", *(one for one in named if isinstance(one, str)))
    else:
        edges = {*filter(None, EXTREMES), *((feature.max_magnitude,) if feature.max_magnitude else ())}
        edges |= {float(one) for one in named if type(one) in (int, float)}
        finite = sorted(x for x in {*edges, *(-one for one in edges)} if math.isfinite(x))
        between = [a / 2 + b / 2 for a, b in itertools.pairwise(finite)]
        yield from EXTREMES
        for x in (*finite, *between, *(float(math.floor(one)) for one in between)):
            yield from (x, math.nextafter(x, -math.inf), math.nextafter(x, math.inf))


def _is_reason(found: str | None, wanted: str | None) -> bool:
    """Whether two reasons are the same; one that shows a value ends with = here."""
    if found is None or wanted is None:
        return found == wanted
    return found == wanted or (found.endswith("=") and wanted.startswith(found))
