"""Adaptive levels equal the loop of Gibbs and Candes (2021), and intervals and sets read them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intervals.sets_frame import CLASSES, COLUMNS
from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

WINDOWS = 14
PER_WINDOW = 400
TARGET = 0.8
GRID = [0.7, 0.75, 0.8, 0.85, 0.9, 0.94, 0.97, 0.99]
UNTIL = "2026-02-01"
RAW = "source('raw', 'predictions'), source('raw', 'labels')"
LEVELS = f"{RAW}, ref('widths'), key='id', label='y', level={TARGET}"
AT_ONCE = "'maturity': {'days': 0}"
GROUPED = "'day': 'day', 'group': 'shop', 'date_from': '2026-02-01'"
OPTIONS = f"{GROUPED}, {AT_ONCE}"
SETS = f"'classes': {CLASSES!r}, 'method': 'aps', 'day': 'day', {AT_ONCE}"
MODELS = {
    "widths": f"""{{{{ scorehouse.interval_calibration({RAW}, key='id', label='y', levels={GRID},
        group='shop', day='day', date_to='{UNTIL}') }}}}""",
    "levels": f"{{{{ scorehouse.adaptive_level({LEVELS}, options={{{OPTIONS}}}) }}}}",
    "late": f"""{{{{ scorehouse.adaptive_level({LEVELS}, options={{{GROUPED}, 'rate': 0.2,
        'maturity': {{'days': 40, 'as_of': '2027-06-01'}}}}) }}}}""",
    "weekly": f"""{{{{ scorehouse.adaptive_level({LEVELS}, period='week',
        options={{{OPTIONS}, 'rate': 3}}) }}}}""",
    "intervals": f"""{{{{ scorehouse.prediction_intervals(source('raw', 'predictions'), ref('widths'),
        level={TARGET}, group='shop', options={{'levels': ref('levels'), 'day': 'day'}}) }}}}""",
    "quantiles": f"""{{{{ scorehouse.set_calibration({RAW}, key='id', label='chosen', classes={CLASSES!r},
        levels={GRID}, options={{'method': 'aps', 'day': 'day', 'date_to': '{UNTIL}'}}) }}}}""",
    "set_levels": f"""{{{{ scorehouse.adaptive_level({RAW}, ref('quantiles'), key='id', label='chosen',
        level={TARGET}, options={{{SETS}}}) }}}}""",
    "adapted_sets": f"""{{{{ scorehouse.prediction_sets(source('raw', 'predictions'), ref('quantiles'),
        {CLASSES!r}, level={TARGET}, options={{'method': 'aps', 'levels': ref('set_levels'), 'day': 'day'}})
        }}}}""",
    "set_coverage": f"""{{{{ scorehouse.performance(ref('adapted_sets'), source('raw', 'labels'), key='id',
        label='chosen', day='day', options={{'classes': {CLASSES!r}, 'set': 'prediction_set'}}) }}}}""",
}


def drawn() -> pd.DataFrame:
    """Errors that grow and shrink over 14 months; two shops, one of them with three labels at first."""
    draw = np.random.default_rng(5)
    rows = WINDOWS * PER_WINDOW
    month = np.repeat(np.arange(WINDOWS), PER_WINDOW)
    width = np.array([1, 1, 1.3, 1.6, 2, 2, 1.5, 1, 0.7, 0.7, 0.7, 1, 3, 1])[month]
    day = (np.datetime64("2026-01", "M") + month).astype("datetime64[D]") + draw.integers(0, 28, rows)
    prediction = draw.normal(20, 5, rows)
    chances = draw.dirichlet([0.8, 0.7, 0.6, 0.1], rows)
    dulled = chances ** (1 / width[:, None])
    dulled /= dulled.sum(axis=1, keepdims=True)
    chosen = (dulled.cumsum(axis=1) > draw.random((rows, 1))).argmax(axis=1)
    frame = pd.DataFrame(chances, columns=COLUMNS).assign(
        id=np.arange(rows),
        day=day.astype("datetime64[us]"),
        shop=np.where(np.arange(rows) % 3 == 0, "old", "new"),
        prediction=prediction,
        y=prediction + draw.normal(size=rows) * width * np.where(np.arange(rows) % 3 == 0, 2, 1),
        chosen=np.array(CLASSES)[chosen],
        row_status="scored",
        model_name="m",
        model_version=1,
        scored_at=pd.Timestamp("2026-01-01"),
    )
    frame = frame.astype({"shop": object, "chosen": object})
    frame.loc[(month == 0) & (frame.shop == "new") & (frame.index > 5), "shop"] = "old"
    frame.loc[month == WINDOWS - 1, "y"] = np.where(
        np.arange(PER_WINDOW) % 2 == 0, np.nan, 0.0
    )  # half of them
    frame.loc[7, ["row_status", "prediction"]] = ["rejected", None]
    return frame


FRAME = drawn()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("adaptive") / "house")
    warehouse.table("predictions", "select * exclude (y, chosen) from frame", frame=FRAME)
    warehouse.table(
        "labels", "select id, case when not isnan(y) then y end as y, chosen from frame", frame=FRAME
    )
    for name, sql in MODELS.items():
        warehouse.model(name, sql)
    warehouse.build().check()
    return warehouse


def gibbs_candes(
    coverage: list[dict[float, float] | None], rate: float, lag: int
) -> list[tuple[float, float]]:
    """Per window and for the next, the level asked for and the one used; alpha moves by what was missing."""
    wanted = alpha = 1 - TARGET
    found, errors = [], []
    for window in [*coverage, None]:
        asked = 1 - alpha
        used = next((level for level in GRID if level >= asked - 1e-9), GRID[-1])
        found.append((asked, used))
        errors.append(None if window is None else 1 - window[used])
        error = errors[len(errors) - lag] if len(errors) >= lag else None
        if error is not None:
            alpha = min(max(alpha + rate * (wanted - error), 0), 1)
    return found


def coverage_by_level(built: MonitoredWarehouse, period: str) -> list[dict[float, float] | None]:
    """Share of the labels within each level's half width, by pandas."""
    widths = {
        (group, level): value
        for group, level, value in built.query(
            "select interval_group, interval_level, half_width from widths"
        )
    }
    windows = FRAME.day.dt.to_period(period)
    wanted = (windows.dt.start_time >= "2026-02-01") & FRAME.prediction.notna()
    found: list[dict[float, float] | None] = []
    for _, window in FRAME[wanted].groupby(windows[wanted]):
        known = window[window.y.notna()]
        if len(known) < 0.9 * len(window):
            found.append(None)
            continue
        distance = (known.y - known.prediction).abs()
        found.append({})
        for level in GRID:
            own = [widths[shop, level] or widths[None, level] for shop in known.shop]
            found[-1][level] = float((distance.to_numpy() <= np.array(own)).mean())
    return found


@pytest.mark.parametrize(
    ("table", "period", "rate", "lag"),
    [("levels", "M", 0.5, 1), ("late", "M", 0.2, 3), ("weekly", "W", 3, 1)],
)
def test_levels_equal_the_loop(
    table: str, period: str, rate: float, lag: int, built: MonitoredWarehouse
) -> None:
    coverage = coverage_by_level(built, period)
    rows = built.query(
        "select asked_level, interval_level, coverage, coverage_at_target, target_level, status, is_at_limit "
        f"from {table} order by window_start"
    )
    expected = gibbs_candes(coverage, rate, lag)
    assert len(rows) == len(expected)
    for row, (asked, used), held in zip(rows, expected, [*coverage, None], strict=True):
        assert row[0] == pytest.approx(asked, abs=1e-12) and row[1] == used
        assert row[2] == (None if held is None else pytest.approx(held[used], abs=1e-12))
        assert row[3] == (None if held is None else pytest.approx(held[TARGET], abs=1e-12))
        assert row[4] == TARGET and row[6] == int(asked > GRID[-1] + 1e-9)
    assert {row[1] for row in rows} > {TARGET}
    assert [row[5] for row in rows][-2:] == ["waiting", "next"] and rows[0][5] == "measured"
    if table == "weekly":
        assert max(row[6] for row in rows) == 1


def test_a_level_is_never_judged_by_labels_of_its_future(built: MonitoredWarehouse) -> None:
    """The first three windows of late labels ask for what is promised, however wrong they are."""
    asked = [row[0] for row in built.query("select asked_level from late order by window_start")]
    assert asked[:3] == [TARGET] * 3 and asked[3] != TARGET


def test_intervals_read_their_windows_level(built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select id, interval_level, prediction_high - prediction, interval_basis from intervals order by id"
    )
    levels = built.query("select window_start, interval_level from levels order by window_start")
    widths = {
        (group, level): value
        for group, level, value in built.query(
            "select interval_group, interval_level, half_width from widths"
        )
    }
    assert len(rows) == len(FRAME)
    for (key, level, half, basis), row in zip(rows, FRAME.itertuples(), strict=True):
        own = [one for start, one in levels if pd.Timestamp(start) <= row.day]
        assert key == row.id and level == (own[-1] if own else TARGET)
        group = widths.get((row.shop, level))
        if row.row_status == "rejected":
            assert half is None and basis is None
        else:
            assert half == pytest.approx(group or widths[None, level], abs=1e-9)
            assert basis == ("group" if group else "all")


def test_sets_read_their_windows_level(built: MonitoredWarehouse) -> None:
    rows = built.query(
        "select l.coverage, p.value, l.coverage_at_target from set_levels l "
        "join set_coverage p using (window_start) "
        "where p.metric = 'coverage' and l.status = 'measured' order by window_start"
    )
    assert len(rows) == WINDOWS
    for promised, measured, _ in rows:
        assert promised == pytest.approx(measured, abs=1e-12)
    adapted, fixed = (np.mean([row[place] for row in rows]) for place in (0, 2))
    assert abs(adapted - TARGET) < abs(fixed - TARGET)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (f"adaptive_level({LEVELS}, options={{'rate': 'fast'}})", "write `rate: 0.5`"),
        (f"adaptive_level({LEVELS}, options={{'lower': 'p05'}})", "both `lower` and `upper`"),
        (f"adaptive_level({LEVELS}, options={{'speed': 1}})", "one of the keys rate"),
        (f"adaptive_level({LEVELS}, options={{'method': 'aps', {AT_ONCE}}})", "write `classes` too"),
        (
            f"adaptive_level({LEVELS}, options={{'classes': [0, 1], 'lower': 'a', 'upper': 'b', {AT_ONCE}}})",
            "remove `lower`",
        ),
        (
            f"adaptive_level({LEVELS}, options={{'maturity': {{'share': 0.95}}}})",
            "after how many days the labels of a window are known",
        ),
        (
            "prediction_intervals(source('raw', 'predictions'), ref('widths'), "
            "options={'levels': ref('levels')})",
            "the column `day` by which `adaptive_level` makes its windows",
        ),
        (
            "prediction_intervals(source('raw', 'predictions'), ref('widths'), options={'day': 'day'})",
            "prediction_intervals(levels=null)",
        ),
    ],
)
def test_wrong_arguments_are_refused(
    call: str, said: str, built: MonitoredWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = built.project.copy(tmp_path_factory.mktemp("wrong") / "house")
    project.write("models/wrong.sql", f"{{{{ scorehouse.{call} }}}}")
    problem = project.dbt("run", "--select", "wrong").problem
    assert said in problem and "Expected: " in problem, problem
