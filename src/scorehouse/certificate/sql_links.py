"""The forms that links and labels have in SQL, by the names of the links that an estimator has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scorehouse.certificate.forest import NotRead

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
