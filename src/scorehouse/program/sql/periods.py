"""skrub's DatetimeEncoder: parts of a time, some of them as what its own encoders make of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.kernel.rows import TICKS, timestamp_unit
from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import (
    NULL,
    Case,
    Cast,
    Compare,
    Expr,
    IsNull,
    add,
    divide,
    multiply,
    number,
)
from scorehouse.program.sql.inputs import TIME
from scorehouse.program.sql.times import Parts

SECOND = TICKS["us"]
PARTS: Mapping[str, Callable[[Parts], Expr]] = {
    "year": Parts.year,
    "month": Parts.month,
    "day": Parts.day,
    "hour": Parts.hour,
    "minute": lambda parts: parts.within(60 * SECOND, 60),
    "second": lambda parts: parts.within(SECOND, 60),
    "microsecond": lambda parts: parts.within(1, SECOND),
    "weekday": lambda parts: add([parts.weekday(), number(1.0)]),
}
# of the parts that can be periodic, all values
PERIODS = {"month": range(1, 13), "day": range(1, 32), "hour": range(24), "weekday": range(1, 8)}


def times_encoded(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Plain parts first, then those that its periodic encoders make."""
    (value,) = values
    origin = value.origin
    if value.kind != TIME or origin is None:
        raise b.refuse(estimator, f"the column {value.name!r} is no date or timestamp")
    feature = b.signature.features[origin.position]
    if feature.has_zone and feature.dtype.rstrip("]").split(", ")[-1] not in ("UTC", "Etc/UTC"):
        raise b.refuse(estimator, f"the parts of {value.name!r} are those of a time zone, {feature.dtype}")
    parts = Parts(b, value)
    encoders = estimator._periodic_encoders
    made = []
    for part in (one for one in estimator.extracted_features_ if one not in encoders):
        name = f"{part} {value.name}"
        if part == "total_seconds":
            ticks = max(SECOND, TICKS[timestamp_unit(feature.dtype)])
            count = multiply(Cast(value.expr, "double"), float(ticks // SECOND))
            made.append(Value(b.bind(divide(count, float(ticks)), name), name, is_single=True))
        elif part in PARTS:
            made.append(value.made(PARTS[part](parts), name))
        else:
            raise b.refuse(estimator, f"its part {part!r} has no equivalent in SQL")
    for part, encoder in encoders.items():
        x = b.bind(PARTS[part](parts), f"{part} {value.name}")
        made += _of_each(value, f"{part} {value.name}", x, encoder, PERIODS[part])
    return made


def _of_each(value: Value, name: str, x: Expr, encoder: Any, known: range) -> list[Value]:
    """The columns that an encoder makes of a part, asked for each value that the part can have."""
    asked = pd.Series(list(known), dtype=np.int32, name=name)
    answers = np.asarray(encoder.transform(asked), dtype=np.float64)
    missing = (IsNull(x), NULL)
    made = []
    for column in answers.T.tolist():
        most = max(set(column), key=column.count)
        others = [
            (Compare("=", x, number(k)), number(y)) for k, y in zip(known, column, strict=True) if y != most
        ]
        made.append(value.made(Case((missing, *others), number(most)), name))
    return made
