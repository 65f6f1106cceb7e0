"""Print what the examples have made: prediction tables, a few rows of each, and the run log."""

from __future__ import annotations

import os
from typing import Any

import duckdb

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
        "select customer_id, snapshot_date, prediction, round(score, 4) as score, row_status "
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
        'select customer_id, stock_code, "rank", round(score, 4) as score '
        'from ranking_predictions order by customer_id, "rank"',
    ),
}
OVERVIEW = (
    "select prediction_table, model_name || ' v' || model_version as ml_model, "
    "format('{:,}', rows_in_table) as rows_in, format('{:,}', rows_scored) as scored, "
    "format('{:,}', rows_rejected) as rejected, most_frequent_reason, round(seconds, 2) as seconds, "
    "round(peak_memory_mib)::integer as peak_mib from scoring_overview order by rows_in_table desc"
)
RUNS = (
    "select strftime(started_at, '%Y-%m-%d %H:%M:%S') as started_at, status, "
    "split_part(prediction_table, '\"', 6) as prediction_table, "
    "model_name || ' v' || model_version as ml_model, rows_in, left(model_digest, 12) as digest, "
    "input_fingerprint from scorehouse_runs order by started_at desc"
)


def show(connection: duckdb.DuckDBPyConnection, title: str, sql: str, rows: int) -> None:
    """Print the first rows of a query as a table of plain text."""
    result = connection.sql(f"select * from ({sql}) limit {rows}")
    lines = [result.columns, *([text(value) for value in row] for row in result.fetchall())]
    widths = [max(len(line[i]) for line in lines) for i in range(len(result.columns))]
    print(f"\n{title}")
    for number, line in enumerate(lines):
        print(
            "  " + "  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip()
        )
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def text(value: Any) -> str:
    """A value as a reader wants it."""
    return "-" if value is None else str(value)


def main() -> None:
    """Show everything, then say where to look next."""
    database = os.environ.get("SCOREHOUSE_DATABASE", "target/scorehouse.duckdb")
    with duckdb.connect(database, read_only=True) as connection:
        show(connection, "Prediction tables", OVERVIEW, 20)
        for table, (title, sql) in TABLES.items():
            show(connection, f"{table}: {title}", sql, ROWS)
        show(connection, "Run log, newest first", RUNS, 6)
    print(
        "\nWhere to look next"
        "\n  ./run docs                                        lineage and model cards in dbt docs"
        f"\n  .venv/bin/python -c \"import duckdb; duckdb.connect('{database}').sql('...').show()\""
        "\n  .venv/bin/scorehouse list                         the registered versions"
        "\n  .venv/bin/scorehouse promote flight_delay 1       make the logistic regression the champion"
        "\n  ./run build --select ml_flight_delay+             and score again what depends on it"
    )


if __name__ == "__main__":
    main()
