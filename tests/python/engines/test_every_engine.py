"""What a prediction table holds after each run, and what the run log says of it, on every engine.

One project per engine: all tables are built by the same runs, and what stood after each run is kept.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pytest
import yaml

import marts
from contracts import check_contract
from edited_registry import CLASSES, EDIT, THRESHOLD, decided, edit
from every_engine import Engine, values
from project import NAME
from scorehouse import promote
from scorehouse.cli.evidence_seal import read_log
from scorehouse.cli.target import Target
from scorehouse.evidence.canonical import row_digest
from scorehouse.evidence.seal import findings, sealed

COUNTS = ("rows_new", "rows_changed", "rows_stale", "rows_unchanged", "rows_vanished")
MONDAY, TUESDAY = date(2024, 1, 1), date(2024, 1, 2)
EARLY, LATE = datetime(2024, 1, 1, 6), datetime(2024, 1, 2, 6)
FIRST = [
    (1, 1.0, 11.0, "free", 0, MONDAY, EARLY),  # `b` was trained on 0 to 10
    (2, 2.0, 0.0, "paid", 0, MONDAY, EARLY),
    (3, 3.0, 0.0, "free", 1, MONDAY, EARLY),
    (4, 4.0, 0.0, "paid", 1, MONDAY, EARLY),
    (5, 5.0, 0.0, "free", 0, MONDAY, EARLY),
    (6, 6.0, 0.0, "paid", 1, MONDAY, EARLY),
    (7, None, 0.0, "free", 0, MONDAY, EARLY),
    (8, 8.0, 0.0, "ZZ", 1, MONDAY, EARLY),
    (9, math.nan, 0.0, "free", 1, MONDAY, EARLY),
]
SECOND = [  # 1 has left
    (2, 2.5, 0.0, "paid", 0, MONDAY, LATE),
    (3, 35.0, 0.0, "free", 1, MONDAY, EARLY),  # changed without a new stamp
    (4, None, 0.0, "paid", 1, MONDAY, LATE),
    (5, 5.0, 0.0, "free", 0, MONDAY, EARLY),
    (6, 6.0, 0.0, "paid", 1, TUESDAY, EARLY),
    (7, 7.0, 0.0, "free", 0, MONDAY, LATE),
    (8, 8.0, 0.0, "ZZ", 1, MONDAY, EARLY),
    (9, math.nan, 0.0, "free", 1, MONDAY, EARLY),
    (10, 20.0, 0.0, "free", 0, TUESDAY, LATE),
]
AT_FIRST = [(1, 21), (2, 25), (3, 30), (4, 45), (5, 50), (6, 65), (7, None), (8, None), (9, None)]
OF_SECOND = [(2, 30), (3, 350), (4, None), (5, 50), (6, 65), (7, 70), (8, None), (9, None), (10, 200)]
BY_SECOND_VERSION = [(2, 255), (3, 3500), (4, None), (5, 500), (6, 605), (7, 700)]
BY_SECOND_VERSION += [(8, None), (9, None), (10, 2000)]
BOTH = ["champion", "challenger"]
BEST = {"score": "prediction", "top_n": 1, "per": "part"}
TABLES: dict[str, dict[str, Any]] = {
    "replaced": {},
    "given": {"rescore": "given"},
    "only_new": {"rescore": "new"},
    "flagged": {"rescore": {"rule": "changed", "vanished": "flag"}},
    "stamped": {"rescore": {"updated_at": "updated_at"}},
    "best": {"rescore": {"vanished": "delete"}, "decision": BEST, "passthrough": ["part"]},
    "history": {"as_of": "day", "decision": {"score": "prediction", "top_n": 2}},
    "long": {"alias": BOTH, "rescore": "changed", "decision": {"score": "prediction", "top_n": 1}},
    "wide": {"alias": BOTH, "rescore": "changed", "layout": "wide"},
    "budget": {"rescore": {"rule": "changed", "max_rows": 5}},
    "strict": {"strict": ["out_of_range"], "max_rejected_share": 0.5},
    "explained": {"rescore": "changed", "reasons": {"top": 2, "where": {"at_least": 40}}},
}

# tables of an ML model with two outputs, by the backend that is asked for
SEVERAL = {"several": "auto", "several_opened": "estimator"}

# tables of an ML model of two classes, by the backend that is asked for
LABELLED = {"labelled": "auto", "labelled_by_products": "matrix", "labelled_opened": "estimator"}


@dataclass
class Story:
    """What each table held after each step, and what was refused in it."""

    engine: Engine
    tables: dict[str, dict[str, pa.Table]] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)

    def step(self, step: str, *built: str) -> None:
        self.refused[step] = self.engine.build(*built)
        scored = [name for name in built if name != "features" and not name.startswith("ml_")]
        self.tables[step] = {name: self.engine.table(name) for name in scored}

    def held(self, step: str, name: str, *columns: str) -> list[tuple[Any, ...]]:
        return values(self.tables[step][name], *(columns or ("id", "prediction")))

    def is_as_before(self, name: str, before: str, after: str) -> bool:
        one, other = (sorted(map(repr, self.tables[step][name].to_pylist())) for step in (before, after))
        return one == other

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        return self.engine.log()

    def runs(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.log if run["node"].rpartition(".")[2] == name]

    def run(self, name: str, number: int, *columns: str) -> tuple[Any, ...]:
        """Columns of the run log, of one run of a table."""
        return tuple(self.runs(name)[number][column] for column in columns)


@pytest.fixture(scope="module")
def story(engine: Engine) -> Story:
    story = Story(engine)
    engine.register(10, alias="champion")
    engine.register(100, alias="challenger")
    for name, arguments in TABLES.items():
        engine.python_model(name, **arguments)
    engine.sql_model("by_sql")
    engine.register_pair()
    for name, asked in SEVERAL.items():
        engine.python_model(name, model="pair", backend=asked)
    engine.features(FIRST)
    story.step("first", "ml_toy", "ml_pair", "features", "by_sql", *TABLES, *SEVERAL)
    engine.features(SECOND)
    story.step("second", "features", *TABLES)
    engine.python_model("given", rescore="given", passthrough=["part"])
    story.step("refused", "given")
    more = "on_schema_change='append_new_columns'"
    engine.python_model("given", more, rescore="given", passthrough=["part"])
    promote("toy", 2, project_dir=engine.project.folder)
    story.step("promoted", "ml_toy", "given", "flagged", "history")
    return story


@pytest.mark.slow
@pytest.mark.capability("refusals")
def test_only_what_has_to_be_is_refused(story: Story) -> None:
    refused = {step: sorted(messages) for step, messages in story.refused.items() if messages}
    assert refused == {"second": ["strict"], "refused": ["given"]}


@pytest.mark.capability("run log")
def test_the_run_log_is_sealed_by_what_dbt_reads_of_it(story: Story) -> None:
    """Outside of DuckDB, the command reads it by `dbt show`; both ways give the same digests."""
    project = story.engine.project
    profiles = yaml.safe_load((project.folder / "profiles.yml").read_text())
    target = next(iter(profiles[NAME]["outputs"]))
    rows = read_log(Target(None, NAME, target, project.folder, project.folder))
    lines = sealed([], rows, datetime(2100, 1, 1, tzinfo=UTC))
    assert {line["row"] for line in lines if line["kind"] == "run"} == set(map(row_digest, story.log))
    assert findings(lines, rows) == []
    altered = [{**row, "rows_scored": 10**6} if number == 3 else row for number, row in enumerate(story.log)]
    assert [each.kind for each in findings(lines, altered)] == ["changed"]


@pytest.mark.capability("atomic")
def test_nothing_of_a_run_is_left_over(story: Story) -> None:
    left = [name for name in story.engine.tables() if "__" in name and not name.startswith("ml_")]
    assert left == []


@pytest.mark.capability("scored")
def test_a_table_is_replaced(story: Story) -> None:
    assert story.held("first", "replaced") == AT_FIRST
    assert story.held("second", "replaced") == OF_SECOND
    for number in (0, 1):
        assert story.run("replaced", number, "status", "write_mode", "rows_in") == ("success", "replace", 9)
        assert story.run("replaced", number, "rows_scored", "rows_rejected") == (6, 3)


@pytest.mark.capability("scored")
def test_linear_models_score_as_sql(story: Story) -> None:
    """But for `strict`, whose checks SQL does not have, and for reasons, which are added to batches."""
    scored = [run for run in story.log if run["status"] == "success" and run["model_name"] == "toy"]
    backends = {(run["node"].endswith((".strict", ".explained")), run["backend"]) for run in scored}
    assert backends == {(False, "sql"), (True, "matrix")}


@pytest.mark.capability("scored")
@pytest.mark.parametrize("table", SEVERAL)
def test_each_of_several_outputs_is_scored(story: Story, table: str) -> None:
    found = story.held("first", table, "id", "prediction_by_10", "prediction_by_100", "row_status")
    by_100 = [(key, None if value is None else value + 90 * key) for key, value in AT_FIRST]
    for (key, ten, hundred, status), (_, first), (_, second) in zip(found, AT_FIRST, by_100, strict=True):
        assert (ten, hundred) == (first and pytest.approx(first), second and pytest.approx(second)), key
        assert status == ("rejected" if first is None else "scored")
    rejected = story.held("first", table, "id", "reject_reason")[6:]
    assert rejected == [(7, "null:a"), (8, "unseen_category:plan=ZZ"), (9, "not_finite:a")]
    backend = "sql" if SEVERAL[table] == "auto" else "estimator"
    told = ("backend", "rows_in", "rows_scored", "rows_rejected", "score_mean")
    assert story.run(table, 0, *told) == (backend, 9, 6, 3, None)


@pytest.mark.capability("score")
def test_both_doors_score_alike(story: Story) -> None:
    columns = ("id", "prediction", "row_status", "reject_reason", "model_digest", "feature_hash")
    assert story.held("first", "by_sql", *columns) == story.held("first", "replaced", *columns)
    assert story.run("by_sql", 0, "status", "write_mode", "rows_in") == ("success", "replace", 9)


@pytest.mark.capability("scored")
def test_rejected_rows_have_their_reasons(story: Story) -> None:
    rejected = story.held("first", "replaced", "id", "row_status", "reject_reason")[6:]
    assert rejected == [
        (7, "rejected", "null:a"),
        (8, "rejected", "unseen_category:plan=ZZ"),
        (9, "rejected", "not_finite:a"),
    ]
    strict = story.held("first", "strict", "id", "reject_reason", "prediction")
    assert strict[:2] == [(1, "out_of_range:b=11", None), (2, None, 25)]
    (counted,) = story.run("strict", 0, "reject_reasons")
    assert json.loads(counted) == {
        "null:a": 1,
        "not_finite:a": 1,
        "out_of_range:b": 1,
        "unseen_category:plan": 1,
    }


@pytest.mark.capability("atomic")
def test_too_many_rejected_rows_leave_the_old_table(story: Story) -> None:
    assert "5 of 9 rows were rejected (0.5556)" in story.refused["second"]["strict"]
    assert story.is_as_before("strict", "first", "second")
    status, error = story.run("strict", 1, "status", "error")
    assert status == "failed" and "raise max_rejected_share" in error


@pytest.mark.capability("given")
def test_given_rows_are_merged(story: Story) -> None:
    assert story.held("first", "given") == AT_FIRST
    assert story.held("second", "given") == [(1, 21), *OF_SECOND]
    assert story.run("given", 1, "write_mode", "rows_in", "rescore_rule") == ("merge", 9, "given")


@pytest.mark.capability("new")
def test_new_rows_alone_are_scored(story: Story) -> None:
    assert story.held("second", "only_new") == [*AT_FIRST, (10, 200)]
    assert story.run("only_new", 1, "write_mode", "rows_in", *COUNTS) == ("merge", 1, 1, 0, 0, 8, 1)


@pytest.mark.capability("changed")
def test_changed_rows_are_scored_and_those_that_vanished_are_flagged(story: Story) -> None:
    columns = ("id", "prediction", "is_vanished")
    assert story.held("first", "flagged", *columns) == [(*row, False) for row in AT_FIRST]
    present = [(*row, False) for row in OF_SECOND]
    assert story.held("second", "flagged", *columns) == [(1, 21, True), *present]
    counted = [story.run("flagged", number, "rows_in", *COUNTS) for number in (0, 1)]
    assert counted == [(9, 9, 0, 0, 0, 0), (5, 1, 4, 0, 4, 1)]
    runs = {str(run) for _, run in story.held("second", "flagged", "id", "scoring_run_id")}
    assert len(runs) == 2  # a row keeps the run that scored it


@pytest.mark.capability("vanished")
def test_predictions_of_rows_that_vanished_are_deleted(story: Story) -> None:
    assert story.held("first", "best") == AT_FIRST
    assert story.held("second", "best") == OF_SECOND
    assert story.run("best", 1, "rows_in", *COUNTS) == (5, 1, 4, 0, 4, 1)


@pytest.mark.capability("changed")
def test_rows_with_a_new_stamp_are_scored(story: Story) -> None:
    without_a_stamp = [(3, 30) if row == (3, 350) else row for row in OF_SECOND]
    assert story.held("second", "stamped") == [(1, 21), *without_a_stamp]
    assert story.run("stamped", 1, "rows_in", *COUNTS) == (4, 1, 3, 0, 5, 1)
    assert [story.run("stamped", number, "watermark") for number in (0, 1)] == [(EARLY,), (LATE,)]


@pytest.mark.capability("decisions")
def test_the_best_of_each_part_are_decided_among_all_rows(story: Story) -> None:
    """Rows that were not scored again lose their place to those that were."""
    columns = ("id", "part", "decision")
    first = [row[:2] for row in story.held("first", "best", *columns) if row[2] == "yes"]
    second = [row[:2] for row in story.held("second", "best", *columns) if row[2] == "yes"]
    assert (first, second) == ([(5, 0), (6, 1)], [(3, 1), (10, 0)])
    undecided = [row[0] for row in story.held("second", "best", *columns) if row[2] is None]
    assert undecided == [4, 8, 9]


@pytest.mark.capability("history")
def test_a_history_is_appended_to_and_keeps_what_was_decided(story: Story) -> None:
    columns = ("id", "day", "prediction", "decision")
    monday = [(n, MONDAY, p, p and ("yes" if p >= 50 else "no")) for n, p in AT_FIRST]
    tuesday = [(6, TUESDAY, 65, "yes"), (10, TUESDAY, 200, "yes")]
    assert story.held("first", "history", *columns) == monday
    assert story.held("second", "history", *columns) == sorted([*monday, *tuesday], key=lambda row: row[:2])
    assert story.run("history", 1, "rows_in", *COUNTS) == (2, 2, 0, 0, 7, 0)


@pytest.mark.capability("several versions")
def test_two_versions_score_in_rows_of_their_own(story: Story) -> None:
    rows = story.held("second", "long", "model_alias", "id", "model_version", "prediction", "is_live")
    assert rows[:10] == [("challenger", n, 2, p, False) for n, p in [(1, 111), *BY_SECOND_VERSION]]
    assert rows[10:] == [("champion", n, 1, p, True) for n, p in [(1, 21), *OF_SECOND]]
    decided = story.held("second", "long", "model_alias", "id", "decision")
    assert [row[:2] for row in decided if row[2] == "yes"] == [("challenger", 3), ("champion", 3)]
    left = [row for row in decided if row[1] == 1]  # its prediction is kept, without a place
    assert left == [("challenger", 1, None), ("champion", 1, None)]
    runs = sorted(
        (run["alias_asked"], run["is_live"], run["rows_in"], *(run[name] for name in COUNTS))
        for run in story.runs("long")[2:]
    )
    assert runs == [("challenger", False, 5, 1, 4, 0, 4, 1), ("champion", True, 5, 1, 4, 0, 4, 1)]


@pytest.mark.capability("several versions")
def test_two_versions_score_side_by_side(story: Story) -> None:
    columns = ("id", "prediction", "model_version", "prediction__challenger", "model_version__challenger")
    pairs = zip([(1, 21), *OF_SECOND], [(1, 111), *BY_SECOND_VERSION], strict=True)
    assert story.held("second", "wide", *columns) == [(n, one, 1, other, 2) for (n, one), (_, other) in pairs]
    runs = story.runs("wide")
    assert [run["rows_in"] for run in runs] == [9, 9, 5, 5]


@pytest.mark.capability("changed")
def test_a_budget_is_spent_on_rows_that_were_never_scored_first(story: Story) -> None:
    assert story.held("first", "budget") == AT_FIRST[:5]
    assert story.held("second", "budget") == [*AT_FIRST[:5], *OF_SECOND[4:]]
    counted = [story.run("budget", number, "rows_in", "rows_left", *COUNTS) for number in (0, 1)]
    assert counted == [(5, 4, 9, 0, 0, 0, 0), (5, 3, 5, 3, 0, 1, 1)]


@pytest.mark.capability("on_schema_change")
def test_a_changed_list_of_columns_is_refused_or_appended(story: Story) -> None:
    said = story.refused["refused"]["given"]
    assert "it lacks part" in said and "--full-refresh" in said
    assert story.is_as_before("given", "second", "refused")
    status, rows_scored, error = story.run("given", 2, "status", "rows_scored", "error")
    assert (status, rows_scored) == ("failed", 0) and "it lacks part" in error
    parts = {row[0]: row[4] for row in SECOND}
    appended = [(n, p, parts.get(n)) for n, p in [(1, 21), *BY_SECOND_VERSION]]
    assert story.held("promoted", "given", "id", "prediction", "part") == appended
    assert story.run("given", 3, "status", "write_mode") == ("success", "merge")


@pytest.mark.capability("history")
def test_a_promotion_makes_rows_stale_and_leaves_a_history(story: Story) -> None:
    assert story.held("promoted", "flagged") == [(1, 21), *BY_SECOND_VERSION]
    versions = story.held("promoted", "flagged", "id", "model_version")
    assert versions == [(1, 1), *((n, 2) for n, _ in BY_SECOND_VERSION)]
    assert story.run("flagged", 2, "rows_in", *COUNTS) == (9, 0, 0, 9, 0, 1)
    assert story.is_as_before("history", "second", "promoted")
    assert story.run("history", 2, "rows_in", "rows_stale") == (0, 0)


@pytest.fixture(scope="module")
def edited_story(story: Story) -> Story:
    """The story goes on: tables of two classes, before and after an edit of their registry."""
    engine = story.engine
    engine.register_leaver()
    for name, asked in LABELLED.items():
        engine.python_model(name, model="leaver", backend=asked, rescore="changed")
    story.step("labelled", "ml_leaver", *LABELLED)
    edit(engine.project.folder, "leaver", **EDIT)
    story.step("edited", "ml_leaver", *LABELLED)
    story.__dict__.pop("log", None)  # is read again
    return story


@pytest.mark.capability("scored")
@pytest.mark.parametrize("name", LABELLED)
def test_an_edit_of_the_registry_decides_labels(name: str, edited_story: Story) -> None:
    """Unchanged rows are scored again under `changed`; scores stay, and labels are those of the row."""
    story = edited_story
    steps = [story.held(step, name, "id", "prediction", "score") for step in ("labelled", "edited")]
    first, edited = ([row[1:] for row in rows if row[2] is not None] for rows in steps)
    assert [score for _, score in first] == [score for _, score in edited]
    assert decided(first, (0, 1), 0.5) and decided(edited, CLASSES, THRESHOLD)
    assert story.run(name, 1, "rows_stale") == (len(steps[0]),)


@pytest.mark.capability("reasons")
def test_reasons_are_slope_times_distance_where_they_are_asked_for(story: Story) -> None:
    columns = [f"reason_{place}{end}" for place in (1, 2) for end in ("", "_contribution", "_value")]
    held = story.held("first", "explained", "id", *columns, "reason_rest", "reason_base", "reason_total")
    asked = [
        tuple(round(value, 9) if isinstance(value, float) else value for value in row)
        for row in held
        if row[-1] is not None
    ]
    assert asked == [
        (4, "a", -10.0, "4", "b", -5.0, "0", 2.5, 57.5, 45.0),
        (5, "b", -5.0, "0", "plan", -2.5, "free", 0.0, 57.5, 50.0),
        (6, "a", 10.0, "6", "b", -5.0, "0", 2.5, 57.5, 65.0),
    ]
    assert story.run("explained", 1, *COUNTS) == story.run("flagged", 1, *COUNTS)


# Spark plans some of these for a minute, so that test_spark_monitoring.py has them; predict() is not for it
NOT_ON_SPARK = pytest.mark.parametrize("engine", ["duckdb", "ducklake"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def with_marts(story: Story) -> Story:
    """Tables that read the scores of the table `replaced`, and tests of it."""
    engine = story.engine
    models = marts.EVERYWHERE | ({} if engine.is_slow else marts.IN_DUCKDB)
    for name, sql in models.items():
        engine.project.features(sql, name)
    described = {"version": 2, "models": [{"name": "replaced", "data_tests": marts.TESTS}]}
    engine.project.write("models/_replaced.yml", yaml.safe_dump(described))
    story.step("marts", *marts.SEEDS, *models)
    assert story.refused["marts"] == {}
    return story


@pytest.mark.capability("intervals")
def test_an_interval_is_as_wide_as_the_errors_were(with_marts: Story) -> None:
    """They were 0, 0, 5, 10, 100 and 320: the fourth of six is enough for a half, and none for 0.9."""
    widths = with_marts.held("marts", "widths", "interval_level", "n_labelled", "half_width", "status")
    assert widths == [(0.5, 6, 10, "calibrated"), (0.9, 6, None, "too_few_labels")]
    found = with_marts.held("marts", "intervals", "id", "prediction_low", "prediction_high", "interval_basis")
    scored = [(key, made - 10, made + 10, "all") for key, made in OF_SECOND if made is not None]
    assert [row for row in found if row[1] is not None] == scored
    assert [row[0] for row in found if row[1:] == (None, None, None)] == [4, 8, 9]


@NOT_ON_SPARK
@pytest.mark.capability("predict")
def test_predict_scores_as_the_champion(with_marts: Story) -> None:
    found = with_marts.held("marts", "predicted", "id", "part", "prediction", "reject_reason")
    reasons = {4: "null:a", 8: "unseen_category:plan=ZZ", 9: "not_finite:a"}
    parts = {row[0]: row[4] for row in SECOND}
    assert found == [(key, parts[key], made, reasons.get(key)) for key, made in BY_SECOND_VERSION]


@NOT_ON_SPARK
@pytest.mark.capability("monitoring")
def test_monitoring_judges_what_was_scored(with_marts: Story) -> None:
    """`a` has 83.5 in seven rows; `b` was spread over eleven values, two of them in the bin of its zeros."""
    told = ("feature", "segment", "kind", "row_count", "n_null", "n_nan", "n_unseen", "mean")
    profiled = [row for row in with_marts.held("marts", "profiles", *told) if row[1:3] == ("all", "all")]
    assert profiled == [
        ("(all features)", "all", "all", 9, None, None, None, None),
        ("a", "all", "all", 9, 1, 1, 0, round(83.5 / 7, 9)),
        ("b", "all", "all", 9, 0, 0, 0, 0.0),
        ("plan", "all", "all", 9, 0, None, 1, None),
        ("prediction", "all", "all", 9, 3, 0, 0, 127.5),
    ]
    drifted = with_marts.held("marts", "drift", "feature", "metric", "segment", "value", "status")
    asked = (("a", "missing_share"), ("b", "constant_value"), ("b", "tvd"), ("plan", "unseen_share"))
    assert [row[:2] + row[3:] for row in drifted if row[:2] in asked and row[2] == "all"] == [
        ("a", "missing_share", round(2 / 9, 9), "drift"),
        ("b", "constant_value", 1.0, "drift"),
        ("b", "tvd", round(9 / 11, 9), "info"),
        ("plan", "unseen_share", round(1 / 9, 9), "not_judged"),
    ]
    performed = with_marts.held("marts", "performance", "metric", "value", "n_current", "status")
    errors = {"bias": 72.5, "mae": 72.5, "max_error": 320.0, "median_absolute_error": 7.5}
    assert [row for row in performed if row[0] in errors] == [
        (*each, 6, "complete") for each in errors.items()
    ]


@NOT_ON_SPARK
@pytest.mark.capability("generic tests")
def test_generic_tests_find_what_is_there(with_marts: Story) -> None:
    assert set(with_marts.engine.tests("replaced")) == marts.FAILING


@pytest.mark.capability("contracts")
def test_a_contract_is_held(story: Story) -> None:
    """Each build compares the columns before the table is changed."""
    engine = story.engine
    engine.sql_model("agreed", rescore="given")
    check_contract(
        "agreed",
        engine.columns,
        lambda text: engine.project.write("models/_agreed.yml", text),
        lambda: engine.build("agreed").get("agreed", ""),
        lambda: values(engine.table("agreed"), "id", "prediction", "scored_at"),
    )
