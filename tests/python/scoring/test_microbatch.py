"""Microbatch models: a pass, a transaction and a run a batch of event time, through both doors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn import FEATURES, OF_THE_RUN, ROWS, classifier, table, training, without
from project import DbtProject

# An hour a row from 2024 on: 500 rows end on 21 January at 19:00.
TIMED = f"select *, timestamp '2024-01-01' + to_hours(id::integer) as seen_at from ({FEATURES})"
BATCHES = "incremental_strategy='microbatch', event_time='seen_at', begin='2024-01-01', batch_size={!r}"
KEY = {"key": "id", "passthrough": ["seen_at"], "rescore": "given"}
FIVE_DAYS = ("--event-time-start", "2024-01-01", "--event-time-end", "2024-01-06")


pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification", program=False)
    project.features(TIMED)
    return project


def doors(project: DbtProject, size: str = "day", config: str = "", **arguments: Any) -> None:
    batches = BATCHES.format(size) + config
    project.python_model(
        "scored", "churn", config=f"materialized='predictions', {batches}", **{**KEY, **arguments}
    )
    project.sql_model("scored_sql", "churn", config=batches, **{**KEY, **arguments})


def windows(project: DbtProject, name: str = "scored") -> list[tuple[str, str, int]]:
    return [(run["slice_from"], run["slice_to"], run["rows_in"]) for run in project.runs(name)]


def test_the_first_run_begins_at_begin(project: DbtProject) -> None:
    doors(project)
    project.build("--event-time-start", "2024-01-01", "--event-time-end", "2024-01-22").check()
    days = windows(project)
    assert len(days) == 21
    assert days[0] == ("2024-01-01 00:00:00", "2024-01-02 00:00:00", 24)
    assert days[-1] == ("2024-01-21 00:00:00", "2024-01-22 00:00:00", 20)
    assert days == windows(project, "scored_sql")
    assert [run["write_mode"] for run in project.runs("scored")] == ["replace", *["merge"] * 20]
    one, two = (without(table(project, name), OF_THE_RUN) for name in ("scored", "scored_sql"))
    assert one == two and len(one) == ROWS
    project.python_model("whole", "churn", key="id", passthrough=["seen_at"])
    project.build("--select", "whole").check()
    assert without(table(project, "whole"), OF_THE_RUN) == one


@pytest.mark.parametrize(
    ("size", "window", "expected"),
    [
        (
            "hour",
            ("2024-01-02 05:30:00", "2024-01-02 07:00:00"),
            ["2024-01-02 05:00:00", "2024-01-02 06:00:00"],
        ),
        ("month", ("2023-12-15", "2024-01-02"), ["2023-12-01 00:00:00", "2024-01-01 00:00:00"]),
        ("year", ("2023-12-15", "2024-01-02"), ["2023-01-01 00:00:00", "2024-01-01 00:00:00"]),
    ],
)
def test_sizes(size: str, window: tuple[str, str], expected: list[str], project: DbtProject) -> None:
    doors(project, size)
    project.build("--event-time-start", window[0], "--event-time-end", window[1]).check()
    assert [begin for begin, _, _ in windows(project)] == expected


def test_a_window_is_scored_again_and_replaced(project: DbtProject) -> None:
    """A row that changed, one that came, and one that went; the rest of the table stays."""
    doors(project)
    project.build(*FIVE_DAYS).check()
    before = {row["id"]: row for row in table(project, "scored")}
    project.features(f"select * replace (amount + 1 as amount) from ({TIMED}) where id <> 30")
    project.build("--event-time-start", "2024-01-02", "--event-time-end", "2024-01-04").check()
    after = {row["id"]: row for row in table(project, "scored")}
    assert set(before) - set(after) == {30}
    changed = {key for key in after if after[key] != before[key]}
    assert changed == set(range(24, 72)) - {30}
    assert [rows for _, _, rows in windows(project)[-2:]] == [23, 24]
    assert without(table(project, "scored"), OF_THE_RUN) == without(table(project, "scored_sql"), OF_THE_RUN)


def test_only_changed_rows_of_a_window(project: DbtProject) -> None:
    doors(project, rescore="changed")
    project.build(*FIVE_DAYS).check()
    project.features(f"select * replace (amount + (id = 25)::int as amount) from ({TIMED}) where id <> 30")
    project.build("--event-time-start", "2024-01-02", "--event-time-end", "2024-01-04").check()
    assert [rows for _, _, rows in windows(project)[-2:]] == [1, 0]
    assert project.query("select count(*) from scored") == [(5 * 24,)]


def test_later_runs_look_back(project: DbtProject) -> None:
    """The last batch is that of now; before it come as many as lookback says."""
    now = "date_trunc('day', (now() at time zone 'utc'))"
    project.features(
        f"select * replace ({now} - to_hours(id::integer) as seen_at) from ({TIMED}) where id < 200"
    )
    for name, back in (("scored", ""), ("scored_sql", ", lookback=2")):
        config = BATCHES.format("day").replace("2024-01-01", _days_ago(project, 9)) + back
        project.sql_model(name, "churn", config=config, **KEY)
    project.build().check()
    assert len(windows(project)) == 10
    project.build("--select", "scored", "scored_sql").check()
    assert len(windows(project)) == 12 and len(windows(project, "scored_sql")) == 13
    assert project.query("select count(*) from scored") == [(200,)]


def _days_ago(project: DbtProject, days: int) -> str:
    return str(project.query(f"select (now() at time zone 'utc')::date - {days}")[0][0])


def test_full_refresh_begins_anew(project: DbtProject) -> None:
    doors(project)
    project.build(*FIVE_DAYS).check()
    project.build(
        "--full-refresh", "--event-time-start", "2024-01-03", "--event-time-end", "2024-01-05"
    ).check()
    assert project.query("select count(*), min(id), max(id) from scored") == [(48, 48, 95)]
    assert [run["write_mode"] for run in project.runs("scored")[-2:]] == ["replace", "merge"]


def test_sample_cuts_to_its_window(project: DbtProject) -> None:
    project.write("models/features.sql", "{{ config(materialized='table', event_time='seen_at') }}\n" + TIMED)
    doors(project)
    project.build("--sample", "{start: '2024-01-03', end: '2024-01-05'}").check()
    assert project.query("select count(*), min(id), max(id) from scored_sql") == [(48, 48, 95)]


REFUSED = [
    ({"rescore": "all"}, "", "rescore='all', which would rebuild the table from one batch"),
    ({"rescore": {"rule": "changed", "vanished": "delete"}}, "", "vanished='delete': all rows"),
    ({"rescore": "feed"}, "", "since a batch is a part of the feature table"),
    ({"passthrough": []}, "", "event_time='seen_at' is not a column of the prediction table"),
    ({"decision": {"top_n": 5}}, "", "cannot be combined with a rank or top_n"),
    ({"as_of": "seen_at", "rescore": "new"}, "", "cannot be combined with as_of='seen_at'"),
    ({}, ", event_time='seen'", "correct event_time, or add the columns"),
    ({}, ", batch_size='week'", "batch_size is week"),
    ({}, ", lookback=-1", "lookback is -1"),
    ({}, ", begin=none", "there is no begin"),
]


@pytest.mark.parametrize(("arguments", "config", "message"), REFUSED, ids=[case[2] for case in REFUSED])
def test_refuses(arguments: dict[str, Any], config: str, message: str, project: DbtProject) -> None:
    name = config.strip(", ").split("=")[0]
    kept = [part for part in BATCHES.format("day").split(", ") if not name or not part.startswith(name + "=")]
    project.sql_model("scored", "churn", config=", ".join(kept) + config, **{**KEY, **arguments})
    ended = project.build(*FIVE_DAYS)
    assert message in ended.messages.get("scored", ended.problem)
