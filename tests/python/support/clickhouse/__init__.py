"""ClickHouse's own engine, embedded in this process."""
