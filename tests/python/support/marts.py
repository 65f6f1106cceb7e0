"""What tables beside the scores every engine is asked for: of `predict`, of monitoring, and intervals.

They stand on the features and the table `replaced` of `test_every_engine.py`.
"""

from __future__ import annotations

from typing import Any

OF_REPLACED = "ref('replaced'), ref('labels'), key='id', label='y'"
SEEDS = ("ml_toy", "ml_toy__reference", "ml_toy__signature")
# where a table of Spark takes a minute to plan, test_spark_monitoring.py has it
EVERYWHERE = {
    "labels": "select id, id * 10e0 as y from {{ ref('features') }}",
    "widths": f"{{{{ scorehouse.interval_calibration({OF_REPLACED}, levels=[0.5, 0.9]) }}}}",
    "intervals": "{{ scorehouse.prediction_intervals(ref('replaced'), ref('widths'), level=0.5) }}",
}
IN_DUCKDB = {
    "predicted": "select * from {{ scorehouse.predict('toy', ref('features'), keep=['id', 'part']) }} "
    "as rows_of",
    "profiles": "{{ scorehouse.profile(ref('replaced'), ref('ml_toy__reference'), ref('features'), key='id', "
    "segments=['plan']) }}",
    "drift": "{{ scorehouse.drift(ref('profiles'), ref('ml_toy__reference')) }}",
    "performance": f"{{{{ scorehouse.performance({OF_REPLACED}, task='regression') }}}}",
}
TESTS: list[dict[str, Any]] = [
    {"scorehouse.one_prediction_per_row": {"arguments": {"features": "ref('features')", "key": "id"}}},
    {"scorehouse.predictions_registered": {"arguments": {"registry": "ref('ml_toy')"}}},
    {"scorehouse.predictions_fresh": {"arguments": {"max_age_hours": 24}}},
    {"scorehouse.score_in_range": {"arguments": {"columns": ["prediction"], "max_value": 350}}},
    {"scorehouse.rejected_share_below": {"arguments": {"max_share": 0.4}}},
    {"scorehouse.rejected_share_below": {"name": "a_third", "arguments": {"max_share": 0.3}}},
    {
        "scorehouse.score_in_range": {
            "name": "above",
            "arguments": {"columns": ["prediction"], "max_value": 300},
        }
    },
    {"scorehouse.predictions_by_alias": {"name": "older", "arguments": {"registry": "ref('ml_toy')"}}},
]
FAILING = {
    "a_third",
    "above",
    "older",
}  # 3 of 9 are rejected, one is 350, and version 2 has been promoted since
