"""A forgotten key in the change feed of a DuckLake: the rule `feed` works, and does not bring it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from test_feed import FeedProject

from lake import needs_lake
from scorehouse.cli.main import main

pytestmark = [needs_lake, pytest.mark.heavy]


def test_the_feed_does_not_bring_a_person_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {
        "deleted": {"vanished": "delete"},
        "wide": {"alias": ["champion", "challenger"], "layout": "wide"},
    }
    house = FeedProject(tmp_path / "house", beside=True, tables=tables)
    house.built(reads_feed=False)
    monkeypatch.chdir(house.folder)
    ended = CliRunner().invoke(main, ["forget", "--key", "id=7", "--target", "dev"])
    assert ended.exit_code == 3 and "in another database, which is only read" in " ".join(
        ended.output.split()
    )
    assert house.rows("select count(*) from deleted_feed where id = 7") == [(0,)]
    for change, barred in (
        ("update customers set amount = amount + 1 where id in (7, 8)", 1),
        ("delete from customers where id in (7, 9)", 0),
        ("insert into customers select * from customers at (version => 1) where id in (7, 9)", 1),
    ):
        house.change(change)
        for run in house.built().values():  # by the feed, and equal to the rule `changed`
            assert run["feed_from"] is not None
        for table in ("deleted_feed", "deleted_changed", "wide_feed"):
            assert house.rows(f"select count(*) from {table} where id = 7") == [(0,)]
        newest = (
            "select rows_barred from scorehouse_run_log where node like '%deleted_feed' order by started_at"
        )
        assert house.rows(newest)[-1] == (barred,)
