"""Which select reads one whole table: its key is counted by its range, and it may have a change feed."""

from __future__ import annotations

import pytest

from scorehouse.engines.duckdb.keys import stored_name

WHOLE = {
    "(select * from features\n)": "features",
    '(\n\nSELECT * FROM "lake"."main"."features"\n)': '"lake"."main"."features"',
    "(-- what is scored\nselect * /* all */ from main.features -- of today\n)": "main.features",
    '(select\n*\nfrom "a ""b"" c")': None,
    "(select * from features where a > 1)": None,
    "(select * from features limit 0)": None,
    "(select id, a from features)": None,
    "(select * from features, others)": None,
    "(select * from features as f)": None,
    "(select * from read_parquet('features.parquet'))": None,
    "(select * from features at (version => 3))": None,
    "(select * from features -- of today)": None,
    "scorehouse_features": None,
}


@pytest.mark.parametrize("table", WHOLE)
def test_a_whole_table_is_known_by_its_select(table: str) -> None:
    assert stored_name(table) == WHOLE[table]
