"""Prediction sets: equal to MAPIE and to brute force, one per prediction, and covering."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intervals import sets_frame
from intervals.sets_frame import CLASSES, COLUMNS, FRAME, LEVELS, MONTHS, calibration_rows
from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

GIVEN = "source('raw', 'predictions'), source('raw', 'labels'), key='id', label='y'"
UNTIL = "'day': 'day', 'date_to': '2026-02-01'"
BINARY = "'positive': 'yes'"
# classes as they are written, the positive one, and types of label columns that hold the same values
TYPED = {
    "whole": ("[1, 0]", "1", ["double", "decimal(9, 2)", "boolean", "integer"]),
    "flag": ("[true, false]", "true", ["double", "integer", "boolean"]),
    "float": ("[1.0, 0.0]", "1.0", ["boolean", "integer", "double"]),
}
KEYED = "key='id', label='y'"


PREDICTED = {"whole": "integer", "flag": "boolean", "float": "double"}


def typed(macro: str) -> str:
    """One query for all types of classes and labels."""
    found = []
    for kind, (classes, positive, types) in TYPED.items():
        for place, _ in enumerate(types):
            labels = f"ref('labels_{kind}_{place}')"
            call = {
                "set_calibration": f"ref('binary'), {labels}, {KEYED}, classes={classes}, "
                f"options={{'positive': {positive}, {UNTIL}}}",
                "performance": f"ref('sets_{kind}'), {labels}, {KEYED}, day='day', "
                f"options={{'positive': {positive}, 'set': 'prediction_set'}}",
            }[macro]
            found.append(
                f"select '{kind}' as kind, {place} as place, * from ({{{{ scorehouse.{macro}({call}) }}}})"
            )
    return " union all ".join(found)


MODELS = {
    **{
        f"{method}_calibration": f"""{{{{ scorehouse.set_calibration({GIVEN}, classes={CLASSES!r},
            levels=[0.6, 0.9], group='region', options={{'method': '{method}', {UNTIL}}}) }}}}"""
        for method in ("lac", "aps")
    },
    **{
        f"{method}_sets_{round(level * 100)}": f"""{{{{ scorehouse.prediction_sets(
            source('raw', 'predictions'), ref('{method}_calibration'), {CLASSES!r}, level={level},
            options={{'method': '{method}'}}) }}}}"""
        for method in ("lac", "aps")
        for level in LEVELS
    },
    "by_region": f"""{{{{ scorehouse.prediction_sets(source('raw', 'predictions'), ref('lac_calibration'),
        {CLASSES!r}, group='region') }}}}""",
    "other_method": f"""{{{{ scorehouse.prediction_sets(source('raw', 'predictions'), ref('lac_calibration'),
        {CLASSES!r}, options={{'method': 'aps'}}) }}}}""",
    "coverage": f"""{{{{ scorehouse.performance(ref('lac_sets_90'), source('raw', 'labels'), key='id',
        label='y', day='day', segments=['region'],
        options={{'classes': {CLASSES!r}, 'set': 'prediction_set', 'min_segment_rows': 1}}) }}}}""",
    "binary": """select *, score_low as score from {{ source('raw', 'predictions') }}
        where model_version = 1""",
    "binary_labels": """select id, case when y = 'low' then 'yes' else 'no' end as y
        from {{ source('raw', 'labels') }}""",
    "binary_calibration": f"""{{{{ scorehouse.set_calibration(ref('binary'), ref('binary_labels'), key='id',
        label='y', classes=['yes', 'no'], options={{{BINARY}, {UNTIL}}}) }}}}""",
    "binary_sets": f"""{{{{ scorehouse.prediction_sets(ref('binary'), ref('binary_calibration'),
        ['yes', 'no'], options={{{BINARY}}}) }}}}""",
    "binary_coverage": f"""{{{{ scorehouse.performance(ref('binary_sets'), ref('binary_labels'), key='id',
        label='y', day='day', options={{{BINARY}, 'set': 'prediction_set'}}) }}}}""",
    "some_sets": """select * replace (
            case month(day) when 1 then case when id % 4 > 0 then prediction_set end
                when 3 then prediction_set end as prediction_set
        ) from {{ ref('binary_sets') }}""",
    "some_coverage": f"""{{{{ scorehouse.performance(ref('some_sets'), ref('binary_labels'), key='id',
        label='y', day='day', options={{{BINARY}, 'set': 'prediction_set'}}) }}}}""",
    **{
        f"labels_{kind}_{place}": f"""select id, cast(y = 'low' as integer)::{name} as y
            from {{{{ source('raw', 'labels') }}}}"""
        for kind, (_, _, types) in TYPED.items()
        for place, name in enumerate(types)
    },
    **{
        f"sets_{kind}": f"""select * replace (cast(prediction = 'low' as {PREDICTED[kind]}) as prediction)
            from ({{{{ scorehouse.prediction_sets(ref('binary'), ref('binary_calibration'), {classes},
            options={{'positive': {positive}}}) }}}})"""
        for kind, (classes, positive, _) in TYPED.items()
    },
    "typed_quantiles": typed("set_calibration"),
    "typed_coverage": typed("performance"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("sets") / "house")
    warehouse.table("predictions", "select * exclude (y) from frame", frame=FRAME)
    warehouse.table("labels", "select id, y from frame", frame=FRAME)
    for name, sql in MODELS.items():
        warehouse.model(name, sql)
    held = [{"scorehouse.coverage_at_least": {"arguments": {"level": 0.9}, "config": {"severity": "warn"}}}]
    listed = [{"name": name, "data_tests": held} for name in ("coverage", "binary_coverage", "some_coverage")]
    warehouse.tests({"version": 2, "models": listed})
    warehouse.build().check()
    return warehouse


def distances(scores: np.ndarray, labels: list[str], method: str) -> np.ndarray:
    """By the textbook, row by row; infinite for a label that is no class."""
    found = []
    for row, label in zip(scores, labels, strict=True):
        if label not in CLASSES:
            found.append(math.inf)
        else:
            own = row[CLASSES.index(label)]
            found.append(1 - own if method == "lac" else math.fsum(score for score in row if score > own))
    return np.array(found)


def quantile(distances: np.ndarray, level: float) -> float | None:
    rank = math.ceil((len(distances) + 1) * Fraction(str(level)))
    return float(np.sort(distances)[rank - 1]) if rank <= len(distances) else None


def quantile_of(rows: pd.DataFrame, method: str, level: float) -> float | None:
    return quantile(distances(rows[COLUMNS].to_numpy(), rows.y.tolist(), method), level)


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_quantiles_equal_brute_force(method: str, built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select version, basis, interval_group, interval_level, method, n_labelled, labels_needed, "
        f"score_quantile, status, n_unknown, classes_without_label from {method}_calibration"
    )
    found = {row[:4]: row[4:] for row in rows}
    for version in (1, 2, 3):
        january = calibration_rows(version)
        parts = {("all", None): january}
        for group, part in january.groupby(january.region.fillna("(null)")):
            parts["group", str(group)] = part
        assert {key[1:3] for key in found if key[0] == version} == set(parts)
        for (basis, group), part in parts.items():
            for level in LEVELS:
                named, n, needed, value, status, unknown, never = found[version, basis, group, level]
                expected = quantile_of(part, method, level)
                assert (named, n, unknown) == (method, len(part), (~part.y.isin(CLASSES)).sum())
                assert needed == {0.6: 2, 0.9: 9}[level]
                assert json.loads(never) == [label for label in CLASSES if label not in set(part.y)]
                if expected is None:
                    assert (status, value) == ("too_few_labels", None) and n < needed
                elif expected == math.inf:
                    assert (status, value) == ("unknown_labels", None)
                else:
                    assert status == "calibrated" and value == pytest.approx(expected, rel=0, abs=1e-12)
    assert found[2, "group", "unknown", 0.9][4] == "unknown_labels"
    assert found[2, "group", "small", 0.9][4] == found[3, "all", None, 0.9][4] == "too_few_labels"
    assert found[2, "all", None, 0.9][6] == '["rare"]'


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("level", LEVELS)
def test_sets_equal_mapie(method: str, level: float, built: MonitoredWarehouse) -> None:
    file = Path(sets_frame.__file__).with_name("mapie_sets.json")
    expected = [int(one, 16) for one in json.loads(file.read_text())[f"{method} {level}"]]
    rows = built.query(
        f"select prediction_set, set_size from {method}_sets_{round(level * 100)} "
        f"where model_version = 1 and day > '{MONTHS[0]}' order by id"
    )
    assert len(rows) == len(expected)
    for (told, size), bits in zip(rows, expected, strict=True):
        labels = [label for place, label in enumerate(CLASSES) if bits >> place & 1]
        assert json.loads(told) == labels and size == len(labels)


def test_each_prediction_has_one_set_or_says_why_not(built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select id, prediction_set, set_size, interval_level, interval_basis from by_region order by id"
    )
    whole = {version: quantile_of(calibration_rows(version), "lac", 0.9) for version in (1, 2)}
    assert [row[0] for row in rows] == sorted(FRAME.id)
    for (_, told, size, level, basis), row in zip(rows, FRAME.sort_values("id").itertuples(), strict=True):
        assert level == 0.9
        scores = np.array([getattr(row, column) for column in COLUMNS], dtype=float)
        if row.row_status == "rejected":
            assert (told, size, basis) == (None, None, None)
        elif row.model_version == 3:
            assert (told, size, basis) == (None, None, "not_calibrated")
        elif row.region in ("small", "unknown"):
            within = [label for label, score in zip(CLASSES, scores, strict=True) if 1 - score <= whole[2]]
            assert (json.loads(told), size, basis) == (within, len(within), "all")
        else:
            assert basis == ("all" if pd.isna(row.region) else "group") and size == len(json.loads(told))
    assert built.query("select min(set_size) from aps_sets_90") == [(1,)]
    assert built.query("select min(set_size), max(set_size) from lac_sets_60") == [(0, 2)]
    assert built.query("select distinct interval_basis from other_method order by 1") == [
        ("not_calibrated",),
        (None,),
    ]


def test_coverage_and_size_are_measured_by_cohort(built: MonitoredWarehouse) -> None:
    sets = {
        key: json.loads(told)
        for key, told in built.query(
            "select id, prediction_set from lac_sets_90 where prediction_set is not null"
        )
    }
    found = {
        row[:3]: row[3:]
        for row in built.query(
            "select month(window_start), segment, metric, value, value_low, value_high from coverage "
            "where version = 1 and metric in ('coverage', 'set_size', 'single_share', 'empty_share')"
        )
    }
    for month, day in enumerate(MONTHS, 1):
        for region in ("all", "north", "south"):
            cohort = FRAME[(FRAME.model_version == 1) & (FRAME.day == day)]
            part = cohort if region == "all" else cohort[cohort.region == region]
            sizes = np.array([len(sets[key]) for key in part.id])
            held = np.mean([label in sets[key] for key, label in zip(part.id, part.y, strict=True)])
            segment = region if region == "all" else f"region={region}"
            for metric, expected in {
                "coverage": held,
                "set_size": sizes.mean(),
                "single_share": (sizes == 1).mean(),
                "empty_share": (sizes == 0).mean(),
            }.items():
                value, low, high = found[month, segment, metric]
                assert (
                    value == pytest.approx(expected, abs=1e-12)
                    and low <= value + 1e-12
                    and value <= high + 1e-12
                )
    assert abs(found[2, "all", "coverage"][0] - 0.9) < 0.04 and found[3, "all", "coverage"][0] < 0.75
    for name in ("coverage", "binary_coverage"):
        failing = built.project.dbt("test", "--select", name)
        assert any("Got 1 result" in said or "Got 2 results" in said for said in failing.messages.values())


def test_two_classes_have_sets_of_one_score(built: MonitoredWarehouse) -> None:
    ((whole,),) = built.query("select score_quantile from binary_calibration")
    january = calibration_rows(1)
    own = np.where(january.y == "low", january.score_low, 1 - january.score_low)
    assert whole == quantile(1 - own, 0.9)
    for score, told in built.query("select score, prediction_set from binary_sets"):
        chances = {"yes": score, "no": 1 - score}
        assert json.loads(told) == [label for label, chance in chances.items() if 1 - chance <= whole]
    held = built.query(
        "select month(window_start), value from binary_coverage where metric = 'coverage' order by 1"
    )
    assert held[0][1] >= 0.9 and abs(held[1][1] - 0.9) < 0.04 and held[2][1] < 0.9


def test_labels_are_equal_to_classes_by_value(built: MonitoredWarehouse) -> None:
    """A warehouse that stores 1 as 1.0, 1.00 or true has the sets and the coverage of one that stores 1."""
    cases = [(kind, place) for kind, (_, _, types) in TYPED.items() for place, _ in enumerate(types)]
    ((whole,),) = built.query("select score_quantile from binary_calibration")
    assert built.query(
        "select kind, place, score_quantile, n_unknown, classes_without_label from typed_quantiles "
        "order by 1, 2"
    ) == [(*case, whole, 0, "[]") for case in sorted(cases)]
    expected = built.query(
        "select month(window_start), value from binary_coverage where metric = 'coverage' order by 1"
    )
    found = built.query(
        "select kind, place, month(window_start), value from typed_coverage where metric = 'coverage' "
        "order by 1, 2, 3"
    )
    assert found == [(*case, *row) for case in sorted(cases) for row in expected]


def test_rows_without_a_set_count_in_no_coverage(built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select month(window_start), value, value_low, value_high, n_current, status from some_coverage "
        "where metric = 'coverage' order by 1"
    )
    counts = built.query(
        "select count(prediction_set), count(*) from some_sets group by month(day) order by month(day)"
    )
    assert [row[4] for row in rows] == [n for n, _ in counts] and counts[1][0] == 0 < counts[0][0] < counts[
        0
    ][1]
    for _, value, low, high, n, status in rows:
        if n:
            middle, half = (
                (value + 1.96**2 / 2 / n),
                1.96 * math.sqrt(value * (1 - value) / n + (0.98 / n) ** 2),
            )
            ends = [(middle + side * half) / (1 + 1.96**2 / n) for side in (-1, 1)]
            assert [low, high] == pytest.approx(ends, abs=1e-5)
        else:
            assert (value, low, high, status) == (None, None, None, "undefined")
    failing = built.project.dbt("test", "--select", "some_coverage")
    assert any("Got 2 results" in said for said in failing.messages.values()), failing.messages


SETS = "prediction_sets(source('raw', 'predictions'), ref('lac_calibration')"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (f"set_calibration({GIVEN}, classes=['a', 'b', 'b'])", "the labels of the ML model, each once"),
        (f"set_calibration({GIVEN}, classes='a')", "classes='a'"),
        (f"set_calibration({GIVEN}, classes=['a', 'b'])", "which of two classes the column `score` is about"),
        (f"set_calibration({GIVEN}, classes=['a', 'b', 'c'], levels=[90])", "levels=90"),
        (f"set_calibration({GIVEN}, classes=['a', 'b', 'c'], levels=[0.9, 0.8, 0.9])", "each level once"),
        (f"set_calibration({GIVEN}, classes=['a', 'b', 'c\"'])", "labels without double quotes"),
        (f"{SETS}, ['a', 'b', 'c'], options={{'method': 'raps'}})", "the method lac or aps"),
        (f"{SETS}, ['a', 'b', 'c'], level=1)", "level=1"),
        (
            f"performance({GIVEN}, task='regression', options={{'set': 'prediction_set'}})",
            "a column of sets for a classification only",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: str, said: str, built: MonitoredWarehouse, tmp_path: Path) -> None:
    project = built.project.copy(tmp_path / "house")
    project.write("models/wrong.sql", f"{{{{ scorehouse.{call} }}}}")
    problem = project.dbt("run", "--select", "wrong").problem
    assert said in problem and "Expected: " in problem, problem
