"""Compare a stored program with its estimator, part by part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scorehouse.certificate.boosters import Links
from scorehouse.certificate.columns import Column, Expressions, columns_in_single, differ, in_single
from scorehouse.certificate.forest import Forest, NotRead, differences, read_in_single
from scorehouse.certificate.libraries import READERS, name_of, taken_apart, trees_of
from scorehouse.certificate.products import (
    MODELS,
    SHIFTS,
    contributions_differ,
    layers_in,
    links_differ,
    moved_columns,
    products_differ,
    products_of,
)
from scorehouse.certificate.sql import SqlCompared, sums_of
from scorehouse.certificate.sql_trees import with_codes
from scorehouse.certificate.steps import Steps
from scorehouse.certificate.stored_program import Stored, Unreadable, forests_in, read
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

READER, READER_VERSION = "scorehouse.certificate", 3
AS_THEY_ARE = ("float64", "Float64", "float32", "Float32", "category")
PROJECTIONS = ("sklearn.PCA", "sklearn.TruncatedSVD")
SEGMENTED = ("scorehouse.SegmentedClassifier", "scorehouse.SegmentedRegressor")
NOT_SOUND = (LookupError, TypeError, ValueError, AttributeError, RecursionError)  # of JSON that is altered
# every one is a double; libraries that compute in float32 may round others once where a program rounds twice
EXACT_INTEGERS = "whole numbers up to 2**53"
WITHIN = {
    "sql": "rows that its checks accept; weighted sums in another order",
    "checks of sql": "but for the value that a reason shows",
    "reasons": "what they are computed from; means, background and loops are proven on rows",
}


@dataclass(frozen=True)
class Part:
    """A part of a program: `certified` for every input, or proven on rows only, for a `reason`.

    `within` says where a certificate ends, such as whole numbers that no double holds.
    """

    name: str
    certified: bool
    reason: str = ""
    within: str = ""


@dataclass(frozen=True)
class Certificate:
    """What a reader found; `differences` name what is not the estimator's, and where."""

    parts: tuple[Part, ...]
    differences: tuple[str, ...] = ()
    reader: str = READER
    reader_version: int = READER_VERSION

    def names(self, *, certified: bool) -> list[str]:
        """The parts that are certified for every input, or the others."""
        return [part.name for part in self.parts if part.certified == certified]

    def facts(self) -> dict[str, Any]:
        """What the registry keeps of it."""
        return {
            "reader": f"{self.reader} {self.reader_version}",
            "certified": self.names(certified=True),
            "within": {part.name: part.within for part in self.parts if part.within},
            "on_rows": {part.name: part.reason for part in self.parts if not part.certified},
        }


def certify(estimator: Any, program: bytes, version: Version, signature: Signature) -> Certificate:
    """Which parts of a program equal its estimator for every input.

    `program` are the verified bytes of `program.npz`. A part that this reader does not know is proven on rows
    only; a part that it knows and that differs is a difference.
    """
    try:
        pairs = _pairs(estimator, read(program), version, signature)
    except Unreadable as error:
        return Certificate((Part("program", False, str(error)),), (str(error),))
    parts, found = [], []
    for name, compare in pairs:
        try:
            texts = compare()
        except NotRead as error:
            parts.append(Part(name, False, str(error)))
            continue
        except Unreadable as error:
            texts = [str(error)]
        except Exception as error:  # of an attribute that another release of a library names otherwise
            parts.append(Part(name, False, f"its reader fails ({type(error).__name__}: {error})"))
            continue
        has_integers = name == "inputs" and any(one.type == "integer" for one in signature.features)
        within = EXACT_INTEGERS if has_integers else WITHIN.get(name, "")
        reason = f"it differs: {texts[0]}" if texts else ""
        parts.append(Part(name, not texts, reason, "" if texts else within))
        found += [f"{name}: {text}" for text in texts]
    return Certificate(tuple(parts), tuple(found))


def _pairs(
    estimator: Any, stored: Stored, version: Version, signature: Signature
) -> list[tuple[str, Callable[[], list[str]]]]:
    """The parts of a program that has trees or products, each with what compares it."""
    one = _Compared(estimator, stored, version, signature)
    pairs: list[tuple[str, Callable[[], list[str]]]] = []
    if stored.scores:
        sums = "trees" if one.has_trees else "products"
        pairs += [(sums, lambda: one.sums), ("links", one.links), ("preprocessing", lambda: one.columns)]
    elif lost := [name for name in ("native", "matrix") if name in version.program]:
        raise Unreadable(f"it has no scores, and the registry names its backend {lost[0]!r}")
    if pairs or stored.head.get("sql"):
        pairs.append(("inputs", one.inputs))
    if stored.head.get("sql"):
        pairs += [("sql", one.sql), ("checks of sql", one.checks_of_sql)]
    if version.program.get("sql", {}).get("functions"):
        pairs.append(("functions", one.functions))
    if stored.head.get("reasons"):
        pairs.append(("reasons", one.reasons))
    return pairs


class _Compared:
    """A program beside its estimator, or the estimators of its segments."""

    def __init__(self, estimator: Any, stored: Stored, version: Version, signature: Signature) -> None:
        self.estimator, self.stored = estimator, stored
        self.version, self.signature = version, signature
        self.is_segmented = name_of(estimator) in SEGMENTED
        estimators = [estimator]
        if self.is_segmented:
            estimators = [*estimator.estimators_, *filter(None, [estimator.fallback_])]
        self.taken_apart = [taken_apart(one) for one in estimators]
        self.has_trees = "trees" in stored.scores

    @cached_property
    def models(self) -> list[tuple[Any, Links]]:
        """The trees or layers of each segment, and the links of their methods."""
        return [trees_of(one) if self.has_trees else products_of(one) for _, one in self.taken_apart]

    @cached_property
    def forests(self) -> list[Forest]:
        """The trees of each segment that are stored."""
        return forests_in(self.stored)

    @cached_property
    def sums(self) -> list[str]:
        """Trees node by node, or weights and intercepts."""
        others = MODELS if self.has_trees else READERS
        if wrong := [type(one).__name__ for _, one in self.taken_apart if name_of(one) in others]:
            return [f"it has {'trees' if self.has_trees else 'products'}, and the estimator is a {wrong[0]}"]
        expected = [model for model, _ in self.models]
        if self.has_trees:
            if len(self.forests) != len(expected):
                return [f"it has {len(self.forests)} segments, the estimator {len(expected)}"]
            return self._of_each(lambda i: differences(self.forests[i], expected[i]))
        self._require_unfolded()
        if any(name_of(step) in PROJECTIONS for steps, _ in self.taken_apart for step in steps):
            raise NotRead("a projection, which is a product too, is not read")
        behind = layers_in(self.stored)
        while behind and behind[0][0] in SHIFTS:
            behind = behind[1:]
        return self._of_each(lambda i: products_differ(behind, expected[i], i))

    def links(self) -> list[str]:
        """What the methods make of the sums, by name; and the classes."""
        needed = {"predict", self.version.score_method} - {"none", ""}
        texts = self._of_each(lambda i: links_differ(self.stored.scores["links"], self.models[i][1], needed))
        classes = np.asarray(getattr(self.estimator, "classes_", ())).tolist()
        if len(self.version.classes) != len(classes):  # the registry may call them otherwise
            texts.append(f"its classes are {[*self.version.classes]}, the estimator's {classes}")
        return texts

    @cached_property
    def columns(self) -> list[str]:
        """The columns that trees or products read, as the fitted steps make them."""
        self._require_unfolded()
        head, features = self.stored.scores, self.signature.features
        wanted, texts = in_single(features), []
        if sorted(head["singles"]) != wanted:
            texts.append(f"its features in float32 are {head['singles']}, those of the signature {wanted}")
        if head["segments"] != (keys := self._keys()):
            texts.append(f"its segments are {head['segments']}, the estimator's {keys}")
        return texts + self._of_each(self._columns_of)

    def _expected(self, segment: int, *, in_doubles: bool) -> tuple[Steps, list[Column]]:
        """The columns that the model reads, as the fitted steps of the estimator make them."""
        steps, model = self.taken_apart[segment]
        made = Steps(self.signature)
        expected = [*made.features]
        if self.is_segmented:
            del expected[self.estimator.position_]
        for step in steps:
            expected = made.apply(step, expected)
        expected = made.as_read_by(model, expected)
        if in_doubles:
            made.in_doubles()
        return made, expected

    def _found(self, segment: int) -> list[Column]:
        """The columns that the program computes before its trees or products."""
        parameters = self.stored.arrays["parameters"]
        if parameters.ndim != 2 or segment >= parameters.shape[1]:
            raise Unreadable("its parameters are not those of its segments")
        features, numbers = len(self.signature.features), parameters[:, segment].tolist()
        program = Expressions(self.stored.scores["columns"], features, numbers)
        found = program.columns()
        return found if self.has_trees else moved_columns(layers_in(self.stored), found, segment)

    def _columns_of(self, segment: int) -> list[str]:
        _, expected = self._expected(segment, in_doubles=not self.has_trees)
        try:
            found = self._found(segment)
        except (NotRead, *NOT_SOUND) as error:
            return [f"its columns are not those of the steps: {type(error).__name__}: {error}"]
        if len(found) != len(expected):
            return [f"it computes {len(found)} columns, the steps of the estimator {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [f"column {i} is {a}, the estimator's {b}" for i, (a, b) in pairs if differ(a, b)]

    def sql(self) -> list[str]:
        """The expressions that SQL is printed of."""
        return self._sql.differences

    def functions(self) -> list[str]:
        """The functions that SQL calls."""
        raise NotRead("the arrays in their texts are not read")

    def checks_of_sql(self) -> list[str]:
        """The rows that SQL rejects, and why."""
        return self._sql.differences_of_checks(self.signature)

    @cached_property
    def _sql(self) -> SqlCompared:
        ((_, estimator), *others) = self.taken_apart
        if self.is_segmented or others:
            raise NotRead("the SQL of several segments is not read")
        is_forest = name_of(estimator) in READERS
        model, links = trees_of(estimator) if is_forest else products_of(estimator)
        made, expected = self._expected(0, in_doubles=not is_forest)
        singles = columns_in_single(expected, self.signature.features, trees=is_forest)
        if isinstance(model, Forest):
            model, expected = with_codes(read_in_single(model, singles), expected, self.signature)
        head = json.loads(self.stored.arrays["sql"].tobytes())
        return SqlCompared(head, self.version, (model, links), (expected, len(made.features)))

    def reasons(self) -> list[str]:
        """Trees with the rows that they counted, or products; the features of columns, and the unit."""
        if self.sums or self.columns:
            raise NotRead("what it is computed from differs")
        ((model, links),) = self.models
        head = self.stored.head["reasons"]
        if head["against"] != ("background" in self.stored.arrays):
            return ["it has no background, or one that it does not name"]
        texts = contributions_differ(head, self.version, self._found(0), links, sums_of(model))
        if isinstance(model, Forest) and not head["against"]:
            texts += differences(self.forests[0], model, counts=True)
        return texts

    def _require_unfolded(self) -> None:
        if self.is_segmented and not self.has_trees:
            raise NotRead("products of segments may have scales as part of their weights, which is not read")

    def _keys(self) -> dict[str, Any] | None:
        if not self.is_segmented:
            return None
        own = self.estimator
        has_fallback = own.fallback_ is not None
        return {"position": own.position_, "known": own.segments_.tolist(), "has_fallback": has_fallback}

    def inputs(self) -> list[str]:
        """How a value of the table becomes the number that the estimator gets: as it is."""
        given = self.signature.array_dtype
        if self.signature.container == "array" and given.lstrip("u").startswith("int") and given != "int64":
            raise NotRead(f"what an array of {given} makes of larger numbers is not read")
        for feature in self.signature.features:
            known = feature.type in ("string", "boolean", "integer") or feature.dtype in AS_THEY_ARE
            if not known:
                raise NotRead(f"how {feature.name!r}, of dtype {feature.dtype}, becomes a double is not read")
        return []

    def _of_each(self, compare: Callable[[int], list[str]]) -> list[str]:
        """What differs in each segment, which texts name where there are several."""
        texts = [compare(segment) for segment in range(len(self.taken_apart))]
        if not self.is_segmented:
            return texts[0]
        return [f"segment {number}, {text}" for number, own in enumerate(texts) for text in own]
