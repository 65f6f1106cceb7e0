"""A year of flights, scored month by month: a frozen ML model, the loop, and a training every month.

    python benchmarks/year_of_flights
    python benchmarks/year_of_flights --last-month 5 --share 0.1 --folder /tmp/some_flights

The first version learns from January to March. Then each month is scored, its labels arrive, and `dbt` and
`scorehouse` do in three projects what each strategy does. Prints the tables of the page
docs/explanation/year_of_flights.md; `--publish` writes them into it, and draws its picture. A strategy that
has ended in `--folder` is not walked again.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python" / "support"))

from drawn import drawn  # noqa: E402
from house import House  # noqa: E402
from measured import Way, compared, measured  # noqa: E402
from page import published, tables  # noqa: E402
from walk import FROZEN, TITLES, Step, walked  # noqa: E402

PAGE = ROOT / "docs" / "explanation" / "year_of_flights.md"
PICTURE = PAGE.with_suffix(".svg")
STEPS = "steps.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "target" / "year_of_flights")
    parser.add_argument("--last-month", type=int, choices=range(5, 13), default=12, metavar="5-12")
    parser.add_argument("--share", type=float, default=1.0, help="share of the flights, from 0.01 to 1")
    parser.add_argument("--only", choices=[*TITLES], help="walk this strategy, and print no table")
    parser.add_argument("--publish", action="store_true", help=f"write {PAGE.name} and its picture")
    asked = parser.parse_args()
    if not 0.01 <= asked.share <= 1:
        parser.error("--share: write a number from 0.01 to 1")
    first = begun(asked.folder / "first", asked.share)
    for strategy in [asked.only] if asked.only else TITLES:
        if not (asked.folder / strategy / STEPS).exists():
            ended(first.copy(asked.folder / strategy), strategy, asked.last_month)
    if asked.only:
        return
    ways = measured_ways(asked.folder, asked.share)
    for table in tables(ways):
        print(f"\n{table}")
    (asked.folder / PICTURE.name).write_text(drawn(ways))
    print(f"\nwritten: {asked.folder / PICTURE.name}")
    if asked.publish:
        PAGE.write_text(published(PAGE.read_text(), tables(ways)))
        PICTURE.write_text(drawn(ways))


def begun(folder: Path, share: float) -> House:
    """The project that all strategies begin with."""
    if not (folder / STEPS).exists():
        house = House.made(folder, share)
        (folder / STEPS).write_text(json.dumps({"cpu": house.seconds}))
    return House.found(folder, share)


def ended(house: House, strategy: str, last: int) -> None:
    """Walk through the year, and keep what happened beside the project."""
    steps = walked(house, strategy, last, lambda text: print(text, flush=True))
    kept = {"cpu": house.seconds, "steps": [asdict(step) for step in steps]}
    (house.project.folder / STEPS).write_text(json.dumps(kept, default=str, indent=1))


def measured_ways(folder: Path, share: float) -> dict[str, Way]:
    """What each strategy came to, and how it differs from the frozen version."""
    houses = {strategy: House.found(folder / strategy, share) for strategy in TITLES}
    ways = {}
    for strategy, house in houses.items():
        kept = json.loads((house.project.folder / STEPS).read_text())
        steps = [Step(**{**step, "month": date.fromisoformat(step["month"])}) for step in kept["steps"]]
        way = measured(house, steps, kept["cpu"])
        ways[strategy] = way if strategy == FROZEN else compared(way, house, houses[FROZEN])
    return ways


if __name__ == "__main__":
    main()
