"""Commands about rows of a PostgreSQL database: a select with a condition, decimals as keys, and NULL."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from installed import InstalledProject, write_project
from postgres.server import Server

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres, pytest.mark.slow]
EDITS = {
    "customer_no as id": "cast(customer_no as numeric(10, 2)) as id",
    "as amount,": "::real as amount,",
    "visits, plan": "visits, case when customer_no <> 6 then plan end as plan",
}
HARMFUL = "select 1) as a; create table commands.harmed (x int); select * from (select 7 as id"


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> InstalledProject:
    """The project of a stranger, of which 290 of 300 customers are scored."""
    base = tmp_path_factory.mktemp("commands")
    shop = InstalledProject(base / "shop", base)
    shop.folder.mkdir()
    output = {"type": "postgres", "host": "127.0.0.1", "port": server.port, "user": "postgres", "pass": "x"}
    output |= {"dbname": "postgres", "schema": "commands", "threads": 2}
    write_project(shop, output, "postgres")
    text = (shop.folder / "models/customers.sql").read_text()
    for old, new in EDITS.items():
        assert old in text
        text = text.replace(old, new)
    shop.write("models/customers.sql", text)
    (file,) = (shop.folder / "models").rglob("leaving_predictions.sql")
    file.write_text(file.read_text().rstrip() + "\nwhere id < 290\n")
    shop.run("dbt", "build", "--exclude-resource-type", "test")
    return shop


def told(shop: InstalledProject, *words: str) -> Any:
    return json.loads(shop.run("scorehouse", *words, "--target", "dev", "--json").stdout)


def test_a_row_is_explained_by_its_key_as_the_database_writes_it(shop: InstalledProject) -> None:
    story = told(shop, "explain", "leaving", "--key", "7.00")
    assert (story["key"], round(story["total"], 4)) == ({"id": "7.00"}, 18.2056)
    assert told(shop, "explain", "leaving", "--key", "6.00")["now"]["reject_reason"] == "null:plan"
    said = shop.run("scorehouse", "explain", "leaving", "--key", "295.00", "--target", "dev", code=1).stderr
    assert "there are no rows in" in said


def test_a_single_is_explained_as_sql_reads_it(shop: InstalledProject, server: Server) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select id, ln(score / (1 - score)) from commands.leaving_predictions "
            "where score between 0.001 and 0.999 order by abs(score - 0.5) limit 3"
        )
        rows = cursor.fetchall()
    assert len(rows) == 3
    for key, odds in rows:
        story = told(shop, "explain", "leaving", "--key", str(key))
        assert story["total"] == pytest.approx(odds, abs=1e-9)


def test_a_select_of_the_run_log_is_not_run(shop: InstalledProject, server: Server) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update commands.scorehouse_run_log set feature_query = %s", [HARMFUL])
    assert round(told(shop, "explain", "leaving", "--key", "7.00")["total"], 4) == 18.2056
    told(shop, "impact", "leaving", "--threshold", "0.9")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('commands.harmed')")
        assert cursor.fetchall() == [(None,)]


def test_impact_tells_the_keys_that_the_table_has(shop: InstalledProject, server: Server) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(*) filter (where prediction and score < 0.9999) "
            "from commands.leaving_predictions"
        )
        ((rows, moved),) = cursor.fetchall()
    found = told(shop, "impact", "leaving", "--threshold", "0.9999")
    changed = sum(one["keys"] for one in found["changes"] if one["before"] != one["after"])
    assert (rows, found["keys"], changed) == (290, 290, moved)
    assert moved > 0 and Path(found["file"]).is_file()


def test_a_report_shows_statements_that_the_database_runs(shop: InstalledProject, server: Server) -> None:
    """Of an alert on amounts that are fifty times as large: the number, and the rows behind it."""
    path = "models/customers.sql"
    text = (shop.folder / path).read_text()
    shop.write(path, text.replace("cast(amount as", "cast(amount * 50 as", 1))
    try:
        shop.run("dbt", "run")
        shop.run("scorehouse", "report", "--target", "dev", "--output", "report.html")
    finally:
        shop.write(path, text)
    page = (shop.folder / "report.html").read_text()
    found = re.findall(r'aria-label="SQL of the (number|rows): [^>]*><code>(.*?)</code>', page, re.DOTALL)
    assert {"number", "rows"} <= {kind for kind, _ in found}
    shown = [html.unescape(statement) for _, statement in found]
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in shown:
            cursor.execute(statement)
            assert cursor.fetchall(), statement
    assert any('"amount"' in statement and "as features" in statement for statement in shown)


def test_a_model_that_the_project_had_is_passed_over(shop: InstalledProject) -> None:
    (file,) = (shop.folder / "models").rglob("leaving_predictions.sql")
    for each in (shop.folder / "models").rglob("*.sql"):
        each.write_text(each.read_text().replace("ref('leaving_predictions')", "ref('leaving_scores')"))
    for each in (shop.folder / "models").rglob("*.yml"):
        each.write_text(each.read_text().replace("leaving_predictions", "leaving_scores"))
    file.rename(file.with_name("leaving_scores.sql"))
    shop.run("dbt", "run", "--select", "leaving_scores")
    assert told(shop, "explain", "leaving", "--key", "7.00")["node"] == "leaving_scores"
    words = ("explain", "leaving", "--key", "7.00", "--table", "leaving_predictions", "--target", "dev")
    said = shop.run("scorehouse", *words, code=1).stderr
    assert "the run log has the node" in said and "and this project does not" in said
