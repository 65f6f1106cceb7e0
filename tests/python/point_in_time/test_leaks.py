"""The dbt test `no_leak_from_future` finds each row with a leak, and accuses no other."""

from __future__ import annotations

from typing import Any

import pytest

from leaks import LEAKS, TrainingSet, training_set
from monitoring.warehouse import MonitoredWarehouse

SETS: dict[str, TrainingSet] = {
    **{leak: training_set(number, leak) for number, leak in enumerate(LEAKS)},
    **{f"clean {number}": training_set(number, None) for number in range(4)},
}


AGED = """
select customer, amount, known_at, happened_at, known_at + interval 1 hour as as_of,
    known_at + interval 90 day as label_known_at
from (values
    ('seen', 1.0, timestamp '2026-03-05 10:00', timestamp '2026-03-05 09:00'),
    ('forgotten', null, timestamp '2026-03-05 10:00', timestamp '2026-03-01 09:00'),
    ('stale', 3.0, timestamp '2026-03-05 10:00', timestamp '2026-03-01 09:00')
) as rows(customer, amount, known_at, happened_at)
"""


def looked_at(number: int | str, **further: str) -> dict[str, Any]:
    """The dbt test of a set: `trained_n` against `features_n`."""
    source = {"relation": f"source('raw', 'features_{number}')", "key": "customer", **further}
    times = {"event_time": "happened_at", "known_at": "known_at", "columns": ["amount"]}
    return {
        "scorehouse.no_leak_from_future": {
            "name": f"leak_{number}",
            "arguments": {"key": "customer", "label_time": "label_known_at", "features": [source | times]},
            "config": {"store_failures": True},
        }
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[MonitoredWarehouse, dict[str, str]]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("leaks") / "house")
    models = []
    for number, one in enumerate(SETS.values()):
        warehouse.table(f"features_{number}", "select * from features", features=one.features)
        warehouse.table(f"given_{number}", "select * from trained", trained=one.trained)
        warehouse.model(
            f"trained_{number}", f"select * from {{{{ source('raw', 'given_{number}') }}}}", "view"
        )
        models.append({"name": f"trained_{number}", "data_tests": [looked_at(number)]})
    warehouse.table("features_aged", f"select * replace (coalesce(amount, 2.0) as amount) from ({AGED})")
    warehouse.model("trained_aged", AGED, "view")
    models.append({"name": "trained_aged", "data_tests": [looked_at("aged", ttl="1 day")]})
    warehouse.tests({"version": 2, "models": models})
    return warehouse, warehouse.build().statuses


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_finds_exactly_the_rows_that_leak(
    name: str, built: tuple[MonitoredWarehouse, dict[str, str]]
) -> None:
    (warehouse, statuses), number, one = built, list(SETS).index(name), SETS[name]
    assert statuses[f"leak_{number}"] == ("fail" if one.leaked else "pass")
    found = warehouse.query(f"select distinct row_key, moment from main_dbt_test__audit.leak_{number}")
    leaking = one.trained.iloc[sorted(one.leaked)]
    assert sorted(found) == sorted(
        (str(key), moment.to_pydatetime())
        for key, moment in zip(leaking.customer, leaking.as_of, strict=True)
    )


@pytest.mark.slow
def test_a_value_older_than_its_ttl_should_not_be_there(
    built: tuple[MonitoredWarehouse, dict[str, str]],
) -> None:
    warehouse, statuses = built
    assert statuses["leak_aged"] == "fail"
    found = warehouse.query("select row_key, value_found, value_known from main_dbt_test__audit.leak_aged")
    assert found == [("stale", "3.0", None)]
