"""Predictions in an Iceberg table: brought in line by one commit, also when another writer is faster."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytest.importorskip("pyiceberg", reason="needs the extra `iceberg`")
from pyiceberg.catalog import load_catalog
from pyiceberg.utils.config import Config
from test_export_predictions import change, export, exported, house  # noqa: F401

from scorehouse.outbox import iceberg
from scorehouse.outbox.changes import find_table

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("lake")]
TO = ("--to", "iceberg://lake", "--table", "crm.scores")


@pytest.fixture
def lake(house: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    """A catalog in a SQLite file, with the namespace `crm`."""
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{house}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{house}/warehouse")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # which it reads once per process
    catalog = load_catalog("lake")
    catalog.create_namespace("crm")
    return catalog


def both(lake: Any) -> tuple[list[str], list[str]]:
    """The rows of the Iceberg table and of the predictions, as text, since NaN is not equal to itself."""
    stored = lake.load_table("crm.scores").scan().to_arrow()
    with duckdb.connect("house.duckdb", read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        types = connection.execute("describe scores").fetchall()
        cast = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind, *_ in types)
        rows = "select {} from {} order by id"
        columns = "* exclude (scoring_run_id, scored_at)"
        theirs = connection.execute(rows.format(columns, f"(select {cast} from stored)")).fetchall()
        ours = connection.execute(rows.format(columns, "scores")).fetchall()
    assert stored.num_rows == len(theirs)
    return list(map(repr, theirs)), list(map(repr, ours))


def test_an_iceberg_table_is_brought_in_line(lake: Any) -> None:
    assert exported(*TO)["rows"]["new"] == 40
    theirs, ours = both(lake)
    assert theirs == ours
    assert exported(*TO)["rows"]["unchanged"] == 40
    change("insert into scores by name select * replace (100 as id) from scores where id = 3")
    assert exported(*TO)["rows"]["new"] == 1
    change(
        "update scores set note = null, odd = 0.1e0 + 0.2e0 where id = 7", "delete from scores where id = 2"
    )
    lake.load_table("crm.scores").delete("id = 11")  # by somebody else
    assert exported(*TO)["rows"] == {"new": 1, "changed": 1, "vanished": 1, "unchanged": 38}
    theirs, ours = both(lake)
    assert theirs == ours
    summary = lake.load_table("crm.scores").current_snapshot().summary
    assert json.loads(summary["scorehouse.rows"])["vanished"] == 1
    assert json.loads(summary["scorehouse.node"]) == "model.shop.scores"
    assert "commit.retry.num-retries" not in lake.load_table("crm.scores").properties


def test_a_faster_writer_is_compared_with(lake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It commits between the comparison and the commit: the same rows, others, or again and again."""
    compare = iceberg.compare
    others: list[Callable[[], Any]] = []

    def then_others(*arguments: Any, **named: Any) -> dict[str, int]:
        counts = compare(*arguments, **named)
        if others:
            others.pop()()
        return counts

    def delete(key: int) -> Callable[[], Any]:
        return lambda: lake.load_table("crm.scores").delete(f"id = {key}")

    monkeypatch.setattr(iceberg, "compare", then_others)
    others.append(lambda: export(*TO))
    assert exported(*TO)["rows"] == {"new": 0, "changed": 0, "vanished": 0, "unchanged": 40}
    change("update scores set score = 7 where id = 7")
    others.append(delete(11))
    assert exported(*TO)["rows"] == {"new": 1, "changed": 1, "vanished": 0, "unchanged": 38}
    theirs, ours = both(lake)
    assert theirs == ours
    change("delete from scores where id = 2")
    others.extend(delete(key) for key in range(20, 20 + iceberg.TRIES))
    said = export(*TO, code=1).output
    assert "CommitFailedException" in said and "which writes what is missing" in said
    assert exported(*TO)["rows"]["new"] == iceberg.TRIES
    theirs, ours = both(lake)
    assert theirs == ours


def test_writers_at_once_write_every_row_once(lake: Any) -> None:
    def write(_: int) -> int:
        with duckdb.connect("house.duckdb", read_only=True) as connection:
            found = find_table(connection, "scorehouse_run_log", "scores", "test")
            done = iceberg.export_to_iceberg(connection, found, "lake", "crm.scores", "test")
        return int(done["rows"]["new"])

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(4))) == [0, 0, 0, 40]
    theirs, ours = both(lake)
    assert theirs == ours


def test_what_iceberg_cannot_take_is_refused(lake: Any) -> None:
    exported(*TO)
    for words, why in (
        (("--to", "iceberg://lake"), "Iceberg refused"),
        (("--to", "iceberg://none", "--table", "crm.scores"), "Iceberg refused"),
        (("--to", "iceberg://lake", "--table", "none.scores"), "NoSuchNamespaceError"),
    ):
        said = export(*words, code=1).output
        assert why in said and "What to do: " in said
    change("alter table scores add column band varchar")
    assert "lacks the columns band" in export(*TO, code=1).output
    change("alter table scores add column span interval")
    assert "UnsupportedPyArrowType" in export(*TO, code=1).output
