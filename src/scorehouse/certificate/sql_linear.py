"""Weighted sums in one form: a factor for each column, an answer for each category, and a constant.

SQL adds and multiplies in another order than an estimator, such as a scale that becomes part of a weight. So
the numbers are compared exactly, as fractions, and are the same within the rounding of these few steps.

The forms that links and labels have in SQL, by the names of the links that an estimator has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from scorehouse.certificate.columns import ANY, Column
from scorehouse.certificate.forest import NotRead
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions

ROUNDING = Fraction(1, 2**49)  # of the sizes that are added up: a few roundings of 2**-53 each
MISSING, OTHERS = ("missing",), ("others",)  # beside categories
Number = tuple[Fraction, Fraction]  # a value, and the sum of the sizes of what was added up to it
NOTHING: Number = (Fraction(0), Fraction(0))


@dataclass
class Linear:
    """What a sum has of each column; of a column of categories, an answer to each of them."""

    factors: dict[Column, Number] = field(default_factory=dict)
    answers: dict[Column, dict[Any, Number | None]] = field(default_factory=dict)
    constant: Number = NOTHING

    def add(self, column: Column, weight: Fraction) -> None:
        """Add a column times a weight, behind what is added to it and multiplied with it."""
        kind = column[0]
        if kind in ("*", "/"):
            by = Fraction(column[2])
            self.add(column[1], weight * by if kind == "*" else weight / by)
        elif kind in ("+", "-"):
            self._shift(weight * Fraction(column[2]) * (1 if kind == "+" else -1))
            self.add(column[1], weight)
        elif kind == "constant":
            self._shift(weight * Fraction(column[1]))
        elif _has_categories(column[1:] if kind == "map" else column):
            raise NotRead("a weighted sum of what is made of encoded categories is not read in SQL")
        elif kind == "map":
            answers = {**column[2], MISSING: column[3], OTHERS: column[4]}
            read = {answer for answer in answers.values() if answer is not ANY}
            if len(read) == 1 and isinstance(only := next(iter(read)), float):
                self._shift(weight * Fraction(only))
            else:
                self._answer(column[1], answers, weight)
        else:
            self.factors[column] = _plus(self.factors.get(column, NOTHING), weight)

    def _shift(self, by: Fraction) -> None:
        self.constant = _plus(self.constant, by)

    def _answer(self, column: Column, answers: dict[Any, Any], weight: Fraction) -> None:
        """Add a weight times the answer to each category; ANY, which no row reads, stays so."""
        before = self.answers.get(column, {OTHERS: NOTHING})
        self.answers[column] = after = {}
        for key in {*before, *answers}:
            given, number = answers.get(key, answers[OTHERS]), before.get(key, before[OTHERS])
            if given is not ANY and not isinstance(given, float):
                raise NotRead("a weighted sum of what is no number is not read")
            after[key] = None if given is ANY or number is None else _plus(number, weight * Fraction(given))

    def differs(self, other: Linear) -> str:
        """Where this sum of a program differs from that of its estimator; empty if it does not."""
        for column in {*self.factors, *other.factors}:
            pair = [own.factors.get(column, NOTHING) for own in (self, other)]
            if not _same(*pair):
                return f"the factor of {column} is {_shown(pair[0])}, the estimator's {_shown(pair[1])}"
        for column in {*self.answers, *other.answers}:
            ours, theirs = (own.answers.get(column, {OTHERS: NOTHING}) for own in (self, other))
            for key in {*ours, *theirs}:
                given, wanted = (own.get(key, own[OTHERS]) for own in (ours, theirs))
                if wanted is not None and (given is None or not _same(given, wanted)):
                    answer = f"the answer to {key} of {column} is {_shown(given)}"
                    return f"{answer}, the estimator's {_shown(wanted)}"
        if not _same(self.constant, other.constant):
            return f"its constant is {_shown(self.constant)}, the estimator's {_shown(other.constant)}"
        return ""


def of_columns(columns: Sequence[Column], weights: Iterable[float]) -> Linear:
    """The weighted sum of an estimator; the last weight is its intercept."""
    made = Linear()
    for column, weight in zip((*columns, ("constant", 1.0)), weights, strict=True):
        if weight != 0.0:
            made.add(column, Fraction(weight))
    return made


def of_sql(program: SqlExpressions, expr: Expr) -> Linear:
    """The weighted sum that an expression is."""
    made = Linear()
    for term in program.terms(expr):
        column, weight = _factored(program, term)
        made.add(column, weight)
    return made


def _factored(program: SqlExpressions, term: Expr) -> tuple[Column, Fraction]:
    kind, parts = program.bare(term)
    if kind == "Lookup":
        return _lookup(program, parts, parts[3]), Fraction(1)
    if kind == "Case" and len(parts[0]) == 1 and parts[1] is not None:
        inner, inside = program.bare(parts[1])
        condition, then = parts[0][0]
        is_null, tested = program.bare(condition)
        if inner == "Lookup" and is_null == "IsNull" and not tested[1] and tested[0] == inside[0]:
            missing, number = program.bare(then)
            if missing == "Literal" and number[1] == "double":
                return _lookup(program, inside, number[0]), Fraction(1)
    return program.of(program.node(term)), Fraction(1)


def _lookup(program: SqlExpressions, parts: Any, missing: float) -> Column:
    arg, keys, values, default = parts
    answers = dict(zip(keys, map(float, values), strict=True))
    return ("map", program.of(arg), answers, float(missing), float(default))


def _has_categories(part: Any) -> bool:
    """Whether a column is made of another that answers to categories."""
    return isinstance(part, tuple) and (part[:1] == ("map",) or any(map(_has_categories, part)))


def _plus(number: Number, more: Fraction) -> Number:
    return number[0] + more, number[1] + abs(more)


def _same(a: Number, b: Number) -> bool:
    return abs(a[0] - b[0]) <= ROUNDING * max(a[1], b[1])


def _shown(number: Number | None) -> str:
    return repr(float(number[0])) if number else "none"


Pattern = Any
THRESHOLD = ("Parameter", "threshold")
LARGEST_POWER = float(np.float32(88.7))  # XGBoost's own limit
SMALLEST_POWER = -103.9  # float32 has nothing below exp() of it
BY_SUMS = ("shares", "hist_shares", "softmax", "sigmoids", "clipped")  # whose labels follow from the sums


def raw(k: int) -> Pattern:
    """The sum of an output."""
    return ("hole", k)


def number(value: float) -> Pattern:
    return ("Literal", float(value), "double")


def call(name: str, *args: Pattern) -> Pattern:
    return ("Call", name, [*args])


def _real(value: float) -> Pattern:
    return ("Cast", number(value), "real")


def _double(part: Pattern) -> Pattern:
    return ("Cast", part, "double")


def _times(part: Pattern, by: float) -> Pattern:
    return part if by == 1.0 else ("Arith", "*", part, number(by))


def _divided(part: Pattern, by: Pattern) -> Pattern:
    return ("Arith", "/", part, by)


def _softmax(raws: Sequence[Pattern]) -> list[Pattern]:
    greatest = call("greatest", *raws)
    powers = [call("exp_down", ("Arith", "-", one, greatest)) for one in raws]
    return [_divided(power, ("Sum", powers)) for power in powers]


def _of_one_or_more(parts: list[Pattern]) -> list[Pattern]:
    """The share of the second of two classes, or that of each class in all parts."""
    if len(parts) == 1:
        return parts
    total, equal = ("Sum", parts), number(1.0 / len(parts))
    none = ("Compare", "=", total, number(0.0))
    return [("Case", [[none, equal]], _divided(part, total)) for part in parts]


def _shares(raws: Sequence[Pattern], slope: float = 1.0) -> list[Pattern]:
    return [call("sigmoid", _times(raws[0], slope))] if len(raws) == 1 else _softmax(raws)


def _clipped(part: Pattern) -> Pattern:
    whens = [
        [("Compare", "<", part, number(-1.0)), number(0.0)],
        [("Compare", ">", part, number(1.0)), number(1.0)],
    ]
    return ("Case", whens, _divided(("Arith", "-", part, number(-1.0)), number(2.0)))


def _to_real(power: Pattern, exponent: Pattern) -> Pattern:
    below = ("Compare", "<", exponent, number(SMALLEST_POWER))
    return ("Case", [[below, _real(0.0)]], ("Cast", power, "real"))


def _xgboost_binary(raws: Sequence[Pattern]) -> list[Pattern]:
    negative = ("Arith", "-", number(0.0), _double(raws[0]))
    beyond = ("Compare", ">", negative, number(LARGEST_POWER))
    exponent = ("Case", [[beyond, number(LARGEST_POWER)]], negative)
    power = _to_real(call("exp", exponent), exponent)
    return [_double(_divided(_real(1.0), ("Sum", [power, _real(1.0)])))]


def _xgboost_softmax(raws: Sequence[Pattern]) -> list[Pattern]:
    greatest = call("greatest", *raws)
    shifted = [_double(("Arith", "-", one, greatest)) for one in raws]
    powers = [_to_real(call("exp_down", one), one) for one in shifted]
    total = ("Cast", ("Sum", [_double(power) for power in powers]), "real")
    return [_double(_divided(power, total)) for power in powers]


FORMS: Mapping[str, Callable[..., list[Pattern]]] = {
    **dict.fromkeys(("first", "sums", "decisions"), lambda raws: [*raws]),
    **dict.fromkeys(("shares", "hist_shares", "softmax"), _shares),
    "sigmoids": lambda raws: _of_one_or_more([call("sigmoid", one) for one in raws]),
    "clipped": lambda raws: _of_one_or_more([_clipped(one) for one in raws]),
    **dict.fromkeys(("power", "lightgbm_power"), lambda raws: [call("exp", raws[0])]),
    "lightgbm_binary": _shares,
    "lightgbm_softmax": _softmax,
    "single": lambda raws: [_double(raws[0])],
    "xgboost_power": lambda raws: [_double(("Cast", call("exp", _double(raws[0])), "real"))],
    "xgboost_binary": _xgboost_binary,
    "xgboost_softmax": _xgboost_softmax,
}


def scores_of(kind: str, numbers: Sequence[float], raws: int) -> list[Pattern]:
    """The form of each score that a link makes of so many sums."""
    if kind not in FORMS:
        raise NotRead(f"the link {kind!r} is not read in SQL")
    return FORMS[kind]([raw(k) for k in range(raws)], *numbers)


def labels_of(
    kind: str, predict: str, scores: Sequence[Pattern], raws: Sequence[Pattern], classes: int
) -> list[Pattern]:
    """The forms that the label may have: by a threshold alone, or by the estimator's own rule without one.

    `kind` is the link of the scores, `predict` that of the labels.
    """
    labels = [("Parameter", f"class_{k}") for k in range(classes)]
    if classes != 2:
        compared = raws if kind in BY_SUMS else scores
        greatest = call("greatest", *compared)
        whens = [
            [("Compare", "=", one, greatest), label] for one, label in zip(compared, labels, strict=True)
        ]
        return [("Case", whens, None)]
    by_sum = predict in ("above_zero", "from_zero") or kind in BY_SUMS
    sign = ">=" if predict == "from_zero" else ">"
    middle = 0.0 if by_sum or kind == "decisions" else 0.5
    own = ("Compare", sign, raws[0] if by_sum else scores[0], number(middle))
    reached = [("Compare", ">=", scores[0], THRESHOLD), labels[1]]
    unset = ("Logic", "and", [("IsNull", THRESHOLD, False), own])
    return [("Case", [[unset, labels[1]], reached], labels[0]), ("Case", [reached], labels[0])]
