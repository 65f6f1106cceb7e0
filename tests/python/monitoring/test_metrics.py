"""Each metric of the table in `scorehouse.metrics` is where the table says, and nowhere else.

A metric that is declared and has no SQL, or has SQL and is not declared, fails here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitoring.warehouse import MonitoredWarehouse
from scorehouse.metrics import KINDS, METRICS, Column, Use, used

ROWS = """
    select i as id, i % 7 as query, ['a', 'b', 'c'][1 + i % 3] as class, i % 3 = 0 as is_late,
        ['a', 'b', 'c'][1 + (i // 2) % 3] as prediction_class, (i * 37 % 100 + 0.5e0) / 100 as score,
        0.2e0 + i % 5 / 10e0 as score_a, 0.3e0 as score_b, 0.5e0 - i % 5 / 10e0 as score_c,
        i % 11 + 0e0 as amount, i % 13 + 0e0 as estimate, i % 13 - 3e0 as low, i % 13 + 3e0 as high,
        case when i % 4 = 0 then '["a"]' else '["a", "b"]' end as classes, i % 2 as is_yes,
        case when i % 5 > 1 then 1 else 0 end as prediction, 'm' as model_name, version as model_version,
        version = 1 as is_live, case when version = 1 then 'champion' else 'challenger' end as model_alias,
        'scored' as row_status, 'r' as scoring_run_id, date '2026-01-05' as day,
        timestamp '2026-01-05' as scored_at
    from range(400) as numbers (i), (values (1), (2)) as versions (version)
"""
# What makes a table of each kind of metrics, and the column of its labels.
TABLES = {
    "classification": ("is_yes", "options={'set': 'classes'}"),
    "classes": ("class", "options={'classes': ['a', 'b', 'c'], 'prediction': 'prediction_class'}"),
    "regression": (
        "amount",
        "task='regression', options={'prediction': 'estimate', 'lower': 'low', 'upper': 'high'}",
    ),
    "ranking": ("is_yes", "task='ranking', options={'query': 'query'}"),
    "clustering": (
        "is_yes",
        "task='clustering', options={'prediction': 'prediction_class', 'score': 'score'}",
    ),
}
ESTIMATED = ("classification", "classes", "regression")
EVERYWHERE = {"labels_arrived", "rejected_share"}
BOTH = "source('raw', 'scored'), source('raw', 'labels'), key='id'"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("metrics") / "house")
    warehouse.table("contested", ROWS)
    warehouse.table("scored", "from raw.contested where is_live")
    warehouse.table("labels", "select id, is_yes, class, amount from raw.scored")
    for kind, (label, given) in TABLES.items():
        call = f"scorehouse.performance({BOTH}, label='{label}', day='day', {given}"
        warehouse.model(kind, f"{{{{ {call}) }}}}")
        waiting = "maturity={'days': 1, 'as_of': '2026-01-06'}"
        warehouse.model(f"{kind}_waiting", f"{{{{ {call}, {waiting}) }}}}")
    for kind in ESTIMATED:
        label, given = TABLES[kind]
        options = "{'prediction': 'estimate'}" if kind == "regression" else "{}"
        options = given.rpartition("options=")[2] if kind == "classes" else options
        task = ", task='regression'" if kind == "regression" else ""
        basis = f"scorehouse.calibration_table({BOTH}, label='{label}', options={options}{task})"
        warehouse.model(f"{kind}_basis", f"{{{{ {basis} }}}}")
        warehouse.model(
            f"{kind}_estimates",
            f"{{{{ scorehouse.estimated_performance(source('raw', 'scored'), ref('{kind}_basis'), "
            f"options={options}{task}) }}}}",
        )
    for name, metric in {**used(Use.SEGMENTS), **used(Use.UNLABELLED)}.items():
        label = "amount" if "regression" in metric.columns else "is_yes"
        options = "'day': 'day', 'compare_from': '2026-01-06', 'prediction': " + (
            "'estimate'" if label == "amount" else "'prediction'"
        )
        warehouse.model(
            f"segments_{name}",
            f"{{{{ scorehouse.worst_segments(source('raw', 'scored'), ['class'], '{name}', "
            f"source('raw', 'labels'), key='id', label='{label}', options={{{options}}}) }}}}",
        )
    for name, metric in used(Use.CONTEST).items():
        label, score = ("amount", "estimate") if "regression" in metric.columns else ("is_yes", "score")
        score = "prediction" if name == "accuracy" else score
        warehouse.model(
            f"contest_{name}",
            f"{{{{ scorehouse.compare_metric(source('raw', 'contested'), source('raw', 'labels'), 'id', "
            f"'{label}', '{name}', settings={{'score': '{score}', 'replicates': 20}}) }}}}",
        )
    for kind in ("classification", "regression"):
        limits = dict.fromkeys(watched_of(kind), 0.5)
        warehouse.model(f"{kind}_watch", f"{{{{ scorehouse.sequential_monitor(ref('{kind}'), {limits}) }}}}")
    rows = (
        "(values ('estimated_mae'), ('mean_distance_of_a')) as t (metric), (values (1), (9)) as h (highest)"
    )
    worse = "{{ scorehouse._is_worse('5', 'highest') }} as is_worse"
    warehouse.model("variants", f"select metric, highest, {worse} from {rows}")
    warehouse.build().check()
    yield warehouse


def metrics_of(warehouse: MonitoredWarehouse, table: str, where: str = "true") -> set[str]:
    """The metrics of a table as they are declared: `f1_of_a` is declared as `f1_of_`."""
    names = {name for (name,) in warehouse.query(f"select distinct metric from {table} where {where}")}
    several = [name for name in METRICS if name.endswith("_")]
    several += [f"estimated_{name}" for name in several]
    return {next((one for one in several if name.startswith(one)), name) for name in names}


def columns_of(table: str) -> dict[str, Column]:
    """The columns that the table should have as metrics."""
    kinds = [table, {"classification": "sets", "regression": "intervals"}.get(table, "")]
    return {
        name: metric.columns[kind]
        for kind in kinds
        for name, metric in METRICS.items()
        if kind in metric.columns
    }


def watched_of(table: str) -> set[str]:
    return {name for name in columns_of(table) if Use.WATCHED in METRICS[name].use}


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_a_performance_table_has_the_metrics_that_are_declared(
    table: str, warehouse: MonitoredWarehouse
) -> None:
    assert metrics_of(warehouse, table) == columns_of(table).keys() | EVERYWHERE
    assert metrics_of(warehouse, table, "value is null") <= {"roc_auc_of_"}
    bounded = {name for name, column in columns_of(table).items() if column.interval}
    assert metrics_of(warehouse, table, "value_low <= value_high") == bounded | EVERYWHERE


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_a_table_without_labels_has_the_same_metrics(table: str, warehouse: MonitoredWarehouse) -> None:
    fixed = {name for name in columns_of(table) if not name.endswith("_")}
    waiting = EVERYWHERE | {"labelled_days"}
    assert metrics_of(warehouse, f"{table}_waiting") == fixed | waiting
    assert metrics_of(warehouse, f"{table}_waiting", "value is not null") <= waiting


@pytest.mark.slow
@pytest.mark.parametrize("kind", ESTIMATED)
def test_what_is_declared_as_estimated_is_estimated(kind: str, warehouse: MonitoredWarehouse) -> None:
    expected = {f"estimated_{name}" for name in used(Use.ESTIMATED, kind)}
    assert metrics_of(warehouse, f"{kind}_estimates") == expected


@pytest.mark.slow
def test_segments_and_contests_measure_what_is_declared(warehouse: MonitoredWarehouse) -> None:
    for name in {**used(Use.SEGMENTS), **used(Use.UNLABELLED)}:
        assert metrics_of(warehouse, f"segments_{name}", "value is not null") <= {name}
    for name in used(Use.CONTEST):
        assert warehouse.query(f"select metric, live_value - challenger_value from contest_{name}") == [
            (name, 0)
        ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_what_is_declared_as_watched_can_be_watched(kind: str, warehouse: MonitoredWarehouse) -> None:
    assert metrics_of(warehouse, f"{kind}_watch") == watched_of(kind)


@pytest.mark.slow
def test_lower_is_better_of_the_variants_of_a_metric_too(warehouse: MonitoredWarehouse) -> None:
    """They were judged as if higher were better: a large error passed, and a small one failed."""
    worse = warehouse.query("select metric, highest from variants where is_worse order by all")
    assert worse == [("estimated_mae", 1), ("mean_distance_of_a", 1)]


def test_every_kind_of_performance_table_is_tried() -> None:
    assert {kind for kinds in KINDS.values() for kind in kinds} - {"sets", "intervals"} == set(TABLES)
