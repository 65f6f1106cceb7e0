"""What scoring cost, by period: `scoring_costs` against the rows of the run log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from rescoring import execute

X = pd.DataFrame({"a": np.linspace(-1, 1, 60)})
FEATURES = "select i as id, case when i = 3 then null else sin(i) end as a from range({rows}) as t(i)"


@pytest.fixture(scope="module")
def costly(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Two builds of a table that is rescored in part and of two versions in one scan; then a failed one."""
    project = DbtProject(tmp_path_factory.mktemp("costs") / "house")
    for alias, C in (("champion", 1.0), ("challenger", 0.1)):
        fitted = LogisticRegression(C=C).fit(X, X.a > 0)
        project.register(fitted, "toy", X, X.a > 0, task="classification", alias=alias)
    project.python_model("part", "toy", key="id", rescore="changed")
    project.python_model("both", "toy", key="id", alias=["champion", "challenger"])
    for period in ("month", "day"):
        project.write(
            f"models/costs_by_{period}.sql",
            f"{{{{ scorehouse.scoring_costs(ref('scorehouse_runs'), period='{period}') }}}}",
        )
    for rows in (100, 120):
        project.features(FEATURES.format(rows=rows))
        project.build().check()
    project.python_model("both", "toy", key="id", alias=["nobody", "challenger"])
    project.dbt("run", "--select", "both")
    # an older month of the same table
    execute(
        project,
        "insert into scorehouse_run_log by name select * replace (uuid() as run_id, uuid() as parent_run_id, "
        "timestamp '2020-02-29 23:59:59' as started_at) from scorehouse_run_log "
        "where contains(prediction_table, 'part') limit 1",
    )
    # a run that read a change feed
    execute(
        project,
        "insert into scorehouse_run_log by name select * replace (uuid() as run_id, uuid() as parent_run_id, "
        "'fed' as prediction_table, 7 as feed_from, 20 as rows_in, 100 as rows_unchanged) "
        "from scorehouse_run_log where contains(prediction_table, 'part') limit 1",
    )
    project.dbt("run", "--select", "costs_by_month", "costs_by_day").check()
    return project


def _rows(project: DbtProject, table: str, columns: str) -> list[tuple[Any, ...]]:
    wanted = f"contains(prediction_table, '{table}')"
    return project.query(
        f"select {columns} from costs_by_month where {wanted} order by period_start, runs desc"
    )


@pytest.mark.slow
def test_what_did_not_change_is_skipped(costly: DbtProject) -> None:
    counts = "runs, failed_runs, rows_read, rows_scored, rows_rejected, rows_skipped"
    old, new = _rows(costly, "part", counts)
    assert old in ((1, 0, 100, 99, 1, 0), (1, 0, 120, 20, 0, 100))  # a copy of either run
    assert new == (2, 0, 220, 119, 1, 100)
    assert _rows(costly, "part", "skipped_share")[1] == (pytest.approx(100 / 220),)


def test_rows_that_a_change_feed_left_out_were_not_read(costly: DbtProject) -> None:
    (found,) = _rows(costly, "fed", "rows_read, rows_skipped, skipped_share")
    assert found == (20, 100, pytest.approx(100 / 120))


def test_versions_of_a_scan_share_its_seconds(costly: DbtProject) -> None:
    found, failed = _rows(costly, "both", "model_name, runs, failed_runs, rows_scored, rows_skipped, seconds")
    runs = costly.runs("both")
    first = [run["seconds"] for run in runs if run["run_id"] == run["parent_run_id"]]
    assert len(first) == 3 and len(runs) == 5
    assert found == ("toy", 4, 0, 2 * (99 + 119), 0, pytest.approx(sum(first[:2])))
    # no version was known yet
    assert failed == (None, 1, 1, 0, 0, pytest.approx(first[2]))


def test_seconds_of_a_million_rows(costly: DbtProject) -> None:
    seconds, rows, per_million = _rows(costly, "both", "seconds, rows_scored, seconds_per_million_rows")[0]
    assert per_million == pytest.approx(seconds / rows * 1e6)


def test_periods(costly: DbtProject) -> None:
    months = costly.query("select distinct period_start::varchar from costs_by_month order by 1")
    days = costly.query("select distinct period_start::varchar from costs_by_day order by 1")
    assert months[0] == ("2020-02-01",) and days[0] == ("2020-02-29",)
    assert len(months) >= 2


def test_a_run_by_the_estimator_is_counted(costly: DbtProject) -> None:
    assert _rows(costly, "part", "runs_by_estimator") == [(0,), (0,)]


def test_what_is_no_period_is_refused_in_words(costly: DbtProject) -> None:
    costly.write("models/wrong.sql", "{{ scorehouse.scoring_costs(ref('scorehouse_runs'), period='hour') }}")
    try:
        ended = costly.dbt("run", "--select", "wrong")
    finally:
        (costly.folder / "models" / "wrong.sql").unlink()
    told = ended.problem + str(ended.messages)
    assert "period is hour" in told and "day, week, month, quarter, year" in told
