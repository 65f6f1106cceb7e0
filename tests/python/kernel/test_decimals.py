"""Decimals become the nearest double, and integers only where they are whole and fit."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from scorehouse.kernel.decimals import to_double, to_integer

TYPES = (pa.decimal128(38, 0), pa.decimal128(38, 3), pa.decimal128(38, 17), pa.decimal256(76, 30))
# at and beyond what a double and 64 bits hold, of either sign
NUMBERS = [n + i for n in (0, 2**53, -(2**53), 2**63, -(2**63), 2**66, -(2**66)) for i in (-1, 0, 1)]


def column(kind: pa.Decimal128Type | pa.Decimal256Type, *, fraction: Decimal = Decimal(0)) -> pa.Array:
    """Numbers that a type holds, and a NULL between them."""
    room = 10 ** (kind.precision - kind.scale)
    numbers: list[Decimal | None] = [Decimal(n) + fraction for n in NUMBERS if abs(n) < room]
    return pa.array([*numbers[:2], None, *numbers[2:]], kind)


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("rows", [slice(None), slice(1, 3)], ids=["all", "some"])
def test_the_nearest_double(kind: pa.Decimal128Type, rows: slice) -> None:
    for fraction in (Decimal(0), Decimal("0.125") if kind.scale else Decimal(0)):
        found = column(kind, fraction=fraction)[rows]
        assert to_double(found).to_pylist() == [v if v is None else float(v) for v in found.to_pylist()]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_whole_numbers_that_fit(kind: pa.Decimal128Type) -> None:
    whole = column(kind)
    # all together, and each alone: a number that is too large does not change how others are read
    for some in (whole, *(whole[place : place + 1] for place in range(len(whole)))):
        given = some.to_pylist()
        integers, bad = to_integer(some)
        fits = [v is not None and -(2**63) <= v < 2**63 for v in given]
        assert integers.to_pylist() == [int(v) if fit else None for v, fit in zip(given, fits, strict=True)]
        assert bad.to_pylist() == [v is not None and not fit for v, fit in zip(given, fits, strict=True)]


def test_fractions_are_no_integers() -> None:
    for kind in TYPES[1:]:
        given = column(kind, fraction=Decimal("0.125"))
        integers, bad = to_integer(given)
        assert integers.null_count == len(given) and bad.equals(given.is_valid())
