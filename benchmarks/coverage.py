"""Coverage of the examples' intervals and sets out of time, by month: realised, and after adaptation.

    ./run build --select +flight_levels +demand_levels +flight_coverage +demand_coverage
    python benchmarks/coverage.py

Months are those of the weeks' first days. Realised is the coverage of the promised level, as it was
calibrated; adapted is that of the level that `adaptive_level` gives each week, which knows only
labels that had arrived when the week began.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import duckdb

DATABASE = Path(__file__).parents[1] / "target" / "scorehouse.duckdb"
TABLES = {"flight_levels": "flights, sets of classes", "demand_levels": "weekly demand, intervals"}
BY_MONTH = """
select
    strftime(window_start, '%Y-%m') as month, sum(n_labelled) as labels,
    sum(n_labelled * coverage_at_target) / sum(n_labelled) as realised,
    sum(n_labelled * coverage) / sum(n_labelled) as adapted,
    min(interval_level) as lowest, max(interval_level) as highest
from {table} where status = 'measured' group by grouping sets ((month), ()) order by month nulls last
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default=os.environ.get("SCOREHOUSE_DATABASE", str(DATABASE)))
    asked = parser.parse_args()
    with duckdb.connect(asked.database, read_only=True) as connection:
        for table, title in TABLES.items():
            ((promised, off, adapted_off),) = connection.sql(
                "select any_value(target_level), avg(abs(coverage_at_target - target_level)), "
                f"avg(abs(coverage - target_level)) from {table} where status = 'measured'"
            ).fetchall()
            print(f"\n{title}, {promised:.0%} promised\n")
            print("| month | labels | realised | adapted | levels asked for |\n|---|--:|--:|--:|---|")
            for month, labels, realised, adapted, low, high in connection.sql(
                BY_MONTH.format(table=table)
            ).fetchall():
                print(
                    f"| {month or 'all'} | {labels:,.0f} | {realised:.1%} | {adapted:.1%} | "
                    f"{low:.1%} to {high:.1%} |"
                )
            print(f"\na week is off by {off:.1%} on average, adapted by {adapted_off:.1%}")


if __name__ == "__main__":
    main()
