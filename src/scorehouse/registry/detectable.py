"""The smallest shift of a feature's mean that a month of new rows shows, from what its reference has learned.

It is `minimum_detectable` of the macro `drift`, with its default limits, for as many rows as training had.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

DAYS = {"day": 1, "week": 7, "month": 28}
OWN_LIMIT, FIRST_OF, POWER = 0.3, 1e4, 0.84  # `mean_shift`; a hundred lights at p < 0.01; 80 % of windows
MOST = 2.0  # standard deviations: what is found only beyond them is blind


def monthly_shifts(rows: Iterable[Mapping[str, str]]) -> dict[str, float | None]:
    """By feature, the shift in its own unit, that 80 % of months show; None: blind, or months are not known.

    `rows` are those of a version's reference.
    """
    moments: dict[str, tuple[float, float]] = {}
    missing: dict[str, float] = {}
    units: dict[str, dict[int, tuple[float, float, float]]] = {}
    for row in rows:
        if row["part"] != "feature":
            continue
        unit, _, metric = row["category"].partition(" ")
        if row["kind"] == "missing":
            missing[row["name"]] = float(row["row_count"])
        elif row["kind"] == "moments":
            moments[row["name"]] = float(row["row_count"]), float(row["upper"])
        elif row["kind"] == "window" and metric == "mean_shift" and unit in DAYS:
            learned = float(row["lower"]), float(row["upper"]), float(row["row_count"])
            units.setdefault(row["name"], {})[DAYS[unit]] = learned
    return {
        name: _shift(*moments[name], missing.get(name, 0.0), known)
        for name, known in units.items()
        if name in moments
    }


def _shift(
    size: float, deviation: float, missing: float, known: Mapping[int, tuple[float, float, float]]
) -> float | None:
    """The shift, from the design effect, the usual shift and the rows of each unit, by its days."""
    days = sorted(known)
    effect, usual, rows = known[days[-1]]
    growth = 1.0
    if len(days) > 1:
        less, _, fewer = known[days[-2]]
        growth = math.log(effect / less) / math.log(rows / fewer) if rows > fewer else 1.0
    windows = 30 / days[-1] if days[-1] < DAYS["month"] else 1.0  # in a month
    calm = windows ** (min(1.0, max(0.0, growth)) - 1)
    present = rows * windows * size / (size + missing)
    error = math.sqrt((1 / present + 1 / size) * (1 + (effect - 1) * windows * calm))
    rarity = 2 * math.log(FIRST_OF)
    certain = math.sqrt(rarity - math.log(math.pi / 2 * rarity)) * error
    shift = max(OWN_LIMIT, usual * math.sqrt(calm), certain) + POWER * error
    return shift * deviation if shift <= MOST else None
