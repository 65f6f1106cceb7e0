"""The checks of rows, beside the same rules in plain Python, value by value."""

from __future__ import annotations

import decimal
import math
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scorehouse.kernel.decimals import to_double, to_integer
from scorehouse.kernel.rows import STRICT_CHOICES, check_batch
from scorehouse.registry.signature import Feature, Signature

NAN, INF = math.nan, math.inf
SMALL = decimal.Decimal("2.50")
# a type of feature, the column that is given, and its values
GIVEN: dict[str, tuple[str, pa.DataType, list[Any]]] = {
    "doubles": ("double", pa.float64(), [0.5, -0.5, 7.5, -7.5, 99.5, -99.5, None, NAN, INF, -INF]),
    "usual doubles": ("double", pa.float64(), [0.5, -0.5, 7.5, -7.5]),
    "doubles of one sign": ("double", pa.float64(), [-0.5, -99.5]),
    "doubles whose sum is infinite": ("double", pa.float64(), [1.7e308, 1.7e308, 0.5]),
    "no doubles": ("double", pa.float64(), []),
    "floats": ("double", pa.float32(), [0.5, 99.5, None, NAN, -INF]),
    "integers for doubles": ("double", pa.int32(), [7, -99, None]),
    "large integers for doubles": ("double", pa.int64(), [2**53 + 1, -(2**62) - 1, None]),
    "decimals for doubles": ("double", pa.decimal128(20, 2), [SMALL, -40 * SMALL, None]),
    "integers": ("integer", pa.int64(), [1, -1, 7, -99, None]),
    "small integers": ("integer", pa.int8(), [1, -99, None]),
    "large integers": ("integer", pa.uint64(), [1, 2**63 - 1, 2**63, None]),
    "doubles for integers": (
        "integer",
        pa.float64(),
        [1.0, 1.5, -7.0, 1e18, 1.5e19, -1.5e19, None, NAN, INF],
    ),
    "decimals for integers": ("integer", pa.decimal128(20, 2), [SMALL, 2 * SMALL, None]),
    "booleans": ("boolean", pa.bool_(), [True, False, None]),
    "texts": ("string", pa.string(), ["a", "", "zz", None]),
}
CATEGORIES: dict[str, tuple[Any, ...]] = {
    "double": (0.5, 7.0, 7.5, INF),
    "integer": (1, 7),
    "string": ("a", "b"),
    "boolean": (True,),
}


def shown(value: Any, kind: pa.DataType) -> str:
    return str(pa.array([value], kind).cast(pa.string())[0].as_py())


def converted(value: Any, feature: Feature) -> Any:
    """As the estimator gets it; None where it cannot, and is missing or out of type."""
    if value is None or feature.type in ("string", "boolean"):
        return value
    if feature.type == "double":
        return float(value)
    whole = math.isfinite(value) and value == int(value) and -(2**63) < value < 2**63
    return int(value) if whole else None


def reasons_of(value: Any, feature: Feature, kind: pa.DataType, strict: frozenset[str]) -> str | None:
    found = []
    own = converted(value, feature)
    name, is_double = feature.name, feature.type == "double"
    is_nan = isinstance(value, float) and math.isnan(value)
    limit = math.inf if feature.max_magnitude is None else feature.max_magnitude
    if is_double and own is not None and math.isinf(own) and not feature.accepts_non_finite:
        found.append(f"not_finite:{name}")
    if is_double and own is not None and limit < abs(own) < INF:
        found.append(f"too_large:{name}")
    if own is None and value is not None and not is_nan:
        found.append(f"out_of_type:{name}={shown(value, kind)}")
    if (value is None or (is_nan and not is_double)) and (not feature.accepts_null or "null" in strict):
        found.append(f"null:{name}")
    if is_double and is_nan and (not feature.accepts_null or "not_finite" in strict):
        found.append(f"not_finite:{name}")
    if is_double and value in (INF, -INF) and feature.accepts_non_finite and "not_finite" in strict:
        found.append(f"not_finite:{name}")
    judged = own is not None and not (is_double and not (math.isfinite(own) and abs(own) <= limit))
    said = {"double": pa.float64(), "integer": pa.int64()}.get(feature.type, kind)
    asks = not feature.accepts_unseen or "unseen_category" in strict
    if judged and feature.categories is not None and asks and own not in feature.categories:
        found.append(f"unseen_category:{name}={shown(own, said)}")
    low, high = feature.minimum, feature.maximum
    if "out_of_range" in strict and low is not None and high is not None and own is not None:
        found += [f"out_of_range:{name}={shown(own, said)}"] if own < low or own > high else []
    return ";".join(found) or None


@pytest.mark.parametrize(("type_", "kind", "values"), GIVEN.values(), ids=GIVEN)
def test_reasons_are_those_of_the_rules(type_: str, kind: pa.DataType, values: list[Any]) -> None:
    draw = random.Random(type_)
    for _ in range(60):
        strict = frozenset(name for name in STRICT_CHOICES if draw.random() < 0.3)
        ranged = type_ in ("double", "integer") and draw.random() < 0.5
        feature = Feature(
            "f",
            type_,
            "float64",
            accepts_null=draw.random() < 0.5,
            accepts_non_finite=draw.random() < 0.5,
            accepts_unseen=draw.random() < 0.5,
            max_magnitude=draw.choice([None, 7.5, 50.0]) if type_ == "double" else None,
            categories=draw.choice([None, CATEGORIES[type_]]),
            minimum=-1 if ranged else None,
            maximum=7 if ranged else None,
        )
        other = Feature("g", "integer", "int64")  # one reason of a row beside another
        rows = pa.record_batch(
            {"g": pa.array([None if number % 3 == 1 else 1 for number in range(len(values))], pa.int64())}
            | {"f": pa.array(values, kind, from_pandas=False)}
        )
        found = check_batch(Signature((feature, other), "frame"), rows, strict)
        expected = [reasons_of(value, feature, kind, strict) for value in values]
        lines = [";".join(filter(None, (why, "null:g" * (n % 3 == 1)))) for n, why in enumerate(expected)]
        given = [None] * len(values) if found.reasons is None else found.reasons.to_pylist()
        assert given == [line or None for line in lines]
        accepted = [converted(v, feature) for v, line in zip(values, lines, strict=True) if not line]
        assert [repr(one) for one in found.accepted[0].to_pylist()] == list(map(repr, accepted))


@pytest.mark.parametrize(
    ("digits", "scale"),
    [(18, 0), (18, 18), (19, 0), (38, 0), (38, 19), (38, 23), (38, 37), (30, -3), (60, 5)],
)
def test_decimals_are_those_of_python(digits: int, scale: int) -> None:
    draw = random.Random(digits * 100 + scale)
    kind = pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)
    with decimal.localcontext() as context:
        context.prec = 80
        unscaled = [0, 1, -1, 2**53, 2**53 + 1, 10**digits - 1, 1 - 10**digits]
        unscaled += [draw.randrange(10 ** draw.randint(1, digits)) * draw.choice([1, -1]) for _ in range(60)]
        unscaled += [number * 10 ** max(0, scale) for number in (1, -7, 2**62, -(2**63), 2**63)]
        values = [decimal.Decimal(one).scaleb(-scale) for one in unscaled if abs(one) < 10**digits]
        # some alone and some together: one that int64 cannot hold sends a whole column another way
        for some in (values, [None, *values], *([value] for value in values), values[1:4] * 2):
            column = pa.array(some, kind)
            for given, cells in ((column, some), (column.slice(1), some[1:])):
                doubles = [None if cell is None else float(cell) for cell in cells]
                assert to_double(given).to_pylist() == doubles
                whole = [
                    c is not None and c == c.to_integral_value() and -(2**63) <= c < 2**63 for c in cells
                ]
                integers, bad = to_integer(given)
                assert integers.to_pylist() == [
                    int(c) if ok and c is not None else None for c, ok in zip(cells, whole, strict=True)
                ]
                assert bad.to_pylist() == [
                    c is not None and not ok for c, ok in zip(cells, whole, strict=True)
                ]
    assert np.array_equal(to_double(pa.nulls(2, kind)).is_null().to_numpy(zero_copy_only=False), [True, True])
