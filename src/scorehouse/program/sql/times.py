"""The steps that read times: all others are refused for them.

Numbers of days, and what is computed from them, are whole numbers in doubles, exact in every database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Compare,
    Expr,
    add,
    divide,
    multiply,
    number,
    subtract,
)
from scorehouse.program.sql.inputs import DAY, TIME, remainder

HOUR = DAY // 24


def days_since_epoch(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Microseconds as doubles, divided by those of a day, as the estimator does it."""
    made = []
    for value in values:
        _check_time(b, estimator, value)
        days = b.bind(divide(Cast(value.expr, "double"), float(DAY)), f"days {value.name}")
        made.append(value.moved(days, scale=1.0 / DAY))
    return made


def calendar_parts(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Each part of each time."""
    made = []
    for value in values:
        _check_time(b, estimator, value)
        parts = Parts(b, value)
        made += [value.made(PARTS[part](parts), f"{part} {value.name}") for part in estimator.parts]
    return made


def _check_time(b: Builder, estimator: Any, value: Value) -> None:
    if value.kind != TIME:
        raise b.refuse(estimator, f"the column {value.name!r} is no date or timestamp")


class Parts:
    """A time as the number of its day since 1970, and its microseconds of that day.

    The date is that of H. Hinnant (chrono-compatible low-level date algorithms, 2014): years begin in March,
    so that the leap day is the last one, and eras have 400 years.
    """

    def __init__(self, b: Builder, value: Value) -> None:
        self.b, self.name = b, value.name
        micros = b.bind(value.expr, value.name)
        self.of_day = b.bind(remainder(micros, DAY), f"of day {value.name}")
        whole = Cast(Arith("-", micros, self.of_day), "double")
        self.days = b.bind(divide(whole, float(DAY)), f"whole days {value.name}")

    def hour(self) -> Expr:
        return _floor(Cast(self.of_day, "double"), HOUR)

    def within(self, micros: int, count: int) -> Expr:
        """How many whole units of so many microseconds, up to the `count` that make the next larger one."""
        all_of_day = self._bound(_floor(Cast(self.of_day, "double"), micros), f"units of {micros}")
        return Arith("-", all_of_day, multiply(_floor(all_of_day, count), float(count)))

    def weekday(self) -> Expr:
        days = add([self.days, number(3.0)])  # 1970 began on a Thursday
        return Arith("-", days, multiply(_floor(days, 7), 7.0))

    def year(self) -> Expr:
        _, era, year_of_era = self._years()
        year = add([year_of_era, multiply(era, 400.0)])
        return add([year, Case(((Compare("<=", self.month(), number(2.0)), number(1.0)),), number(0.0))])

    def month(self) -> Expr:
        place = self._month_from_march()
        late = Compare("<", place, number(10.0))
        early = Compare(">=", place, number(10.0))
        return self._bound(Case(((late, add([place, number(3.0)])), (early, subtract(place, 9.0)))), "month")

    def day(self) -> Expr:
        before = _floor(add([multiply(self._month_from_march(), 153.0), number(2.0)]), 5)
        return add([Arith("-", self._day_of_year(), before), number(1.0)])

    def _years(self) -> tuple[Expr, Expr, Expr]:
        """The day of the era, the era, and the year of the era."""
        days = self._bound(add([self.days, number(719_468.0)]), "days since 0000-03-01")
        era = self._bound(_floor(days, 146_097), "era")
        day = self._bound(Arith("-", days, multiply(era, 146_097.0)), "day of era")
        leaps = [
            multiply(_floor(day, 1_460), -1.0),
            _floor(day, 36_524),
            multiply(_floor(day, 146_096), -1.0),
        ]
        return day, era, self._bound(_floor(add([day, *leaps]), 365), "year of era")

    def _day_of_year(self) -> Expr:
        """From 0, which is the first of March."""
        day, _, year = self._years()
        before = add([multiply(year, 365.0), _floor(year, 4), multiply(_floor(year, 100), -1.0)])
        return self._bound(Arith("-", day, before), "day of year")

    def _month_from_march(self) -> Expr:
        return self._bound(_floor(add([multiply(self._day_of_year(), 5.0), number(2.0)]), 153), "from march")

    def _bound(self, expr: Expr, hint: str) -> Expr:
        return self.b.bind(expr, f"{hint} {self.name}")


PARTS: Mapping[str, Callable[[Parts], Expr]] = {
    "year": Parts.year,
    "month": Parts.month,
    "day": Parts.day,
    "weekday": Parts.weekday,
    "hour": Parts.hour,
}


def _floor(expr: Expr, by: int) -> Expr:
    return Call("floor", (divide(expr, float(by)),))
