"""Macros and compiled SQL as they are printed for databases that cannot be run here, parsed by sqlglot.

The dispatch and the macros beneath ours are those of the real adapters, whose wheels pip fetches without
their drivers; DuckDB answers what dbt asks while it compiles (`dialects/standin.py`).
"""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest
import yaml

from dialects.project import ProjectOfDialects, unpack_adapters
from monitored import MODELS as MONITORING
from project import REPOSITORY, DbtProject

sqlglot = pytest.importorskip("sqlglot", reason="the extra `sql` is not installed")
pytestmark = pytest.mark.foreign
WHEELS = ["dbt-bigquery==1.11.3", "dbt-databricks==1.11.8", "dbt-redshift==1.11.2"]
WHEELS += ["dbt-snowflake==1.11.6", "dbt-spark==1.11.0"]
DIALECTS = ["bigquery", "databricks", "redshift", "snowflake"]
# functions of the database that sqlglot has no name for
KNOWN = {"databricks": {"get", "xxhash64"}, "snowflake": {"hash"}}
ON_DUCKDB = ("wide_contest", "wide_reasons", "wide_attribution")  # the last is `moved` here
MODELS = {
    **{name: sql for name, sql in MONITORING.items() if name not in ON_DUCKDB},
    "predicted": "select * from {{ scorehouse.predict('wide', ref('features'), keep=['id']) }} as scored",
    "fragile": "{{ scorehouse.fragile_rows('wide', ref('features'), key='id', steps={'f00': 1}) }}",
    "raw_drift": "{{ scorehouse.exact_drift(ref('features'), ref('few'), columns=['f00', 'f01']) }}",
    "live": """{{ scorehouse.live_predictions(ref('dated'), ref('events'), key='id',
        label_time='happened_at', max_age_days=30) }}""",
    "widths": """{{ scorehouse.interval_calibration(ref('wide_predictions'), ref('labels'), key='id',
        label='y', levels=[0.8, 0.9], group='region', options={'prediction': 'score'}) }}""",
    "intervals": """{{ scorehouse.prediction_intervals(ref('wide_predictions'), ref('widths'),
        group='region', options={'prediction': 'score', 'lowest': 0, 'highest': 1}) }}""",
    "quantiles": """{{ scorehouse.set_calibration(ref('wide_predictions'), ref('labels'), key='id',
        label='y', classes=[0, 1], levels=[0.8, 0.9], group='region', options={'method': 'aps'}) }}""",
    "sets": """{{ scorehouse.prediction_sets(ref('wide_predictions'), ref('quantiles'), [0, 1],
        group='region', options={'method': 'aps', 'levels': ref('set_levels'), 'day': 'day'}) }}""",
    "set_levels": """{{ scorehouse.adaptive_level(ref('wide_predictions'), ref('labels'), ref('quantiles'),
        key='id', label='y', options={'classes': [0, 1], 'method': 'aps', 'group': 'region', 'day': 'day',
        'maturity': {'days': 40}}) }}""",
    "set_coverage": """{{ scorehouse.performance(ref('sets'), ref('labels'), key='id', label='y',
        options={'set': 'prediction_set'}) }}""",
    "joint": """{{ scorehouse.joint_drift(ref('wide_predictions'), ref('ml_wide__reference'), ref('features'),
        key='id') }}""",
    "powered": """{{ scorehouse.prediction_powered_monitor(ref('wide_predictions'), ref('labels'), key='id',
        label='y', limits={'accuracy': 0.6}, segments=['region']) }}""",
    "watched": "{{ scorehouse.sequential_monitor(ref('wide_performance'), {'accuracy': 0.6}) }}",
    "segments": """{{ scorehouse.worst_segments(ref('wide_predictions'), ['region'], 'brier', ref('labels'),
        key='id', label='y', features=ref('features'), numbers=['f00', 'f01'], depth=3) }}""",
    "moved": "{{ scorehouse.attribution(ref('explained'), 'day', segments=['region'], period='quarter') }}",
    "known": """{{ scorehouse.features_as_of(ref('dated'), ref('events'), key='id', at='as_of',
        event_time='happened_at', columns=['happened_at'], ttl='30 days', delay='1 hour') }}""",
    "training": """{{ scorehouse.training_set(ref('dated'), ref('events'), key='id', label='y',
        label_time='happened_at', matures_after='30 days', keep=['score'], features=ref('events'),
        event_time='happened_at', columns=['happened_at'], prefix='known_') }}""",
    "weighted": """{{ scorehouse.performance(ref('wide_predictions'), ref('labels'), key='id', label='y',
        options={'weight': 'score'}) }}""",
    "aged": """select {{ scorehouse._age_in_days({'name': 'as_of', 'type': 'date'}, 'as_of', 'scored_at',
        'timestamp') }} as age from {{ ref('dated') }}""",
    "by_day": """{{ config(materialized='incremental', **scorehouse.replace_windows()) }}
        {{ scorehouse.profile(ref('wide_predictions'), ref('ml_wide__reference'), ref('features'), key='id',
        day='scored_at') }}""",
    "changes": "{{ scorehouse.impact(ref('wide_predictions'), key='id', segments=['region']) }}",
    "costs": "{{ scorehouse.scoring_costs(ref('scorehouse_runs')) }}",
}
LIVE = {
    "dated": "select *, timestamp '2025-01-01' as as_of from {{ ref('wide_predictions') }} limit 10",
    "events": "select id, timestamp '2025-02-01' as happened_at, y from {{ ref('labels') }} limit 10",
    "replays": "select 'a' as run_id, 1 as rows_in_table, 1 as rows_compared, 0 as rows_different",
    "explained": """select 'log-odds' as reason_unit, 1e0 as reason_base, 0.5e0 as reason_rest,
        2e0 as reason_total, 'scored' as row_status, 'wide' as model_name, 1 as model_version,
        'north' as region, timestamp '2025-01-01' as day, 'f00' as reason_1,
        0.5e0 as reason_1_contribution, '3' as reason_1_value""",
    "checks": "select 'sql' as backend, 1 as rows_compared, 0 as rows_different",
}
TESTS: dict[str, dict[str, dict[str, Any]]] = {
    "wide_predictions": {
        "one_prediction_per_row": {"features": "ref('features')", "key": "id"},
        "score_in_range": {"columns": ["score"]},
        "class_scores_sum_to_one": {"columns": ["score", "score"]},
        "columns_not_null": {"columns": ["id", "score"]},
        "rejected_share_below": {"max_share": 0.5, "group_by": "region"},
        "predictions_fresh": {"max_age_hours": 24},
        "predictions_registered": {"registry": "ref('ml_wide')"},
        "predictions_by_alias": {"registry": "ref('ml_wide')"},
        "predictions_up_to_date": {"max_rows_left": 5},  # by its rhythm
        "teacher_agrees": {"key": "id", "gap": 0.1},
    },
    "dated": {
        "no_leak_from_future": {
            "key": "id",
            "features": "ref('events')",
            "event_time": "happened_at",
            "columns": ["happened_at"],
            "label_time": "scored_at",
        },
    },
    "explained": {"reasons_add_up": {}},
    "replays": {"replay_agrees": {}},
    "checks": {"backend_agrees": {}},
    "wide_drift": {"no_drift": {}, "no_score_drift": {}},
    "watched": {"no_sequential_alert": {"metrics": ["accuracy"]}},
    "moved": {"no_attribution_drift": {}},
    "segments": {"no_worse_segments": {"limits": {"brier": 0.1}}},
    "wide_profiles": {
        "volume_in_range": {
            "min_rows": 1,
            "max_change": 0.5,
            "day": "window_start",
            "max_age_days": 1,
            "latest": True,
        }
    },
    "wide_performance": {
        "performance_at_least": {"metrics": {"roc_auc": 0.5}},
        "coverage_at_least": {"level": 0.9},
        "gap_at_most": {"column": "region", "metrics": {"recall": 0.1}},
        "performance_not_below_reference": {"registry": "ref('ml_wide')", "metrics": {"roc_auc": 0.1}},
        "labels_arrive": {"min_share": 0.5, "after_days": 2},
        "calibrated": {},
    },
}
BEYOND = {"min_value": 0, "max_share": 0.01, "training_rows": 4000}
OF_FEATURES = {"no_fragile_rows": {"ml_model": "wide", "key": "id"}}
DOUBLE = {"type": "double"}
OF_COLUMNS = {"feature_in_range": BEYOND, "feature_has_type": DOUBLE, "feature_not_null": DOUBLE}
OF_COLUMNS["feature_plausible"] = {
    **DOUBLE,
    "mean": 1e0,
    "deviation": 0.4,
    "max_missing": 0.67,
    "varies_in": 20,
}
OF_COLUMNS["feature_plausible"] |= {"min_value": 0, "max_value": 3}
OF_COLUMNS["feature_in_categories"] = {**DOUBLE, "values": [0.5, 1.5]}


def write_tests(project: DbtProject) -> None:
    def listed(tests: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        return [{f"scorehouse.{name}": {"arguments": arguments}} for name, arguments in tests.items()]

    models: list[dict[str, Any]] = [{"name": n, "data_tests": listed(tests)} for n, tests in TESTS.items()]
    columns = [{"name": "f00", "data_tests": listed(OF_COLUMNS)}]
    models.append({"name": "features", "data_tests": listed(OF_FEATURES), "columns": columns})
    project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": models}))


@pytest.fixture(scope="module")
def project(monitored_project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> ProjectOfDialects:
    folder = tmp_path_factory.mktemp("dialects") / "house"
    shutil.copytree(monitored_project.folder, folder, symlinks=True)
    (folder / "models" / "wide_contest.sql").unlink()
    unpack_adapters(folder, WHEELS)
    project = object.__new__(DbtProject)
    project.folder, project.database = folder, folder / "house.duckdb"
    for name, sql in {**MODELS, **LIVE}.items():
        project.features(sql, name=name)
    project.sql_model("refused", "wide", key="id")
    project.features(
        "with f as (select * from {{ ref('features') }}) "
        "select * from {{ scorehouse.predict('wide', 'f' ~ ' ' * 1100000, keep=['id']) }} as scored",
        name="too_long",
    )
    write_tests(project)
    outputs = {
        kind: {"type": kind, "path": str(project.database), "threads": 2} for kind in ("duckdb", *DIALECTS)
    }
    project.write("profiles.yml", yaml.safe_dump({"house": {"target": "duckdb", "outputs": outputs}}))
    project.dbt("run", "--select", *LIVE).check()
    return ProjectOfDialects(folder)


def faults_of(name: str, node: dict[str, Any], dialect: str) -> list[str]:
    """What is wrong with the SQL that was printed for a node."""
    if node["status"] != "success":
        return [node["message"]]
    try:
        (parsed,) = sqlglot.parse(node["sql"], read=dialect)
    except sqlglot.ParseError as error:
        return [str(error)]
    found = [] if isinstance(parsed, sqlglot.exp.Query) else ["not a query"]
    found += [part.sql(dialect) for part in parsed.find_all(sqlglot.exp.Command, sqlglot.exp.AtTimeZone)]
    for cte in parsed.find_all(sqlglot.exp.CTE):  # the recursive one of `set_levels`
        is_adapted = cte.alias.lower() == "adapted" and name == "set_levels"
        if is_adapted and bool(cte.alias_column_names) == (dialect == "bigquery"):
            found.append("a recursive CTE needs names of its columns, except on BigQuery")
    unknown = {function.name.lower() for function in parsed.find_all(sqlglot.exp.Anonymous)}
    return found + [f"unknown function: {one}" for one in sorted(unknown - KNOWN.get(dialect, set()))]


@pytest.mark.parametrize(
    "dialect",
    [
        "bigquery",
        "snowflake",
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("databricks", "redshift")),
    ],
)
def test_every_public_macro_is_printed(dialect: str, project: ProjectOfDialects) -> None:
    wanted = ["scorehouse_runs", *MODELS, "test_type:generic"]
    ended = project.dbt(dialect, "compile", "--select", *wanted)
    assert ended["nodes"] and not ended["problem"], ended["problem"]
    faults = {name: faults_of(name, node, dialect) for name, node in ended["nodes"].items()}
    assert {name: found for name, found in faults.items() if found} == {}


# they write the run log or a history, when dbt runs or by an operation
RUN_LOG = {"ensure_run_log", "close_runs", "prune_run_log", "prune_history", "compact_run_log"}


def test_no_line_of_a_macro_is_longer_than_120() -> None:
    long = [
        f"{file.relative_to(REPOSITORY)}:{number}"
        for file in sorted((REPOSITORY / "macros").rglob("*.sql"))
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > 120
    ]
    assert not long


def test_no_public_macro_is_left_out() -> None:
    pages = "".join((REPOSITORY / "docs/reference" / f"{n}.md").read_text() for n in ("macros", "tests"))
    public = set(re.findall(r"^### (\w+)$", pages, re.MULTILINE))
    named = set(re.findall(r"scorehouse\.(\w+)\(", " ".join(MODELS.values())))
    named |= {name for tests in TESTS.values() for name in tests} | set(OF_COLUMNS) | set(OF_FEATURES)
    # printed with the run log's view, or reads the registry; writes; needs DuckDB, and says so
    hidden, of_duckdb = {"run_log_relation", "class_columns"}, {"compare_metric"}
    assert public - named == hidden | {"scored", *RUN_LOG} | of_duckdb | {"challenger_not_worse"}


@pytest.mark.parametrize(("dialect", "limit"), [("bigquery", 1048576), ("snowflake", 1000000)])
def test_a_statement_that_is_too_long_is_refused(
    dialect: str, limit: int, project: ProjectOfDialects
) -> None:
    message = project.dbt(dialect, "compile", "--select", "too_long")["problem"]
    assert "scorehouse.predict('wide'): the statement has 11" in message
    assert f"at most {limit}, which is the limit of {dialect}" in message


@pytest.mark.parametrize("dialect", ["redshift"])
def test_scored_is_refused_where_there_are_no_prediction_tables(
    dialect: str, project: ProjectOfDialects
) -> None:
    ended = project.dbt(dialect, "run", "--select", "refused")
    message = ended["nodes"]["refused"]["message"]
    assert f"there are no prediction tables on {dialect}" in message
    assert "scorehouse.predict('wide', relation=ref('<features>'))" in message
