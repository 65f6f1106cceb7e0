"""Which rows SQL rejects, compared with the checks of the kernel, value by value.

Each check is of one feature, and changes only at numbers and texts that it names. So a feature is tried at
each of them, beside and between them, and at what databases treat apart: NULL, NaN and infinities.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from scorehouse.certificate.forest import NotRead
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions, Values
from scorehouse.kernel.rows import LARGEST, check_batch
from scorehouse.registry.signature import Feature, Signature

UNKNOWN_TEXT = "a text that nothing names"
TYPES = {"double": pa.float64(), "integer": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
EXTREMES = (None, math.nan, math.inf, -math.inf, 0.0, 0.5, -0.5, 1.0, 2.0**53, LARGEST, -LARGEST)
NO_REASON = ("Literal", "", "null")


class Checks:
    """The reasons to reject a row that SQL has, beside those of a signature."""

    def __init__(self, program: SqlExpressions, signature: Signature) -> None:
        self.program = program
        self.signature = signature
        self.value_of = Values(program, signature).of
        if others := [one.name for one in signature.features if one.type not in TYPES]:
            raise NotRead(f"the checks of a time, such as {others[0]!r}, are not read in SQL")

    def differ(self, scores: Mapping[str, Expr], *, may_overflow: bool) -> list[str]:
        """How reasons, status and checks of scores differ from those of the kernel.

        `scores` are what must be finite, by name; `may_overflow`: they may be infinite. The checks that the
        program passed when its scores were read are judged, too.
        """
        *_, status, rejected = self.program.results
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
        holds: dict[int, list[Expr]] = defaultdict(list)
        said: dict[int, Expr] = {}
        if reason is not None:
            holes: dict[Any, Expr] = {}
            whens, default = self.program.named(reason).get("Case", ([], None))
            if default is None or not self._fits([[("hole", "holds"), NO_REASON]], whens, holes):
                raise NotRead("its reasons are no case over all checks")
            name, parts = self.program.named(default).get("Call", ("", ()))
            if name != "join":
                raise NotRead("its reasons are not joined")
            for one in self._all_of(holes["holds"]):
                holds[self._feature(one)].append(one)
            said = {self._feature(one): one for one in parts}
            if [*said] != sorted(said) or len(said) != len(parts):
                raise NotRead("its reasons are not in the order of the features")
        guards: dict[int, list[tuple[Expr, bool]]] = defaultdict(list)
        for condition, then in self.program.checks.values():
            is_value = "Feature" in self.program.named(then)
            for one in [condition] if is_value else self._all_of(condition):
                guards[self._feature(one)].append((one, is_value))
        texts = []
        for place in range(len(self.signature.features)):
            parts = [said[place]] if place in said else []
            texts += self._of_feature(place, holds[place], parts, guards[place])
        return texts

    def _of_feature(
        self, place: int, holds: list[Expr], said: list[Expr], guards: list[tuple[Expr, bool]]
    ) -> list[str]:
        """The first value of a feature that the program judges otherwise than the kernel."""
        feature = self.signature.features[place]
        every = [*holds, *said, *(one for one, _ in guards)]
        values = [*_values(feature, {literal for expr in every for literal in self._literals(expr)})]
        batch = pa.RecordBatch.from_arrays([pa.array(values, TYPES[feature.type])], [feature.name])
        reasons = check_batch(replace(self.signature, features=(feature,)), batch, frozenset()).reasons
        expected = [None] * len(values) if reasons is None else reasons.to_pylist()
        for value, wanted in zip(values, expected, strict=True):
            found = self.value_of(said[0], value) if said else None
            is_refused = not all(self.value_of(one, value) is True for one in holds)
            if not _is_reason(found, wanted) or is_refused != (wanted is not None):
                return [f"{feature.name!r} = {value!r} gives {found!r}, the kernel {wanted!r}"]
            is_nan = value != value
            if wanted is not None or value is None:
                continue
            if is_nan and place in self.program.unguarded:
                return [f"{feature.name!r} = nan, which is a missing value, is read as a number"]
            for one, is_value in guards:
                if (self.value_of(one, value) is True) == (is_nan and is_value):
                    return [f"{feature.name!r} = {value!r} is lost on the way, though its row is accepted"]
        return []

    def _feature(self, expr: Expr) -> int:
        """The one feature on which a check hangs."""
        found = self._features(expr)
        if len(found) != 1:
            raise NotRead("a check of several features is not read in SQL")
        return next(iter(found))

    def _all_of(self, condition: Expr) -> Iterator[Expr]:
        """Conditions that hold together; of a sum that is finite, since all that is summed is, the others."""
        node = self.program.named(condition)
        if "Logic" in node and node["Logic"][0] == "and":
            for one in node["Logic"][1]:
                yield from self._all_of(one)
        elif "Case" in node and node["Case"][1] is not None and self._is_short_way(node["Case"]):
            yield from self._all_of(node["Case"][1])
        else:
            yield node

    def _is_short_way(self, case: Sequence[Any]) -> bool:
        """Whether a case is true where the sum of features is finite, before it asks whether each is."""
        whens, each = case
        total: dict[Any, Expr] = {}
        form = ("Compare", "<=", ("Call", "abs", [("hole", "sum")]), ("Literal", LARGEST, "double"))
        if len(whens) != 1 or not self._fits([form, ("Literal", True, "boolean")], whens[0], total):
            return False
        added = {self._feature(one) for one in self._terms(total["sum"])}
        for one in self._all_of(each):
            own: dict[Any, Expr] = {}
            form = ("Compare", "<=", ("Call", "abs", [("hole", "x")]), ("Literal", LARGEST, "double"))
            if not self._fits(form, one, own) or own["x"].get("Feature", [-1])[0] not in added:
                return False
        return True

    def _terms(self, expr: Expr) -> Iterator[Expr]:
        node = self.program.named(expr)
        if "Sum" in node:
            for one in node["Sum"][0]:
                yield from self._terms(one)
        elif "Feature" in node:
            yield node
        else:
            raise NotRead("a check of a sum of what is no feature is not read in SQL")

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
