"""How often the monitoring raises alerts where nothing changed, and where something did.

    python benchmarks/alerts.py [--quick] [--independent] [--folder target/alerts]

Every figure is read from drift tables that dbt builds in a project of its own. An alert is a
row with the status `drift` or `small_drift`. `--quick` uses a tenth of the windows of 20,000 rows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

HERE = Path(__file__).parent
sys.path[0] = str(HERE.parent / "tests" / "python" / "support")
sys.path.append(str(HERE))

import alerts_data as data  # noqa: E402

from monitoring.warehouse import MonitoredWarehouse  # noqa: E402

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at"
ALERT = "status in ('drift', 'small_drift')"
# Models looked at after each of 500 windows: how many, and their errors before and after the middle; the
# limit is 0.10.
LOOKS = 500
PAIRS = {200: 200, 1000: 200, 20_000: 20}  # windows by their rows
LOOKED = {
    "at the limit": (400, 0.10, 0.10),
    "0.05 to 0.12": (40, 0.05, 0.12),
    "0.05 to 0.20": (40, 0.05, 0.20),
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer windows of 20,000 rows")
    parser.add_argument("--independent", action="store_true", help="do not tell registration of the weeks")
    parser.add_argument("--folder", help="keep the project here")
    return parser.parse_args()


def fill(warehouse: MonitoredWarehouse, name: str, tables: Iterable[pa.Table], columns: str = "*") -> None:
    """A source table from Arrow tables, inserted one by one."""
    with duckdb.connect(warehouse.project.database) as connection:
        for number, part in enumerate(tables):
            connection.register("part", part)
            verb = f"insert into raw.{name}" if number else f"create table raw.{name} as"
            connection.sql(f"{verb} select {columns}, {HEAD} from part")
    warehouse.tables.append(name)


def train(warehouse: MonitoredWarehouse, name: str, rows: pa.Table, timed: bool = False) -> None:
    """A source table of training rows, and the reference and the ranges that registration makes of them."""
    warehouse.table(f"{name}_training", "select * from frame", frame=rows)
    left_out = "(day)" if "day" in rows.column_names else "()"
    columns = "*" if left_out == "()" else "* exclude (day)"
    query = f"select {columns} from raw.{name}_training"
    time = {"time": f"select day from raw.{name}_training"} if timed else {}
    warehouse.reference(f"ml_{name}__reference", {(1, "feature"): query}, **time)
    numbers = [f.name for f in rows.schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)]
    selects = " union all ".join(
        f"select 1 as version, '{c}' as feature, min({c})::double as minimum, max({c})::double as maximum "
        f"from raw.{name}_training"
        for c in numbers
    )
    warehouse.table(f"ml_{name}__signature", selects or "select 1 as version, '' as feature, null::double "
                    "as minimum, null::double as maximum where false")  # fmt: skip


def watch(warehouse: MonitoredWarehouse, name: str, profile: str = "", drift: str = "") -> None:
    """Profiles and drift of a scored table."""
    reference = f"source('raw', 'ml_{name.split('_')[0]}__reference')"
    signature = f"source('raw', 'ml_{name.split('_')[0]}__signature')"
    warehouse.model(
        f"{name}_profiles",
        f"{{{{ scorehouse.profile(source('raw', '{name}'), {reference}, signature={signature}{profile}) }}}}",
    )
    warehouse.model(
        f"{name}_drift", f"{{{{ scorehouse.drift(ref('{name}_profiles'), {reference}{drift}) }}}}"
    )


def make(folder: Path, asked: argparse.Namespace) -> MonitoredWarehouse:
    warehouse = MonitoredWarehouse(folder)
    sizes = {200: (200, 100), 1000: (200, 100), 20_000: (10, 2) if asked.quick else (100, 20)}
    train(warehouse, "plain", data.table(data.plain(data.TRAINING_ROWS, np.random.default_rng(3))))
    fill(warehouse, "plain", data.windows(sizes))
    watch(warehouse, "plain")
    train(warehouse, "tail", data.table(data.long_tail(data.TRAINING_ROWS, np.random.default_rng(5))))
    fill(warehouse, "tail", data.tail_windows(sizes))
    watch(warehouse, "tail")
    train(warehouse, "prices", data.prices(data.WEEKS, 1), timed=not asked.independent)
    by_day, by_week = ", day='day'", ", window='week'"
    for name, seed in (("prices", 1), ("prices_later", 2)):
        fill(warehouse, name, [data.prices(data.WEEKS, seed)], "*, 'r' as scoring_run_id")
        watch(warehouse, name, by_day, by_week)
    train(warehouse, "months", data.prices(data.SHORT_WEEKS, 1), timed=True)
    fill(warehouse, "months", [data.prices(data.LONG_WEEKS, 3)], "*, 'r' as scoring_run_id")
    watch(warehouse, "months", by_day, ", window='month'")
    fill(warehouse, "regions", [data.regions(40, 6000)], "*, 'r' as scoring_run_id")
    train(warehouse, "regions", data.regions(4, 6000))
    watch(warehouse, "regions", by_day + ", segments=['region']", ", window='day'")
    looks(warehouse)
    pairs(warehouse)
    warehouse.build().check()
    return warehouse


def looks(warehouse: MonitoredWarehouse) -> None:
    """Monitors with one error rate for life, of windows of 200 rows."""
    empty = "null::varchar as feature, null::varchar as time_zone"
    head = f"1 as version, 'all' as segment, {empty}, 'accuracy' as metric, 'info' as status"
    for number, (count, before, after) in enumerate(LOOKED.values()):
        rows = data.looks(count, LOOKS, 200, before, after)
        warehouse.table(f"looks{number}", f"select *, {head} from frame", frame=rows)
        call = f"source('raw', 'looks{number}'), {{'accuracy': 0.9}}"
        warehouse.model(f"sequential{number}", f"{{{{ scorehouse.sequential_monitor({call}) }}}}")


def pairs(warehouse: MonitoredWarehouse) -> None:
    """Windows in which every feature is as in training, with and without the correlation of two of them."""
    training = data.pairs(1, data.TRAINING_ROWS, 0.8, 0)
    warehouse.table("pairs_training", "select * exclude (day) from frame", frame=training)
    query = {(1, "feature"): "from raw.pairs_training"}
    warehouse.reference("ml_pairs__reference", query, paired=data.NORMALS)
    for rows, days in PAIRS.items():
        for kept, correlation in (("kept", 0.8), ("broken", 0.0)):
            scored = data.pairs(days, rows, correlation, 1)
            fill(warehouse, f"pairs_{kept}{rows}", [scored], "*, 'r' as scoring_run_id")
            call = f"source('raw', 'pairs_{kept}{rows}'), source('raw', 'ml_pairs__reference'), day='day'"
            warehouse.model(f"joint_{kept}{rows}", f"{{{{ scorehouse.joint_drift({call}, period='day') }}}}")


def shares(warehouse: MonitoredWarehouse, table: str, window: str = "run_id") -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"""
        with windows as (
            select {window} as window_id, bool_or({ALERT}) as alerted
            from {table} where segment = 'all' group by 1
        )
        select split_part(window_id, '|', 1), split_part(window_id, '|', 2)::int,
            avg(alerted::int) * 100, count(*)
        from windows group by 1, 2 order by 1, 2
        """
    )


def report(warehouse: MonitoredWarehouse) -> None:
    print(f"{'windows with an alert, in %':36} {'200 rows':>10} {'1,000':>10} {'20,000':>10}")
    plain = {(name, size): share for name, size, share, _ in shares(warehouse, "plain_drift")}
    tail = {(name, size): share for name, size, share, _ in shares(warehouse, "tail_drift")}
    found = plain | tail
    for name in ["no change", "long tail", *list(data.CHANGES)[1:]]:
        line = " ".join(f"{found[name, size]:10.1f}" for size in (200, 1000, 20_000))
        print(f"{name:36} {line}")
    print()
    shown = {"training weeks": "prices_drift", "later weeks": "prices_later_drift"}
    for title, table in {**shown, "months, training has six": "months_drift"}.items():
        ((share,),) = warehouse.query(
            f"select avg(alerted::int) * 100 from (select bool_or({ALERT}) as alerted from {table} "
            "where segment = 'all' group by window_start)"
        )
        print(f"weekly prices by zone, {title}: {share:.1f} % of windows")
    ((alerts, judged),) = warehouse.query(
        f"select count(*) filter (where {ALERT}), count(*) filter (where status <> 'info') "
        "from regions_drift where segment <> 'all'"
    )
    print(f"stable segments: {alerts} alerts of {judged} verdicts ({100 * alerts / judged:.2f} %)")


def report_pairs(warehouse: MonitoredWarehouse) -> None:
    print(f"\n{'windows with an alert about a pair, in %':36} " + " ".join(f"{rows:10,}" for rows in PAIRS))
    for kept, title in (("kept", "correlation kept"), ("broken", "correlation 0.8 to 0")):
        query = (
            f"select avg(alerted::int) * 100 from (select bool_or({ALERT}) as alerted from joint_{kept}{{}} "
            "group by window_start)"
        )
        print(f"{title:36} " + " ".join(f"{warehouse.query(query.format(n))[0][0]:10.1f}" for n in PAIRS))


def report_looks(warehouse: MonitoredWarehouse) -> None:
    title = f"over {LOOKS} looks at 200 rows, errors"
    print(f"\n{title:36} {'any alert':>10} {'before':>10} {'median delay':>14}")
    for number, (name, (count, *_)) in enumerate(LOOKED.items()):
        ((ever, early, delay),) = warehouse.query(
            f"""
            select count(*) filter (where since is not null), count(*) filter (where since < middle),
                median(datediff('day', middle, since)) filter (where since >= middle)
            from (
                select ml_model, min(alert_since) as since,
                    min(window_start) + interval ({LOOKS // 2}) day as middle
                from sequential{number} group by 1
            )
            """
        )
        said = f"{delay:.0f} looks" if delay is not None and "to" in name.split() else ""
        print(f"{name:36} {100 * ever / count:8.2f} % {100 * early / count:8.2f} % {said:>14}")


def main() -> None:
    asked = options()
    folder = Path(asked.folder) if asked.folder else Path(tempfile.mkdtemp())
    shutil.rmtree(folder, ignore_errors=True)
    made = make(folder / "house", asked)
    report(made)
    report_looks(made)
    report_pairs(made)
    if not asked.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
