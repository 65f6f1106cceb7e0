"""Windows are judged by how much windows of training differ, and segments by themselves."""

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
from sklearn.linear_model import LinearRegression

from monitoring.warehouse import MonitoredWarehouse
from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.registration.reference import reference_rows
from scorehouse.registration.training_windows import training_windows

pytestmark = pytest.mark.slow

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id"
ZONES, WEEKS, ROWS = 6, 40, 300
WEEKLY = """with mondays as (
    select day as window_start, day + interval 1 day as window_end
    from (values (timestamp '2024-10-14'), (timestamp '2024-11-04'), (timestamp '2024-12-09')) as t (day)
), windows as (
    select month as window_id, month as window_start, month + interval 1 month as window_end
    from (values (timestamp '2024-10-01'), (timestamp '2024-11-01'), (timestamp '2024-12-01')) as t (month)
)"""


def prices(seed: int, factor: float = 1.0) -> pd.DataFrame:
    """Each zone sets its price once per week; `traffic` is of independent rows."""
    level = np.random.default_rng(1).uniform(20, 80, ZONES)
    rng = np.random.default_rng(seed)
    week, zone = np.repeat(np.arange(WEEKS), ROWS), rng.integers(0, ZONES, WEEKS * ROWS)
    price = np.round(level[:, None] * np.exp(0.1 * rng.normal(size=(ZONES, WEEKS))), 2) * factor
    day = np.datetime64("2024-01-01", "us") + week.astype("timedelta64[W]")
    traffic = rng.normal(size=len(week))
    shop = np.char.add("shop", zone.astype(str)).astype(object)
    return pd.DataFrame({"price": price[zone, week], "traffic": traffic, "day": day, "shop": shop})


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("windows") / "house")
    warehouse.table("training", "from frame", frame=prices(2))
    parts = {(1, "feature"): "select price, traffic from raw.training"}
    warehouse.reference("ml_timed__reference", parts, time="select day from raw.training")
    warehouse.reference("ml_plain__reference", parts)
    warehouse.reference("ml_cluster__reference", parts, cluster="select shop || day from raw.training")
    for name, frame in {"same": prices(3), "dearer": prices(4, 2.0)}.items():
        warehouse.table(name, f"select *, {HEAD} from frame", frame=frame)
    for name, kind in [(n, k) for n in ("same", "dearer") for k in ("timed", "plain", "cluster")]:
        reference = f"source('raw', 'ml_{kind}__reference')"
        segments = ", segments=['shop']" if kind == "plain" else ""
        profile = f"source('raw', '{name}'), {reference}, day='day'{segments}"
        warehouse.model(f"{name}_{kind}_profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
        drift = f"ref('{name}_{kind}_profiles'), {reference}, window='week', min_segment_rows=20"
        warehouse.model(f"{name}_{kind}", f"{{{{ scorehouse.drift({drift}) }}}}")
    warehouse.model("spans", f"{WEEKLY} {{{{ scorehouse._window_spans('windows', 'mondays', 'month') }}}}")
    warehouse.table("training_rows", f"select *, {HEAD} from raw.training")
    plain = "source('raw', 'ml_plain__reference')"
    warehouse.model(
        "training_profiles",
        f"{{{{ scorehouse.profile(source('raw', 'training_rows'), {plain}, segments=['shop']) }}}}",
    )
    warehouse.model(
        "by_training",
        f"{{{{ scorehouse.drift(ref('same_plain_profiles'), {plain}, window='all', "
        "segment_reference=ref('training_profiles')) }}",
    )
    warehouse.build().check()
    yield warehouse


ALARMED = "count(distinct window_start) filter (where status in ('drift', 'small_drift') and segment = 'all')"


def test_a_window_that_is_not_over_begins_with_its_first_row(warehouse: MonitoredWarehouse) -> None:
    """One Monday of December is one day, and not nine, of which chance would not explain much."""
    assert warehouse.query("select days from spans order by window_id") == [(18.0,), (30.0,), (1.0,)]


@pytest.mark.parametrize(("kind", "alarms"), [("timed", 0), ("cluster", 0), ("plain", WEEKS)])
def test_weekly_prices_alarm_only_if_rows_are_taken_as_independent(
    kind: str, alarms: int, warehouse: MonitoredWarehouse
) -> None:
    assert warehouse.query(f"select {ALARMED} from same_{kind}") == [(alarms,)]
    ((reasons,),) = warehouse.query(
        f"select list(distinct reason order by reason) from same_{kind} "
        "where segment = 'all' and feature = 'traffic' and metric = 'psi'"
    )
    assert reasons == [
        "rows judged as independent" if alarms else "compared with how much windows of training differ"
    ]


@pytest.mark.parametrize("kind", ["timed", "cluster"])
def test_dearer_weeks_are_found_all_the_same(kind: str, warehouse: MonitoredWarehouse) -> None:
    ((alarms,),) = warehouse.query(f"select {ALARMED} from dearer_{kind}")
    assert alarms >= WEEKS * 0.9  # by cluster, a week has six independent rows
    assert warehouse.query(
        f"select count(*) from dearer_{kind} where feature = 'traffic' and status = 'drift'"
    ) == [(0,)]


def test_p_is_scaled_by_the_design_effect(warehouse: MonitoredWarehouse) -> None:
    ((effect, usual, rows),) = warehouse.query(
        "select lower, upper, row_count from raw.ml_timed__reference where category = 'week psi' "
        "and name = 'price'"
    )
    found = warehouse.query(
        "select value, p_value, floor_value, threshold, n_bins, n_current, n_reference from same_timed "
        "where feature = 'price' and metric = 'psi'"
    )
    assert len(found) == WEEKS
    for value, p, floor, threshold, bins, n, reference in found:
        scaled = 1 + (effect - 1) * n / rows
        noise = 1 / n + 1 / reference
        assert threshold == max(0.1, usual)
        assert floor == pytest.approx((bins - 1) * noise * scaled, rel=1e-9)
        assert p == pytest.approx(stats.chi2.sf(value / noise / scaled, bins - 1), rel=1e-9, abs=1e-300)


def test_what_is_learned_equals_a_plain_count() -> None:
    frame = prices(2)
    batch = pa.RecordBatch.from_pandas(frame[["price", "shop"]], preserve_index=False)
    windows = training_windows(frame, batch, "day", None, "register")
    assert [(one.unit, one.count) for one in windows.windows] == [
        ("day", WEEKS),
        ("week", WEEKS),
        ("month", 9),
    ]
    found = {
        (row["name"], row["category"]): (float(row["lower"]), float(row["upper"]))
        for row in reference_rows(1, "feature", batch, windows)
        if row["kind"] == "window"
    }
    price, week = frame["price"], frame["day"]
    effects, shifts = [], []
    for _, own in price.groupby(week):
        shift = (own.mean() - price.mean()) / price.std(ddof=0)
        shifts.append(abs(shift))
        effects.append(shift**2 / (1 / len(own) - 1 / len(price)))
    expected = (np.mean(effects), np.quantile(shifts, 0.99))
    assert found["price", "week mean_shift"] == pytest.approx(expected, rel=1e-5)
    edges = np.unique(np.quantile(price, np.arange(1, 10) / 10))
    p = np.bincount(np.searchsorted(edges, price)) / len(price)
    distances = []
    for _, own in price.groupby(week):
        q = np.bincount(np.searchsorted(edges, own), minlength=len(p)) / len(own)
        q = np.where(q == 0, 1e-4, q)
        distances.append(((q - p) * np.log(q / p)).sum())
    effect = np.mean(distances) / (len(p) - 1) / (1 / ROWS - 1 / len(price))
    assert found["price", "week psi"] == pytest.approx((effect, np.quantile(distances, 0.99)), rel=1e-5)
    assert found["shop", "week psi"][0] < 1.5 < 50 < found["price", "week psi"][0]


def test_independent_rows_have_a_design_effect_of_one() -> None:
    rng = np.random.default_rng(5)
    rows = 40_000
    frame = pd.DataFrame({"x": rng.normal(size=rows), "c": rng.choice(list("abcdef"), rows)})
    time = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 400, rows), unit="D")
    for given in ({"time": time, "cluster": None}, {"time": None, "cluster": rng.integers(0, 2000, rows)}):
        batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
        windows = training_windows(frame, batch, **given, call="register")
        found = {
            row["category"]: float(row["lower"])
            for row in reference_rows(1, "feature", batch, windows)
            if row["kind"] == "window" and "share" not in row["category"]
        }
        assert found and max(found.values()) < 1.35


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"time": "when", "cluster": None}, "no column of X"),
        ({"time": ["2025-01-01"], "cluster": None}, "1 values for 12000 training rows"),
        ({"time": ["2025-01-01"] * 12000, "cluster": None}, "1 days in 12000 rows"),
        ({"time": [None] * 12000, "cluster": None}, "is missing in 12000 of 12000 rows"),
        ({"time": ["soon"] * 12000, "cluster": None}, "cannot be read as dates"),
        ({"time": "day", "cluster": "shop"}, "both given"),
        ({"time": None, "cluster": "shop"}, "6 values"),
    ],
)
def test_refused(given: dict[str, object], words: str) -> None:
    frame = prices(2)
    batch = pa.RecordBatch.from_pandas(frame[["price", "shop"]], preserve_index=False)
    with pytest.raises(ConfigurationError, match=words):
        training_windows(frame, batch, **given, call="register")


def test_register_learns_from_a_column(tmp_path: Path) -> None:
    """The time is in the file of the features, and is none of them."""
    project = DbtProject(tmp_path / "house")
    frame = prices(2).iloc[:6000]
    fitted = LinearRegression().fit(frame[["price", "traffic"]], frame["traffic"])
    joblib.dump(fitted, tmp_path / "fitted.joblib")
    frame.to_parquet(tmp_path / "train.parquet")
    arguments = [
        "register",
        "visits",
        str(tmp_path / "fitted.joblib"),
        "--no-program",
        "--task",
        "regression",
    ]
    arguments += ["--features", str(tmp_path / "train.parquet"), "--project-dir", str(project.folder)]
    ended = CliRunner().invoke(main, [*arguments, "--time", "day"])
    assert ended.exit_code == 0, ended.output
    seed = pd.read_csv(project.folder / "seeds/ml/visits/ml_visits__reference.csv")
    learned = seed[(seed["kind"] == "window") & (seed["category"] == "week psi")]
    assert dict(zip(learned["name"], learned["lower"] > 5, strict=True)) == {
        "price": True,
        "traffic": False,
        "prediction": False,
    }
    assert "day" not in set(seed["name"])
    refused = CliRunner().invoke(main, [*arguments, "--time", "when"])
    assert refused.exit_code == 1 and "no column of X" in refused.output

    # What was learned can be learned again, and nothing else changes: by `register`, and by `reference`.
    def written() -> dict[str, bytes]:
        files = [file for file in (project.folder / "seeds").rglob("*") if file.is_file()]
        return {file.name: file.read_bytes() for file in files}

    before, learn = written(), ["reference", "visits", *arguments[6:], "--version", "1"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    without = written()
    windows = [line for line in without["ml_visits__reference.csv"].splitlines() if b",window," in line]
    assert [b"(all features)" in line for line in windows] == [True]  # how its rows repeat each other
    ended = CliRunner().invoke(main, [*learn, "--time", "day"])
    assert ended.exit_code == 0 and "visits version 1 (windows: day, week" in ended.output, ended.output
    assert written() == before
    differing = {name for name, data in without.items() if data != before[name]}
    assert differing == {"ml_visits__reference.csv", "_ml_visits.yml"}
    said = set(without["_ml_visits.yml"].splitlines()) ^ set(before["_ml_visits.yml"].splitlines())
    assert len(said) == 2 and all(b" reference: " in line for line in said)  # how many rows its bins count


def test_segments_are_compared_with_themselves(warehouse: MonitoredWarehouse) -> None:
    """Shops differ from each other by far, and none of them changes its traffic."""
    rows = warehouse.query(
        "select status, count(*), any_value(reason), min(n_reference) from same_plain "
        "where segment <> 'all' and feature = 'traffic' and status <> 'info' group by 1"
    )
    found = {status: count for status, count, *_ in rows}
    assert found.get("drift", 0) + found.get("small_drift", 0) <= 0.02 * found["ok"]
    by_training = warehouse.query(
        "select distinct status, n_reference from by_training where segment <> 'all' and feature = 'price' "
        "and metric = 'psi'"
    )
    assert len(by_training) == ZONES and all(rows < WEEKS * ROWS / 4 for _, rows in by_training)
    assert warehouse.query(
        "select count(*) from by_training where segment <> 'all' and feature = 'traffic' and status = 'drift'"
    ) == [(0,)]
