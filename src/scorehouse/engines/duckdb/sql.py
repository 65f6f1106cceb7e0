"""Names and strings in DuckDB's SQL."""

from __future__ import annotations

from scorehouse.dialect import DUCKDB

quote, literal, same, column_list = DUCKDB.quote, DUCKDB.literal, DUCKDB.same, DUCKDB.column_list
