"""The engine `duckdb`: rows are read, scored and written inside dbt's own connection."""
