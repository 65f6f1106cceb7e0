"""What got there in a step is a fault of the data, and what ages is not: alike in SQL and in the report."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import pytest

from monitoring.findings import REGISTRY
from monitoring.warehouse import MonitoredWarehouse
from scorehouse.metrics import WINDOWS
from scorehouse.project.run_log_place import rows_of
from scorehouse.report.faults import faults_of
from scorehouse.report.monitors import Monitors
from scorehouse.report.warehouse import Table

Value = float | tuple[float, str]  # of one window, with its status where it is not judged
SMALL, UNKNOWN = (0.1, "too_small"), (0.1, "not_judged")
TODAY = pd.Timestamp("2026-03-01")
# By ML model: mean shifts until the newest window, of which 2.5 is a fault, and whether they are sudden.
HISTORIES: dict[str, dict[str, tuple[list[Value], bool]]] = {
    "short": {
        "ageing": ([1.8, 2.0, 2.2, 2.4, 2.6], False),
        "one_low_window": ([1.8, 2.0, 2.2, 1.0, 2.6], False),
        "small_windows": ([2.2, 2.4, *[SMALL] * 8, 2.6], False),
        "swing": ([*[1.0] * 6, 2.2, *[1.1] * 6, 2.4, *[1.2] * 6, 2.6, *[1.2] * 6, 2.8], False),
        "ramp": ([0.1, 1.2, 2.4, 2.6], False),
        "aged_after_a_fault": ([0.1, 3.0, *[1.6] * 8, 2.6], False),
        "within_the_limit": ([0.1, 3.0, 0.1], False),
        "step": ([0.1, 0.2, 0.1, 2.6], True),
        "first": ([2.6], True),
        "first_that_is_judged": ([UNKNOWN, SMALL, 2.6], True),
        "step_by_half": ([1.25, 2.5], True),
        "goes_on": ([0.1, 3.0, 3.1, 2.9], True),
        "comes_back": ([0.1, 3.0, 0.1, 0.1, 3.0], True),
        "comes_back_twice": ([0.1, 3.0, *[0.1] * 5, 3.0, *[0.1] * 5, 3.0], True),
        "new_swing": ([*[0.1] * 13, 2.6], True),
    },
    "whole": {"since_ever": ([2.6] * (WINDOWS - 1), True)},
    "cut": {
        "beyond_all_the_time": ([2.6] * (WINDOWS + 9), False),
        "step_before_the_cut": ([0.1, *[2.6] * (WINDOWS + 8)], False),
        "not_judged_at_the_cut": ([*[SMALL] * (WINDOWS - 1), 2.6], False),
        "step_after_the_cut": ([*[0.1] * (WINDOWS + 7), 2.6, 2.6], True),
    },
}


def rows() -> pd.DataFrame:
    found = []
    for model, histories in HISTORIES.items():
        for feature, (values, _) in histories.items():
            for age, value in enumerate(reversed(values)):
                number, status = value if isinstance(value, tuple) else (value, "drift")
                start = TODAY - pd.Timedelta(days=age)
                found.append((model, feature, number, status, start, start + pd.Timedelta(days=1)))
    return pd.DataFrame(found, columns=["model", "feature", "value", "status", "window_start", "window_end"])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("faults") / "house")
    warehouse.table(
        "steps",
        "select model as ml_model, 1 as version, 'r' as run_id, 'feature' as part, feature, "
        "'all' as segment, 'mean_shift' as metric, value, 0.3e0 as threshold, status, window_start, "
        "window_end from frame",
        frame=rows(),
    )
    names = " union all ".join(f"select * replace ('{name}' as name) from ({REGISTRY})" for name in HISTORIES)
    warehouse.table("registry", names)
    given = "source('raw', 'registry'), source('raw', 'steps'), as_of='2026-03-02'"
    warehouse.model("signals", f"{{{{ scorehouse.retraining_signals({given}) }}}}")
    assert not warehouse.build().problem
    return Path(warehouse.project.database)


@pytest.mark.parametrize("model", HISTORIES)
def test_a_fault_is_what_got_there_in_a_step(model: str, database: Path) -> None:
    expected = sorted(name for name, (_, is_sudden) in HISTORIES[model].items() if is_sudden)
    with duckdb.connect(str(database), read_only=True) as connection:
        ((said,),) = connection.sql(f"select data_faults from signals where ml_model = '{model}'").fetchall()
        columns = frozenset(connection.sql("from raw.steps").columns)
        warehouse: Any = SimpleNamespace(
            of_kind=lambda kind: [Table(None, "raw", "steps", columns)],
            rows=lambda sql: rows_of(connection.execute(sql)),
        )
        (long,) = Monitors(warehouse, {model: 1}).long("drift", model)
    assert (said or "").split(", ") == [f"mean_shift of {name}" for name in expected] or [""]
    assert sorted(row["feature"] for row in faults_of(long, ())) == expected
