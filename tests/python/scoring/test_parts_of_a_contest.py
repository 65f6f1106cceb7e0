"""A challenger judged by output and by segment, on made-up scores."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import mean_absolute_error, roc_auc_score

from project import Build, DbtProject
from scorehouse.retraining.gate import comparison_in_words, comparison_of, failed

pytestmark = pytest.mark.slow
ROWS = 1_200
OUTPUTS = {"week_1": "units 1", "week_2": "units_2"}
CONTESTS: dict[str, dict[str, Any]] = {
    "by_output": {"label": OUTPUTS, "metric": "mae"},
    "scaled": {"label": OUTPUTS, "metric": "mae", "settings": {"scaled": True}},
    "by_region": {"label": "late", "segments": ["region"], "settings": {"segment_rows": 50}},
    "in_both": {"label": OUTPUTS, "metric": "mae", "segments": ["region"], "settings": {"segment_rows": 50}},
}
OF_WEEKS = {"label": OUTPUTS, "metric": "mae", "min_rows": 200}
GATES: dict[str, tuple[dict[str, Any], list[tuple[str, ...]]]] = {
    "passes": ({**OF_WEEKS, "margin": {"week_1": 0.01, "week_2": 12}}, []),
    "an_output_is_worse": (
        {**OF_WEEKS, "margin": {"week_1": 100, "week_2": 0.01}},
        [("week_2", "worse")],
    ),
    "the_mean_gains_little": ({**OF_WEEKS, "margin": 12, "gain": 30}, [("(mean)", "no_gain")]),
    "an_output_without_labels": (
        {**OF_WEEKS, "margin": 12, "label": {**OUTPUTS, "week_3": "units_3"}},
        [("(mean)", "too_few_rows"), ("week_3", "too_few_rows")],
    ),
    "a_segment_is_worse": (
        {"label": "late", "margin": 0.1, "segments": ["region"], "settings": {"segment_rows": 50}},
        [("it's south", "segment_worse")],
    ),
    "another_name_is_not_compared": (
        {**OF_WEEKS, "challenger": "nobody", "margin": 12},
        [("(mean)", "not_compared"), ("week_1", "not_compared"), ("week_2", "not_compared")],
    ),
}
REFUSED = {
    "no_such_output": ({"label": {"week_9": "units_2"}, "metric": "mae"}, "it has week_1, week_2, week_3"),
    "no_such_segment": ({"label": "late", "segments": ["country"]}, "passthrough=['country']"),
}
# what dbt refuses while it parses
NEVER: list[tuple[str, dict[str, Any], str]] = [
    (
        "_compared_outputs",
        {"call": "compare_metric", "label": {"week_1": 7}, "score": "prediction"},
        "or for several outputs the column of each",
    ),
    (
        "_metric_settings",
        {"call": "compare_metric", "settings": {"scaled": True}, "metric": "roc_auc"},
        "false for roc_auc, which has no unit",
    ),
]


def scores() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels, and the scores of both: better in week 1, a little worse in week 2, bad in the south."""
    draw = np.random.default_rng(0)
    place = draw.choice(4, ROWS, p=[0.55, 0.35, 0.08, 0.02])
    region = np.array(["north", "it's south", "few", None], dtype=object)[place]
    region[place == 2] = np.where(draw.uniform(size=(place == 2).sum()) < 0.5, "few", "fewer")
    late = draw.integers(0, 2, ROWS)
    truth = pd.DataFrame({"id": np.arange(ROWS), "units 1": draw.normal(1, 1, ROWS), "late": late})
    truth["units_2"], truth["units_3"] = draw.normal(1000, 500, ROWS), np.nan
    tables = []
    for alias, version in (("champion", 1), ("challenger", 2)):
        first, second = (0.1, 60.0) if version == 1 else (0.05, 66.0)
        table = pd.DataFrame({"id": truth["id"], "region": region, "model_alias": alias})
        table["prediction_week_1"] = truth["units 1"] + draw.normal(0, first, ROWS)
        table["prediction_week_2"] = truth["units_2"] + draw.normal(0, second, ROWS)
        table["prediction_week_3"] = 1.0
        table["score"] = late + draw.normal(0, 1.0 if version == 1 else 0.6, ROWS)
        if version == 2:
            south = place == 1
            table.loc[south, "score"] = draw.uniform(0, 1, south.sum())
        table = table.assign(model_name="m", model_version=version, is_live=version == 1, row_status="scored")
        tables.append(table)
    both = pd.concat(tables, ignore_index=True)
    both.loc[both["id"] == 5, "row_status"] = "rejected"
    return truth, both


def call(arguments: dict[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{{{{ scorehouse.compare_metric(ref('scores'), ref('truth'), key='id', {given}) }}}}"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[DbtProject, Build]:
    project = DbtProject(tmp_path_factory.mktemp("contest") / "house")
    truth, both = scores()
    with duckdb.connect(project.database) as connection:
        for name, frame in (("raw_truth", truth), ("raw_scores", both)):
            connection.register("frame", frame)
            connection.execute(f"create table {name} as select * from frame")
        connection.execute("alter table raw_truth alter units_3 type integer using null")
    project.features("select * from raw_truth", "truth")
    project.features("select * from raw_scores", "scores")
    for name, arguments in CONTESTS.items():
        project.features(call(arguments), name)
    for name, (arguments, _) in REFUSED.items():
        project.features(call(arguments), name)
    tests = [
        {
            "scorehouse.challenger_not_worse": {
                "name": name,
                "arguments": {"labels": "ref('truth')", "key": "id", **arguments},
                "config": {"store_failures": True},
            }
        }
        for name, (arguments, _) in GATES.items()
    ]
    models = [{"name": "scores", "data_tests": tests}]
    project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": models}))
    wrong = project.dbt("run")
    project.writes_files = True
    project.dbt("test", "--select", "scores")
    return project, wrong


def paired(column: str) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """The live and the challenger's scores of the rows that both scored, and their regions."""
    _, both = scores()
    both = both[both["row_status"] == "scored"]
    wide = both.pivot(index="id", columns="model_alias", values=column)
    return wide["champion"], wide["challenger"], both.drop_duplicates("id").set_index("id")["region"]


COLUMNS = "n_rows, live_value, challenger_value, difference, difference_low, difference_high"


def test_each_output_and_their_mean(judged: tuple[DbtProject, Build]) -> None:
    truth = scores()[0].set_index("id")
    for table, spread in (("by_output", False), ("scaled", True)):
        found = {row[0]: row[1:] for row in judged[0].query(f"select output, {COLUMNS} from {table}")}
        assert list(sorted(found)) == ["(mean)", "week_1", "week_2"]
        losses = []
        for output, label in OUTPUTS.items():
            live, other, _ = paired(f"prediction_{output}")
            own = truth.loc[live.index, label]
            unit = own.std(ddof=0) if spread else 1.0
            losses.append((abs(live - own) - abs(other - own)) / unit)
            expected = [mean_absolute_error(own, one) / unit for one in (live, other)]
            assert found[output][0] == ROWS - 1
            np.testing.assert_allclose(found[output][1:3], expected, rtol=1e-9)
            np.testing.assert_allclose(found[output][3], losses[-1].mean(), rtol=1e-9)
        mean = np.mean(losses, axis=0)
        np.testing.assert_allclose(found["(mean)"][3], mean.mean(), rtol=1e-9)
        # the same draws of rows for all outputs: the interval is that of the mean of each row
        draw = np.random.default_rng(1)
        drawn = [mean[draw.integers(0, len(mean), len(mean))].mean() for _ in range(1000)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert abs(found["(mean)"][4] - low) < 0.3 * (high - low)
        assert abs(found["(mean)"][5] - high) < 0.3 * (high - low)


def test_segments_with_few_rows_are_compared_together(judged: tuple[DbtProject, Build]) -> None:
    found = {
        row[:2]: row[2:]
        for row in judged[0].query(f"select segment, segment_value, n_segments, {COLUMNS} from by_region")
    }
    live, other, region = paired("score")
    late = scores()[0].set_index("id").loc[live.index, "late"]
    groups = {"north": region == "north", "it's south": region == "it's south"}
    groups["(small groups)"] = ~(groups["north"] | groups["it's south"])
    assert set(found) == {("all", "all"), *(("region", value) for value in groups)}
    assert found["all", "all"][:2] == (None, ROWS - 1)
    for value, rows in groups.items():
        n_segments, count, *numbers = found["region", value]
        assert (n_segments, count) == (3 if value == "(small groups)" else 1, rows.sum())
        expected = [roc_auc_score(late[rows], one[rows]) for one in (live, other)]
        np.testing.assert_allclose(numbers[:2], expected, rtol=1e-9)
    parts = judged[0].query("select output, count(*) from in_both group by output order by output")
    assert parts == [("(mean)", 4), ("week_1", 4), ("week_2", 4)]


@pytest.mark.parametrize("name", GATES)
def test_the_gate_names_what_is_worse(name: str, judged: tuple[DbtProject, Build]) -> None:
    arguments, expected = GATES[name]
    part = "output" if "metric" in arguments else "segment_value"
    rows = judged[0].query(f"select {part}, problem from main_dbt_test__audit.{name} order by all")
    assert rows == expected


def test_retraining_says_what_a_gate_compared(judged: tuple[DbtProject, Build]) -> None:
    """Also the parts that passed, from the SQL of the test as dbt compiled it."""
    results = json.loads((judged[0].folder / "target/run_results.json").read_text())["results"]
    sql = {row["unique_id"].split(".")[2]: row["compiled_code"] for row in results}
    house: Any = SimpleNamespace(connect=lambda: duckdb.connect(judged[0].database, read_only=True))
    rows = comparison_of(house, sql["an_output_is_worse"])
    assert [(row["output"], row["problem"]) for row in rows] == [
        ("week_1", None),
        ("week_2", "worse"),
        ("(mean)", None),
    ]
    assert failed(house, sql["an_output_is_worse"], rows) == ": week_2 worse"
    rows = comparison_of(house, sql["a_segment_is_worse"])
    told = comparison_in_words(rows)
    assert [line.partition(": ")[0] for line in told] == [
        "all rows",
        "region=it's south",
        "region=north",
        "3 values of region with few rows",
    ]
    assert told[1].endswith("segment_worse") and told[0].endswith(f"{ROWS - 1:,} rows")
    assert comparison_of(house, "select 1 as a") == () and failed(house, "select 1 as a", ()) == ": a 1"


@pytest.mark.parametrize("name", REFUSED)
def test_a_part_that_is_not_there_is_refused_in_words(name: str, judged: tuple[DbtProject, Build]) -> None:
    message = judged[1].messages[name]
    assert REFUSED[name][1] in message and "What to do" in message, message


@pytest.mark.parametrize(("macro", "arguments", "said"), NEVER)
def test_arguments_that_are_refused(
    macro: str,
    arguments: dict[str, Any],
    said: str,
    judged: tuple[DbtProject, Build],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not judged[0].operation(f"scorehouse.{macro}", **arguments)
    message = capsys.readouterr().out
    assert said in message and "scorehouse.compare_metric(" in message and "What to do" in message
