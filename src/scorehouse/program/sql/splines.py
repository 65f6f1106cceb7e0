"""B-splines as scipy computes them: de Boor's recursion between the knots around a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import (
    Arith,
    Case,
    Compare,
    Expr,
    IsNull,
    Literal,
    Sum,
    add,
    any_of,
    multiply,
    number,
    subtract,
)
from scorehouse.program.sql.scale import known_numbers, numbers_only


def splines(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """The splines of each feature, the last one left out without `include_bias`."""
    takes_missing = getattr(estimator, "handle_missing", "error") == "zeros"
    (numbers_only if takes_missing else known_numbers)(b, estimator, values)
    if estimator.degree == 0 or estimator.extrapolation == "periodic":
        what = "degree is 0" if estimator.degree == 0 else "extrapolation is 'periodic'"
        raise b.refuse(estimator, f"its {what}, which has no equivalent in SQL")
    if estimator.degree == 1 and estimator.extrapolation == "linear" and len(values) > 1:
        # scikit-learn 1.9 goes on from another knot there
        raise b.refuse(estimator, "of degree 1, only one feature has the linear extrapolation of its ends")
    made = []
    for value, spline in zip(values, estimator.bsplines_, strict=True):
        found = _of_one(b, estimator, value, spline)
        kept = found if estimator.include_bias else found[:-1]
        made += [value.made(expr, f"{value.name} spline {i}") for i, expr in enumerate(kept)]
    return made


def _of_one(b: Builder, estimator: Any, value: Value, spline: Any) -> list[Expr]:
    extrapolation = estimator.extrapolation
    x, degree = b.bind(value.expr, value.name), int(spline.k)
    count = len(spline.t) - degree - 1
    low, high = float(spline.t[degree]), float(spline.t[count])
    if not spline.t[count - 1] < high:
        raise b.refuse(estimator, f"the last knots of {value.name!r} are equal")
    for knot in spline.t[degree : count + 1]:
        b.probe(value, float(knot))
    below, above = Compare("<", x, number(low)), Compare(">", x, number(high))
    if extrapolation == "error":
        b.failures.append(any_of([below, above]))
    inside = x
    if extrapolation == "constant":
        inside = b.bind(Case(((below, number(low)), (above, number(high))), x), f"{value.name} inside")
    made = _basis(b, inside, spline.t, degree, value.name)
    if extrapolation == "linear":
        made = [
            Case(((below, _line(spline, low, x, i)), (above, _line(spline, high, x, i))), one)
            for i, one in enumerate(made)
        ]
    return [Case(((IsNull(x), number(0.0)),), one) for one in made]


def _line(spline: Any, end: float, x: Expr, place: int) -> Expr:
    """The line that continues a spline beyond an end."""
    start, slope = (float(spline(end, nu=nu)[place]) for nu in (0, 1))
    return add([number(start), multiply(subtract(x, end), slope)])


def _basis(b: Builder, x: Expr, knots: np.ndarray, degree: int, name: str) -> list[Expr]:
    """Every spline at `x`: the few that are not 0 between two knots, put in their places.

    Beyond the ends, the first and the last span go on.
    """
    last = len(knots) - degree - 2
    spans = [span for span in range(degree, last + 1) if span == last or knots[span] < knots[span + 1]]
    span = b.bind(_by_span(x, knots, spans, [number(float(one)) for one in spans]), f"{name} span")
    around = {
        offset: b.bind(
            _by_span(x, knots, spans, [number(float(knots[one + offset])) for one in spans]),
            f"{name} knot {offset}",
        )
        for offset in range(1 - degree, degree + 1)
    }
    parts: list[Expr] = [number(1.0)]
    for order in range(1, degree + 1):
        terms: list[list[Expr]] = [[] for _ in range(order + 1)]
        for n in range(1, order + 1):
            upper, lower = around[n], around[n - order]
            share = b.bind(Arith("/", parts[n - 1], _difference(upper, lower)), f"{name} share")
            terms[n - 1].append(Arith("*", share, _difference(upper, x)))
            terms[n].append(Arith("*", share, _difference(x, lower)))
        parts = [b.bind(Sum(tuple(own)) if len(own) > 1 else own[0], f"{name} part") for own in terms]
    made: list[Expr] = []
    for place in range(last + 1):
        whens = [
            (Compare("=", span, number(float(one))), parts[place - one + degree])
            for one in spans
            if one - degree <= place <= one
        ]
        made.append(Case(tuple(whens), number(0.0)))
    return made


def _difference(left: Expr, right: Expr) -> Expr:
    if isinstance(left, Literal) and isinstance(right, Literal):
        return number(float(left.value) - float(right.value))
    return Arith("-", left, right)


def _by_span(x: Expr, knots: np.ndarray, spans: list[int], answers: list[Literal]) -> Expr:
    """The answer for the last span that begins at or below `x`; for the first also below that."""
    if len(set(answers)) == 1:
        return answers[0]
    whens = tuple(
        (Compare("<", x, number(float(knots[after]))), answer)
        for after, answer in zip(spans[1:], answers, strict=False)
    )
    return Case(whens, answers[-1])
