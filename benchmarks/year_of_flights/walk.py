"""Three ways through the year: the first version for ever, the loop, and a training per month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from house import JUDGED, NAME, SEEDS, House

from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

Told = Callable[[str], object]
FROZEN, LOOP, MONTHLY = "frozen", "loop", "monthly"
TITLES = {FROZEN: "frozen", LOOP: "the loop", MONTHLY: "retrain every month"}
VERDICTS = ["flight_profiles", "flight_drift", "flight_performance", "flight_retraining"]


@dataclass(frozen=True)
class Step:
    """One month: the version that scored it, and what became of the question whether to train again.

    `outcome` is that of `scorehouse retrain`, and empty if nobody asked; `trained` is the version that it
    registered, or None, and `rows` are those that it was trained on.
    """

    month: date
    version: int
    outcome: str = ""
    why: str = ""
    gate: str = ""
    trained: int | None = None
    rows: int = 0


def months(last: int) -> list[date]:
    """The first days of April to the month `last` of the year."""
    return [date(2013, month, 1) for month in range(4, last + 1)]


def after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def walked(house: House, strategy: str, last: int, told: Told) -> list[Step]:
    """Score each month, let its labels arrive, and train again as the strategy says."""
    house.configure(JUDGED if strategy == LOOP else {})
    steps = []
    for month in months(last):
        end = after(month).isoformat()
        house.arrive(end, labelled=month.isoformat())
        tables = [*SEEDS, "flight_features", "flight_predictions"]
        house.dbt("score", "build", "--exclude-resource-type", "test", "--select", *tables)
        scored = champion(house).version
        house.arrive(end, labelled=end)
        house.dbt("score", "run", "--select", "flight_labels")
        step = Step(month, scored)
        if strategy != FROZEN and month.month < last:
            step = looped(house, step) if strategy == LOOP else trained(house, step)
        steps.append(step)
        told(f"{TITLES[strategy]}, {month:%B}: {said(step)}")
    return steps


def champion(house: House) -> Version:
    return next(row for row in versions(house) if "champion" in row.aliases)


def versions(house: House) -> list[Version]:
    return ModelSeeds(house.project.folder, NAME).versions()


def looped(house: House, step: Step) -> Step:
    """Build the verdicts, and let the command do what they ask for."""
    house.dbt("watch", "run", "--select", *VERDICTS)
    found = house.scorehouse("train", "retrain", NAME, "--target", "dev", codes=(0, 10, 30))
    return told_by(house, step, found)


def trained(house: House, step: Step) -> Step:
    """Train unasked, and promote what comes out."""
    found = house.scorehouse("train", "retrain", NAME, "--target", "dev", "--force", codes=(20,))
    house.scorehouse("train", "promote", NAME, str(found["version"]))
    return told_by(house, step, found)


def told_by(house: House, step: Step, found: dict[str, object]) -> Step:
    number = found["version"]
    rows = next((row.training_rows for row in versions(house) if row.version == number), 0)
    return Step(
        step.month,
        step.version,
        str(found["outcome"]),
        str(found["why"]),
        str(found["gate"] or ""),
        None if number is None else int(str(number)),
        rows,
    )


def said(step: Step) -> str:
    """A line about a step."""
    line = f"scored by version {step.version}"
    if step.outcome:
        line += f"; {step.why}; {step.outcome}"
    if step.trained:
        line += f": version {step.trained}, {step.rows:,} rows; gate: {step.gate}"
    return line
