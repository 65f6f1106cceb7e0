"""Labels that come no more are seen soon, and labels that are only slow are not held against their feed."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from monitoring.warehouse import MonitoredWarehouse
from project import Build

pytestmark = pytest.mark.slow


class Feed(NamedTuple):
    """Until which day predictions have labels, when one looks, and what is required of the labels."""

    until: str
    as_of: str
    where: str = "true"
    maturity: str = "'days': 10"
    table: str = "scored"
    period: str = "month"


# Forty predictions a day from October on; a label is there ten days after its prediction.
FEEDS = {
    "fine": Feed("2026-11-21", "2026-12-01"),
    "patchy": Feed("2026-11-21", "2026-12-01", "i % 10 <> 3", "'days': 10, 'share': 0.8"),
    "dead": Feed("2026-11-05", "2026-12-01"),
    "dead_since_days": Feed("2026-11-15", "2026-12-02"),
    "dead_for_a_week": Feed("2026-11-15", "2026-12-04"),
    "monthly": Feed("2026-10-31", "2026-12-01"),
    "dead_for_a_month": Feed("2026-10-31", "2026-12-18"),
    "by_day": Feed("2026-11-05", "2026-11-23", period="day"),
    "dead_by_day": Feed("2026-11-05", "2026-11-24", period="day"),
    "dead_by_week": Feed("2026-11-08", "2026-12-03", period="week"),  # a Sunday
    "mistyped": Feed("2026-11-05", "2026-12-01", "true or day > '2060-01-01'", table="in_2062"),
    "four_rows": Feed("2026-11-26", "2026-12-17", table="one_a_day"),
    "few": Feed("2026-11-15", "2026-12-06", maturity="'days': 10, 'share': 0.3", table="one_a_day"),
    "long": Feed("2026-11-15", "2026-12-20", maturity="'days': 10, 'share': 0.3", table="one_a_day"),
    "at_once": Feed("2026-11-05", "2026-12-01", "true", "'days': 0"),
}
STOPPED = {
    "dead": [1, 2],
    "dead_for_a_week": [2],
    "dead_for_a_month": [1, 2],
    "dead_by_day": [1],
    "dead_by_week": [2],
    "mistyped": [1, 2],
    "long": [2],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[MonitoredWarehouse, Build]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("labels_stop") / "house")
    warehouse.table(
        "scored",
        """
        select i as id, (hash(i) % 100) / 1e2 as score, (hash(i) % 100 > 40)::integer as prediction,
            'm' as model_name, 1 + (day >= '2026-11-08')::integer as model_version, 'scored' as row_status,
            'r' as scoring_run_id, day::timestamp as scored_at, day
        from (select i, date '2026-10-01' + (i // 40)::integer as day from range(40 * 61) as t (i))
        """,
    )
    warehouse.table("one_a_day", "select * from raw.scored where id % 40 = 0")
    later = "select * replace (-1 as id, date '2062-11-05' as day) from raw.scored where id = 7"
    warehouse.table("in_2062", f"from raw.scored union all {later}")
    tests = {}
    for name, feed in FEEDS.items():
        warehouse.table(
            f"{name}_labels",
            "select id, (hash(id * 7) % 3 = 0)::integer as y, day "
            f"from (select id as i, * from raw.{feed.table}) where day <= '{feed.until}' and {feed.where}",
        )
        warehouse.model(
            name,
            f"{{{{ scorehouse.performance(source('raw', '{feed.table}'), source('raw', '{name}_labels'), "
            f"key='id', label='y', day='day', period='{feed.period}', "
            f"maturity={{{feed.maturity}, 'as_of': '{feed.as_of}'}}) }}}}",
        )
        tests[name] = {"min_share": 0.2, "after_days": 60, "as_of": feed.as_of}
    warehouse.tests(
        {
            "version": 2,
            "models": [
                {
                    "name": name,
                    "data_tests": [
                        {"scorehouse.labels_arrive": {"name": f"{name}_labels_arrive", "arguments": given}}
                    ],
                }
                for name, given in tests.items()
            ],
        }
    )
    return warehouse, warehouse.build()


@pytest.fixture(scope="module")
def warehouse(built: tuple[MonitoredWarehouse, Build]) -> MonitoredWarehouse:
    return built[0]


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_that_has_stopped_is_overdue(name: str, warehouse: MonitoredWarehouse) -> None:
    """After one delay and a week, for later windows from their end; not after a pause of days."""
    found = warehouse.query(f"select version from {name} where status = 'overdue' order by version")
    assert [version for (version,) in found] == STOPPED.get(name, [])


def test_the_day_and_the_rows_are_said(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query(
        "select version, value, n_current from dead where metric = 'labelled_days' and value is not null "
        "order by version"
    )
    assert found == [(1, 5.0, 80), (2, 5.0, 280)]  # 6 and 7 November; 8 to 14 November


def test_what_is_not_waited_for_has_no_such_row(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query("select count(*) from at_once where metric = 'labelled_days'") == [(0,)]


def test_labels_arrive_fails_long_before_the_window_has_waited(
    built: tuple[MonitoredWarehouse, Build],
) -> None:
    statuses = built[1].statuses
    failed = {name for name in FEEDS if statuses[f"{name}_labels_arrive"] == "fail"}
    assert failed == STOPPED.keys()
