"""Databases that cannot be run here, stood in for by DuckDB, so that dbt prints the SQL meant for them."""
