"""The limits of gross faults that training tells, and how tests with such limits end."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from project import DbtProject
from scorehouse.cli.gross_limits import gross_limits
from scorehouse.registry.signature import Feature

pytestmark = pytest.mark.slow

GROSS = {"max_missing": 0.67}


def learned(metric: str, upper: float, lower: float = 1.0) -> dict[str, Any]:
    """A row of a reference about windows of training with 100 rows."""
    return {"kind": "window", "category": metric, "lower": lower, "upper": upper, "row_count": 100}


def counts(*kinds: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "category": None, "lower": None, "upper": None, "row_count": 20} for kind in kinds]


@pytest.mark.parametrize(
    ("null_share", "rows", "expected"),
    [
        (0.0, [], GROSS),
        (0.02, [], {}),  # perhaps all of it on one day
        (0.02, [learned("week missing_share", 0.02)], {}),
        (0.02, [learned("day missing_share", 0.04)], GROSS),
        (0.02, [learned("week missing_share", 0.02), learned("day missing_share", 1.0)], {}),
        (0.5, counts(*["numeric"] * 10), {"varies_in": 10}),
        (0.5, [*counts(*["numeric"] * 10), learned("day psi", 0.1, lower=16.0)], {"varies_in": 96}),
        (0.5, [*counts(*["numeric"] * 10), learned("day psi", 0.1, lower=20.0)], {}),  # of 120 rows
        (0.5, [learned("week mean_shift", 0.1)], {}),
        (0.5, [learned("day mean_shift", 0.1)], {"min_value": 1.0, "max_value": 2.0}),
    ],
)
def test_limits(null_share: float, rows: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    feature = Feature("a", "double", "float64", minimum=1.0, maximum=2.0, null_share=null_share)
    reference = [{"part": "feature", "name": "a", "deviation": None, **row} for row in rows]
    assert gross_limits([feature], reference, has_days=True) == {"a": expected}


def test_a_spread_that_no_day_tells_may_be_smaller() -> None:
    feature = Feature("a", "double", "float64", null_share=0.5)
    moments = {
        "part": "feature",
        "name": "a",
        "category": None,
        "kind": "moments",
        "lower": 5.0,
        "upper": 1.0,
    }
    shift = {"part": "feature", "name": "a", **learned("day spread_shift", 0.3)}
    unit = {"mean": 5.0, "deviation": 1.0}
    assert gross_limits([feature], [moments], True) == {"a": unit | {"allow_smaller": True}}
    assert gross_limits([feature], [moments, shift], True) == {"a": unit}


def test_rows_are_judged_by_the_config_of_the_user(project: DbtProject) -> None:
    """A fault is told in words, unless the config says how rows are judged or no table can be asked."""
    rows = (
        "select case when n < 20 then 500e0 + n else 1e0 * n end as amount, "
        "current_date - 1 + case when n < 20 then 400 else 0 end as made_on from range(40) as many (n)"
    )
    project.features(rows)
    project.write("models/early.sql", "{{ config(materialized='ephemeral') }} " + rows)
    day = {"day": "made_on"}
    most, volume = {"type": "double", "max_value": 10, **day}, {"max_age_days": 1, **day}
    configs: dict[str, dict[str, Any]] = {
        "told": {},
        "warns": {"severity": "warn"},
        "passes": {"error_if": "> 5", "warn_if": "> 5"},
        "limited": {"limit": 1},
        "summed": {"fail_calc": "count(*) + 1"},
        "stored": {"store_failures": True},
        "early": {},
    }

    def tests(name: str, arguments: dict[str, Any], kind: str, model: str) -> list[dict[str, Any]]:
        return [
            {f"scorehouse.{name}": {"arguments": arguments, "name": f"{kind}_{case}", "config": config}}
            for case, config in configs.items()
            if (case == "early") == (model == "early")
        ]

    models = [
        {
            "name": model,
            "data_tests": tests("volume_in_range", volume, "volume", model),
            "columns": [{"name": "amount", "data_tests": tests("feature_plausible", most, "range", model)}],
        }
        for model in ("features", "early")
    ]
    project.write("models/_models.yml", yaml.safe_dump({"version": 2, "models": models}))
    ended = project.build()
    for kind, words in {"range": "Expected: most values up to 10, as", "volume": "days ahead"}.items():
        assert {case: ended.statuses[f"{kind}_{case}"] for case in configs} == {
            "told": "error",
            "warns": "warn",
            "passes": "pass",
            "limited": "fail",
            "summed": "fail",
            "stored": "fail",
            "early": "fail",
        }, ended.messages
        assert words in ended.messages[f"{kind}_told"]
