"""A project with one ML model of 40 features that is monitored whole, and one that is not monitored at all.

Four months are scored; labels have come for three. In April `f01` is shifted, and `f02` has gaps.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
from click.testing import CliRunner, Result
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from project import EVERY_DATABASE, DbtProject
from scorehouse.cli.main import main

FEATURES = [f"f{number:02d}" for number in range(40)]
NOISE = "(hash({row} * 41 + {number}) % 100003) / 100003e0 + (hash({row} * 43 + {number}) % 99991) / 99991e0"
SHIFTED = {"f01": "{value} + case when month(day) = 4 then 0.8e0 else 0e0 end"}
GAPPY = {"f02": "case when month(day) <> 4 or id % 3 > 0 then {value} end"}


def features_sql(rows: str, first: int, changed: bool) -> str:
    """Rows with a key, a day, a region and the 40 features; `changed` is April as it came."""
    columns = []
    for number, name in enumerate(FEATURES):
        value = NOISE.format(row=f"(id + {first})", number=number)
        template = (SHIFTED | GAPPY).get(name, "{value}") if changed else "{value}"
        columns.append(f"{template.format(value=f'({value})')} as {name}")
    return (
        "select id, date '2025-01-01' + cast(id % 120 as integer) as day, "
        f"case when id % 50 = 0 then 'south' else 'north' end as region, {', '.join(columns)} "
        f"from (select id, date '2025-01-01' + cast(id % 120 as integer) as day from range({rows}) as t(id))"
    )


def run(*arguments: object) -> Result:
    """The command `scorehouse` with these arguments, in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


LABEL = "case when 2e0 * f00 + f01 - f03 + (hash(id * 47) % 1009) / 500e0 > 3.1e0 then 1 else 0 end"


def monitored(folder: Path) -> DbtProject:
    """Register, write the models, and build."""
    project = DbtProject(folder, variables=EVERY_DATABASE)
    with duckdb.connect() as connection:
        training = connection.sql(features_sql("4000", 10**6, changed=False)).df()
        labels = connection.sql(f"select {LABEL} as y from training order by id").df()["y"]
    X = training.sort_values("id")[FEATURES]
    pipeline = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=500)).fit(X, labels)
    facts = {"task": "classification", "metrics": {"roc_auc": 0.9, "log_loss": 0.4}, "owner": "tests"}
    project.register(pipeline, "wide", X, labels, threshold=0.5, description="A wide <one> & more", **facts)
    small = X[["f00", "f01"]]
    project.register(LogisticRegression().fit(small, labels), "bare", small, labels, task="classification")
    weaker = make_pipeline(SimpleImputer(), LogisticRegression(C=1e-4)).fit(X, labels)
    project.register(weaker, "wide", X, labels, threshold=0.5, **facts | {"alias": "challenger"})
    project.features(features_sql("12000", 0, changed=True))
    project.features(
        f"select id, {LABEL} as y from {{{{ ref('features') }}}} where month(day) < 4", name="labels"
    )
    project.python_model("wide_predictions", "wide", key="id", passthrough=["day", "region"])
    both = {"alias": ["champion", "challenger"], "passthrough": ["region"]}
    project.features("select * from {{ ref('features') }} where id < 2000", name="few")
    project.python_model("wide_challenge", "wide", features="few", key="id", **both)
    for name, sql in MODELS.items():
        project.features(sql, name=name)
    project.build().check()
    return project


MODELS = {
    "wide_profiles": """{{ scorehouse.profile(ref('wide_predictions'), ref('ml_wide__reference'),
        ref('features'), key='id', day='day', segments=['region'], signature=ref('ml_wide__signature')) }}""",
    "wide_drift": """{{ scorehouse.drift(ref('wide_profiles'), ref('ml_wide__reference'), window='month',
        importance=ref('ml_wide__signature')) }}""",
    "wide_performance": """{{ scorehouse.performance(ref('wide_predictions'), ref('labels'), key='id',
        label='y', day='day', segments=['region'], maturity={'days': 1, 'share': 0.9, 'as_of': '2025-05-05'},
        options={'thresholds': {'roc_auc': 0.99}}) }}""",
    "wide_calibration": """{{ scorehouse.calibration_table(ref('wide_predictions'), ref('labels'), key='id',
        label='y', options={'day': 'day'}, date_to='2025-03-01') }}""",
    "wide_estimates": """{{ scorehouse.estimated_performance(ref('wide_predictions'),
        calibration=ref('wide_calibration'), day='day') }}""",
    "wide_retraining": """{{ scorehouse.retraining_signals(ref('ml_wide'), drift=ref('wide_drift'),
        performance=ref('wide_performance'), predictions=ref('wide_predictions')) }}""",
    "wide_joint": """{{ scorehouse.joint_drift(ref('wide_predictions'), ref('ml_wide__reference'),
        ref('features'), key='id', day='day') }}""",
    "wide_segments": """{{ scorehouse.worst_segments(ref('wide_predictions'), ['region'], 'log_loss',
        ref('labels'), key='id', label='y', features=ref('features'), numbers=['f00'],
        options={'threshold': 0.5}) }}""",
    "wide_watch": """{{ scorehouse.sequential_monitor(ref('wide_performance'), {'accuracy': 0.6}) }}""",
    "wide_reasons": """{{ scorehouse.scored('wide', key='id', passthrough=['day'], reasons=40) }}
        select * from {{ ref('few') }}""",
    "wide_attribution": "{{ scorehouse.attribution(ref('wide_reasons'), day='day') }}",
    "wide_comparison": """{{ scorehouse.compare_versions(ref('wide_challenge'), key='id',
        segments=['region']) }}""",
    "wide_contest": """{{ scorehouse.compare_metric(ref('wide_challenge'), ref('labels'), key='id', label='y',
        settings={'replicates': 20}) }}""",
}
