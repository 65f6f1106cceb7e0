"""Print a few rows of each prediction table of the examples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import duckdb

from scorehouse.cli.common import echo, table

ROWS = 4
TABLES = {
    "flight_predictions": (
        "risk of arriving more than 15 minutes late",
        "(select flight_id, dest, prediction, round(score, 4) as score, row_status, reject_reason "
        "from flight_predictions where score < 0.99e0 order by score desc, flight_id limit 3) union all "
        "(select flight_id, dest, prediction, score, row_status, reject_reason "
        "from flight_predictions where row_status = 'rejected' order by flight_id limit 1)",
    ),
    "churn_predictions": (
        "chance of no purchase in the next 90 days",
        "select cast(customer_id as varchar) as customer_id, snapshot_date, prediction, "
        "round(score, 4) as score, row_status "
        "from churn_predictions order by snapshot_date desc, score desc, customer_id",
    ),
    "demand_predictions": (
        "units of a product in a week",
        "select stock_code, week_start, round(prediction, 1) as prediction, row_status "
        "from demand_predictions order by week_start desc, prediction desc, stock_code",
    ),
    "segment_predictions": (
        "customer segments",
        "select prediction as segment, count(*) as customers, round(avg(distance), 3) as mean_distance, "
        "round(avg(spend)) as mean_spend from segment_predictions group by all order by 1",
    ),
    "ranking_predictions": (
        "products that a customer is likely to buy next",
        'select cast(customer_id as varchar) as customer_id, stock_code, "rank", round(score, 4) as score '
        'from ranking_predictions order by customer_id, "rank"',
    ),
}


def show(connection: duckdb.DuckDBPyConnection, title: str, sql: str) -> None:
    """Print the first rows of a query."""
    result = connection.sql(f"select * from ({sql}) limit {ROWS}")
    print(f"\n{title}")
    print_table(result.columns, result.fetchall())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table as the commands do, indented."""
    for line in table(columns, rows):
        echo(f"  {line}")


def main() -> None:
    """Print a few rows of each prediction table that exists."""
    database = os.environ.get("SCOREHOUSE_DATABASE", "target/scorehouse.duckdb")
    with duckdb.connect(database, read_only=True) as connection:
        present = {name for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall()}
        for table, (title, sql) in TABLES.items():
            if table in present:
                show(connection, f"{table}: {title}", sql)


if __name__ == "__main__":
    main()
