"""Dates are judged by their age: the days to the time of their row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from monitoring.warehouse import MonitoredWarehouse
from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.registration.reference import reference_rows, with_pairs
from scorehouse.registration.reference_sample import sample_reference
from scorehouse.registration.training_windows import training_windows
from scorehouse.registry.signature import Feature, Signature

pytestmark = pytest.mark.slow

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-03-20 01:00:00' as scored_at"
DAYS, ROWS = 60, 200


def accounts(seed: int, start: str, age: float = 1.0, days: int = DAYS) -> pd.DataFrame:
    """Rows of some days, each with a date (`opened`) and a timestamp (`seen`) before its day."""
    rng = np.random.default_rng(seed)
    rows = days * ROWS
    day = np.datetime64(start, "us") + np.repeat(np.arange(days), ROWS).astype("timedelta64[D]")
    opened = (day - rng.gamma(2, 200 * age, rows).astype("timedelta64[D]")).astype("datetime64[us]")
    seen = day - (rng.exponential(86_400e6 * 3 * age, rows)).astype("timedelta64[us]")
    frame = pd.DataFrame({"day": day, "opened": opened, "seen": seen, "x": rng.normal(size=rows)})
    frame.loc[rng.random(rows) < 0.02, "opened"] = pd.NaT
    return frame


TYPES = "opened::date as opened, seen, x"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("ages") / "house")
    warehouse.table("training", f"select day, {TYPES} from frame", frame=accounts(0, "2025-01-01"))
    parts = {(1, "feature"): "select opened, seen, x from raw.training"}
    warehouse.reference("ml_timed__reference", parts, time="select day from raw.training")
    warehouse.reference("ml_plain__reference", parts)
    warehouse.reference("ml_one_day__reference", parts, time="select date '2025-03-01' from raw.training")
    frames = {"same": accounts(1, "2026-01-01"), "older": accounts(2, "2026-01-01", age=1.3)}
    for name, frame in frames.items():
        sql = f"select row_number() over () as id, day, {TYPES}, 'r' as scoring_run_id, {HEAD} from frame"
        warehouse.table(name, sql, frame=frame)
    daily = accounts(3, "2026-03-20", days=1)
    warehouse.table("daily", f"select {TYPES}, 'r' as scoring_run_id, {HEAD} from frame", frame=daily)
    for name, kind, day in [
        ("same", "timed", "day"),
        ("older", "timed", "day"),
        ("same", "plain", "day"),
        ("daily", "timed", None),
    ]:
        reference = f"source('raw', 'ml_{kind}__reference')"
        given = f", day='{day}'" if day else ""
        profile = f"source('raw', '{name}'), {reference}{given}"
        warehouse.model(f"{name}_{kind}_profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
        window = "'month'" if day else "'run'"
        drift = f"ref('{name}_{kind}_profiles'), {reference}, window={window}"
        warehouse.model(f"{name}_{kind}", f"{{{{ scorehouse.drift({drift}) }}}}")
    profile = "source('raw', 'same'), source('raw', 'ml_plain__reference'), day='Seen'"
    warehouse.model("by_seen_profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
    drift = "ref('by_seen_profiles'), source('raw', 'ml_plain__reference'), window='week'"
    warehouse.model("by_seen", f"{{{{ scorehouse.drift({drift}) }}}}")
    warehouse.build().check()
    yield warehouse


ALARMS = "select distinct feature from {} where status in ('drift', 'small_drift') order by 1"


@pytest.mark.parametrize("table", ["same_timed", "daily_timed", "same_plain"])
def test_a_year_later_dates_of_the_same_age_raise_no_alarm(table: str, warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(ALARMS.format(table)) == []
    ((judged,),) = warehouse.query(
        f"select count(*) filter (where status = 'ok') from {table} "
        "where feature = 'opened' and metric = 'psi'"
    )
    assert judged == {"same_timed": 3, "daily_timed": 1, "same_plain": 0}[table]


def test_dates_of_another_age_do(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(ALARMS.format("older_timed")) == [("opened",), ("seen",)]
    found = dict(
        warehouse.query(
            "select metric, reason from older_timed where feature = 'seen' and status = 'drift' "
            "and metric in ('mean_shift', 'spread_shift')"
        )
    )
    assert set(found) <= {"mean_shift", "spread_shift"}


def test_without_a_time_the_status_says_so(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select distinct status, reason from same_plain "
        "where feature in ('opened', 'seen') and metric = 'psi'"
    )
    assert rows == [
        ("not_compared", "dates are judged by their age: register with `time`, the time of each row")
    ]


def test_the_day_of_the_windows_is_no_feature(warehouse: MonitoredWarehouse) -> None:
    for table in ("by_seen_profiles", "by_seen"):
        found = {name for (name,) in warehouse.query(f"select distinct feature from {table}")}
        assert {"opened", "x"} <= found and "seen" not in found


def test_ages_equal_numpy(warehouse: MonitoredWarehouse) -> None:
    training, window = accounts(0, "2025-01-01"), accounts(1, "2026-01-01").query("day < '2026-02-01'")
    known = {
        (name, kind): (lower, upper, count)
        for name, kind, lower, upper, count in warehouse.query(
            "select name, kind, lower, upper, row_count from raw.ml_timed__reference "
            "where kind in ('moments', 'range', 'age')"
        )
    }
    for name, unit in (("opened", "D"), ("seen", "s")):
        then, now = (
            ((frame["day"] - frame[name].dt.floor(unit)) / np.timedelta64(1, "D")).dropna()
            for frame in (training, window)
        )
        assert known[name, "moments"] == pytest.approx((then.mean(), then.std(ddof=0), len(then)), rel=1e-9)
        assert known[name, "range"] == pytest.approx((then.min(), then.max(), len(then)), rel=1e-9)
        first, last = (pd.Timestamp(day).timestamp() / 86_400 for day in ("2025-01-01", "2025-03-01"))
        assert known[name, "age"] == (first, last, len(then))
        edges = np.quantile(then, np.arange(1, 10) / 10)
        p, q = (np.bincount(np.searchsorted(edges, ages), minlength=10) / len(ages) for ages in (then, now))
        ((psi, shift, missing),) = warehouse.query(
            "select max(value) filter (where metric = 'psi'), "
            "max(value) filter (where metric = 'mean_shift'), "
            "max(value) filter (where metric = 'missing_share') "
            f"from same_timed where feature = '{name}' and window_start = '2026-01-01'"
        )
        assert psi == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=1e-9)
        assert shift == pytest.approx(abs(now.mean() - then.mean()) / then.std(ddof=0), rel=1e-9)
        assert missing == pytest.approx(window[name].isna().mean(), rel=1e-9)
        outside = warehouse.query(
            f"select value * n_current from same_timed where feature = '{name}' "
            "and window_start = '2026-01-01' and metric = 'out_of_range_share'"
        )
        assert outside == [(pytest.approx(((now < then.min()) | (now > then.max())).sum(), abs=1e-9),)]


def test_one_time_for_all_rows_is_enough_for_ages(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(
        "select count(*) filter (where kind = 'window'), count(*) filter (where kind = 'age') "
        "from raw.ml_one_day__reference"
    ) == [(0, 2)]


def test_zones_do_not_mix() -> None:
    """A date with a zone has an age only if the time has one too; both are then instants."""
    frame = accounts(0, "2025-01-01")[["day", "seen"]]
    zoned = frame.assign(seen=frame["seen"].dt.tz_localize("UTC").dt.tz_convert("Europe/Madrid"))
    batch = pa.RecordBatch.from_pandas(zoned[["seen"]], preserve_index=False)
    kinds = {}
    for name, times in {"plain": frame["day"], "zoned": frame["day"].dt.tz_localize("UTC")}.items():
        recorded = training_windows(None, batch, times, None, "register")
        rows = reference_rows(1, "feature", batch, recorded)
        kinds[name] = {row["kind"] for row in rows}
        with_pairs(rows, batch, {"seen": 1.0}, recorded.windows)  # dates are in no pair
        moments = [(float(row["lower"]), float(row["upper"])) for row in rows if row["kind"] == "moments"]
    ages = (frame["day"] - frame["seen"].dt.floor("s")) / np.timedelta64(1, "D")
    assert moments == [pytest.approx((ages.mean(), ages.std(ddof=0)))]
    assert "age" not in kinds["plain"] and {"age", "numeric"} <= kinds["zoned"]


def test_p_of_a_shift_of_ages(warehouse: MonitoredWarehouse) -> None:
    ((value, p, error),) = warehouse.query(
        "select value, p_value, standard_error from older_timed where feature = 'opened' "
        "and metric = 'mean_shift' and window_start = '2026-02-01'"
    )
    assert value > 0.2 and p == pytest.approx(2 * stats.norm.sf(value / error), rel=1e-9)


def test_rows_drawn_from_a_reference_of_ages_are_dates() -> None:
    frame = accounts(0, "2025-01-01")[["day", "opened"]]
    batch = pa.RecordBatch.from_pandas(frame[["opened"]], preserve_index=False)
    recorded = training_windows(None, batch, frame["day"], None, "register")
    rows = reference_rows(1, "feature", batch, recorded)
    feature = Feature("opened", "timestamp", "datetime64[us]", True, False, False)
    drawn = sample_reference(rows, Signature((feature,), "frame"), 5000).to_pandas()["opened"]
    ages = (pd.Timestamp("2025-03-01") - drawn) / np.timedelta64(1, "D")
    known = (frame["day"] - frame["opened"]) / np.timedelta64(1, "D")
    assert ages.median() == pytest.approx(known.median(), rel=0.1)
    assert known.min() <= ages.min() and ages.max() <= known.max()
    assert drawn.isna().mean() == pytest.approx(0.02, abs=0.01)


def test_from_the_command_line_to_a_verdict(tmp_path: Path) -> None:
    """Registered with `--time`, scored by dbt, profiled and judged: a year later, and with older accounts."""
    project = DbtProject(tmp_path / "house")
    training = accounts(0, "2025-01-01")[["day", "opened", "x"]]
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", max_categories=5), ["opened"]), remainder="passthrough"
    )
    names = ["opened", "x"]
    fitted = make_pipeline(encoder, LinearRegression()).fit(training[names], training["x"])
    joblib.dump(fitted, tmp_path / "fitted.joblib")
    training.to_parquet(tmp_path / "train.parquet")
    arguments = ["register", "churn", tmp_path / "fitted.joblib", "--task", "regression", "--time", "day"]
    arguments += ["--features", tmp_path / "train.parquet", "--project-dir", project.folder, "--no-program"]
    ended = CliRunner().invoke(main, [str(argument) for argument in [*arguments, "--alias", "champion"]])
    assert ended.exit_code == 0, ended.output
    now = pd.concat([accounts(1, "2026-01-01"), accounts(2, "2026-03-02", age=1.5)])
    now.insert(0, "id", np.arange(len(now)))
    now.drop(columns="seen").to_parquet(tmp_path / "now.parquet")
    project.features(f"select * from '{tmp_path / 'now.parquet'}'", name="accounts")
    project.python_model("scored", "churn", features="accounts", key="id", passthrough=["day"])
    profile = "ref('scored'), ref('ml_churn__reference'), ref('accounts'), key='id', day='day'"
    project.features(f"{{{{ scorehouse.profile({profile}) }}}}", name="profiles")
    project.features(
        "{{ scorehouse.drift(ref('profiles'), ref('ml_churn__reference'), window='month') }}", name="drift"
    )
    project.build().check()
    found = project.query(
        "select month(window_start), status from drift where feature = 'opened' and metric = 'mean_shift' "
        "order by 1"
    )
    assert found == [(1, "ok"), (2, "ok"), (3, "drift"), (4, "drift")]
