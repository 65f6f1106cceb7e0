"""An estimator per segment: a `case` over the scores of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scorehouse.program.sql.builder import Builder, Scores, Value
from scorehouse.program.sql.expression import Case, Compare, Expr, IsNull, all_of, any_of, no, number, text

# A statement holds the estimators of all segments, and compares the segment of a row with each of them.
SEGMENTS_LIMIT = 100


def segmented(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The scores of each row's own estimator, else of the fallback; NULL where there is none."""
    known, ones, fallback = estimator.segments_.tolist(), list(estimator.estimators_), estimator.fallback_
    if len(known) > SEGMENTS_LIMIT:
        raise b.refuse(estimator, f"it has {len(known)} segments, more than {SEGMENTS_LIMIT}")
    values = [b.bound(value) for value in values]
    segment = values.pop(estimator.position_).expr
    classes = getattr(estimator, "classes_", None)
    own = [Compare("=", segment, text(k) if isinstance(k, str) else number(float(k))) for k in known]
    others = any_of([IsNull(segment), *([no(any_of(own))] if own else [])])
    found: list[Scores] = []
    for mine, name, one in zip([*own, others], [*known, None], [*ones, fallback], strict=True):
        if one is None:
            continue
        with b.inside("all rows" if name is None else f"segment {name!r}"):
            if classes is not None and list(one.classes_) != list(classes):
                raise b.refuse(one, "it knows fewer classes than the others")
            before = len(b.failures)
            found.append(b.predict(one, values, method))
        b.failures[before:] = [all_of([mine, failure]) for failure in b.failures[before:]]
    if len({(len(one.values), len(one.decisions), one.zero_is_second) for one in found}) != 1:
        raise b.refuse(estimator, "its estimators do not decide alike")

    def of_row(parts: Sequence[Expr]) -> Expr:
        default = None if fallback is None else parts[-1]
        return Case(tuple(zip(own, parts, strict=False)), default) if own else parts[-1]

    return Scores(
        tuple(map(of_row, zip(*(one.values for one in found), strict=True))),
        tuple(map(of_row, zip(*(one.decisions for one in found), strict=True))),
        found[0].zero_is_second,
        bounded=all(one.bounded for one in found),
        single=any(one.single for one in found),
    )
