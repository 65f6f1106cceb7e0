"""One table of the examples on two databases, held against each other by DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb

from project import Row


class ComparedTables:
    """Views `here`, on DuckDB, and `there`, on the other one, which a subclass makes."""

    def __init__(self, database: Path) -> None:
        self.duckdb = duckdb.connect()
        self.duckdb.execute(f"attach '{database}' as reference (read_only)")

    def query(self, sql: str) -> list[Row]:
        return self.duckdb.sql(sql).fetchall()

    def differing_rows(self, columns: str = "*") -> tuple[int, int]:
        """How many rows DuckDB has that the other has not, and the other way round; NULL equals NULL."""
        one_way = "select count(*) from (select {0} from {1} except all select {0} from {2})"
        directions = (("here", "there"), ("there", "here"))
        counted = [self.query(one_way.format(columns, *direction))[0][0] for direction in directions]
        return counted[0], counted[1]

    def unequal_doubles(self, columns: list[str], key: list[str], relative: float) -> Row:
        """Rows on one side alone, then rows whose doubles differ in NULL or by more than `relative`."""
        equal = " and ".join(
            f"(here.{c} is not distinct from there.{c} or "
            f"coalesce(abs(here.{c} - there.{c}) <= {relative} * abs(here.{c}), false))"
            for c in columns
        )
        return self.query(
            f"select count(*) filter (here.{key[0]} is null or there.{key[0]} is null), "
            f"count(*) filter (not ({equal})) from here full join there using ({', '.join(key)})"
        )[0]


EQUAL = ("retail_lines", "churn_snapshots", "churn_history", "churn_features", "churn_labels")
EQUAL += ("flight_features", "flight_labels")
PREDICTED = {  # table -> key
    "flight_predictions": ["flight_id"],
    "churn_predictions": ["customer_id", "snapshot_date"],
    "churn_predictions_sql": ["customer_id", "snapshot_date"],
}
MARTS = {  # table -> key, doubles
    "late_risk_by_route_day": (
        ["flight_date", "origin", "dest"],
        ["expected_late_flights", "mean_late_risk", "highest_late_risk"],
    ),
    "churn_watchlist": (["customer_id"], ["churn_risk", "spend_at_stake"]),
}
TESTS = 76  # of flights and churn, with unit tests: all that PostgreSQL and Spark build
UNIT_TESTS = {
    "churn_features_of_a_regular_customer",
    "churn_features_of_a_single_order",
    "churn_predictions_sql_scores_each_snapshot_once",
}
