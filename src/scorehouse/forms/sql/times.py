"""The steps that read times: all others are refused for them."""

from __future__ import annotations

from typing import Any

from scorehouse.forms.sql.builder import Builder, Value
from scorehouse.forms.sql.expression import Cast, divide
from scorehouse.forms.sql.inputs import DAY, TIME


def days_since_epoch(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Microseconds as doubles, divided by those of a day, as the estimator does it."""
    made = []
    for value in values:
        if value.kind != TIME:
            raise b.refuse(estimator, f"the column {value.name!r} is no date or timestamp")
        days = b.bind(divide(Cast(value.expr, "double"), float(DAY)), f"days {value.name}")
        made.append(value.moved(days, scale=1.0 / DAY))
    return made
