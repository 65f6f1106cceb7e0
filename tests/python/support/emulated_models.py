"""What a stranger's project has on a warehouse that an emulator plays: models, marts and generic tests."""

from __future__ import annotations

from typing import Any

import yaml

import forests
from churn import ROWS, classifier
from emulated import EmulatedProject
from scorehouse import register

KEY = "key='id', passthrough=['shop']"
TABLE = "{{ config(materialized='table') }}\n"
REFERENCE = "reference=ref('ml_leaving__reference')"
SIGNATURE = "signature=ref('ml_leaving__signature')"
MODELS = {
    "predicted": "select * from {{ scorehouse.predict('leaving', ref('customers'), keep=['id', 'shop']) }} "
    "as rows_of",
    "reasons": "select * from {{ scorehouse.predict('leaving', ref('customers'), keep=['id'], reasons=3) }} "
    "as rows_of",
    "labels": "select id, case when amount > 50 then 1 else 0 end as gone from {{ ref('customers') }}",
    "profiles": "{{ scorehouse.profile(ref('scored'), features=ref('customers'), key='id', "
    f"segments=['shop'], {REFERENCE}, {SIGNATURE}) }}}}",
    "drift": f"{{{{ scorehouse.drift(ref('profiles'), {REFERENCE}) }}}}",
    "exact": "{{ scorehouse.exact_drift(ref('customers'), ref('earlier'), ['amount', 'visits']) }}",
    "earlier": "select id, amount * 2 as amount, visits from {{ ref('customers') }} where id < 300",
    "performance": "{{ scorehouse.performance(ref('scored'), ref('labels'), key='id', label='gone') }}",
    "calibration": "{{ scorehouse.calibration_table(ref('scored'), ref('labels'), key='id', label='gone') }}",
    "estimates": "{{ scorehouse.estimated_performance(ref('scored'), ref('calibration')) }}",
    "widths": "{{ scorehouse.interval_calibration(ref('scored'), ref('labels'), key='id', label='gone', "
    "levels=[0.8], group='shop', options={'prediction': 'score'}) }}",
    "intervals": "{{ scorehouse.prediction_intervals(ref('scored'), ref('widths'), level=0.8, group='shop', "
    "options={'prediction': 'score', 'lowest': 0, 'highest': 1}) }}",
    "dated": "select s.*, cast({{ dbt.dateadd('day', 'mod(s.id, 60)', \"cast('2026-01-05' as date)\") }} "
    "as date) as sent_on from {{ ref('scored') }} as s",
    "levels": "{{ scorehouse.adaptive_level(ref('dated'), ref('labels'), ref('widths'), key='id', "
    "label='gone', level=0.8, period='week', options={'prediction': 'score', 'day': 'sent_on', "
    "'group': 'shop', 'maturity': {'days': 0}}) }}",
    "quantiles": "{{ scorehouse.set_calibration(ref('scored'), ref('labels'), key='id', label='gone', "
    "classes=[0, 1], levels=[0.8], group='shop', options={'method': 'aps'}) }}",
    "sets": "{{ scorehouse.prediction_sets(ref('scored'), ref('quantiles'), [0, 1], level=0.8, "
    "group='shop', options={'method': 'aps'}) }}",
    "set_coverage": "{{ scorehouse.performance(ref('sets'), ref('labels'), key='id', label='gone', "
    "options={'set': 'prediction_set'}) }}",
    "costs": "{{ scorehouse.scoring_costs(ref('scorehouse_runs')) }}\n-- depends_on: {{ ref('scored') }} "
    "{{ ref('explained') }}",
}
TESTS: list[dict[str, Any]] = [
    {"one_prediction_per_row": {"features": "ref('customers')", "key": "id"}},
    {"predictions_registered": {"registry": "ref('ml_leaving')"}},
    {"predictions_by_alias": {"registry": "ref('ml_leaving')"}},
    {"predictions_fresh": {"max_age_hours": 24}},
    {"predictions_up_to_date": {"max_age_hours": 24}},
    {"rejected_share_below": {"max_share": 0.5}},
    {"score_in_range": {"columns": ["score"]}},
]
FINDING: list[dict[str, Any]] = [
    {"rejected_share_below": {"max_share": 0.01}},
    {"score_in_range": {"columns": ["score"], "max_value": 0.5}},
    {"one_prediction_per_row": {"features": "ref('earlier')", "key": "id"}},
]


def listed(tests: list[dict[str, Any]], **config: Any) -> list[dict[str, Any]]:
    found = []
    for test in tests:
        ((name, arguments),) = test.items()
        found.append({f"scorehouse.{name}": {"arguments": arguments, "config": config}})
    return found


def describe(project: EmulatedProject, tests: list[dict[str, Any]]) -> None:
    """Put tests on the model `scored`."""
    described = {"version": 2, "models": [{"name": "scored", "data_tests": tests}]}
    project.write("models/_scored.yml", yaml.safe_dump(described))


def same_as_the_estimator(built: EmulatedProject, table: str, estimator: Any = None) -> None:
    """Labels, statuses and reasons are equal, and scores are within 1e-12."""
    rows = built.query(f"select {forests.FEATURES} from marts.customers order by id")
    found = built.query(f"select {forests.OUTPUTS} from marts.{table} order by id")
    assert len(found) == ROWS
    forests.assert_scored_by(estimator or classifier(), rows, found)
    same = "s.id = c.id and s.shop = c.shop"
    passed = f"select count(*) from marts.{table} as s inner join marts.customers as c on {same}"
    assert built.query(passed) == [(ROWS,)]


def scored_in_stages(project: EmulatedProject, name: str, trees: int, leaves: int) -> tuple[Any, str]:
    """Register a forest and score by it; the estimator, and what the run log says of its backend."""
    estimator, X = forests.forest(trees, leaves)
    version = register(
        estimator, name, X, task="classification", alias="champion", project_dir=project.folder
    )
    assert version.program["sql"]["stages"][project.warehouse.kind] >= 2
    call = f"{{{{ scorehouse.scored('{name}', {KEY}, rescore='given') }}}}\n"
    project.write(f"models/by_{name}.sql", f"{call}select * from {{{{ ref('customers') }}}}\n")
    project.dbt("build", "--select", "customers", f"ml_{name}", f"by_{name}")
    reason = f"select backend_reason from marts.scorehouse_run_log where node like '%.by_{name}'"
    ((told,),) = project.query(reason)
    return estimator, told
