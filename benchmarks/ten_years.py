"""How commands grow with the years of a project: the run log, daily monitoring tables, seals, and the report.

    python benchmarks/ten_years.py                       1, 3 and 10 years
    python benchmarks/ten_years.py --years 1 --models 10

One ML model scores 100 rows of each day, with daily drift. Its first build monitors all days. The run log
then gets a row per night of it and of as many more ML models as --models says, less one: copies of the real
run with other ids, names and times. What is printed is the night after, and what reads the log: seconds of
the processor, of the clock, and memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from commands import DBT, DbtProject
from cost.measure import measure
from sklearn.ensemble import HistGradientBoostingClassifier

COLUMNS = [f"f{number}" for number in range(10)]
FEATURES = """select i as id, current_date - cast(i // 100 as integer) as day, {columns}
from range(cast({{{{ var('first', 0) }}}} as bigint), {rows}) as t(i)"""
SQL = {
    "profiled": "{{ config(materialized='incremental', **scorehouse.replace_windows()) }}"
    "{{ scorehouse.profile(ref('scores'), ref('ml_churn__reference'), ref('features'), key='id', "
    "day='day') }}",
    "drift": "{{ config(materialized='table') }}"
    "{{ scorehouse.drift(ref('profiled'), ref('ml_churn__reference'), window='day') }}",
}
SCOREHOUSE = str(Path(sys.executable).with_name("scorehouse"))


def made(folder: Path, years: int, models: int) -> DbtProject:
    """The project, built, and with the log of so many years."""
    project = DbtProject(folder / "house", variables={"scorehouse_compiled_sql": {}})
    project.writes_files = True
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(2_000, len(COLUMNS))), columns=COLUMNS)
    y = (X.f0 + draw.normal(size=len(X)) > 0).astype(int)
    estimator = HistGradientBoostingClassifier(max_iter=20, early_stopping=False).fit(X, y)
    project.register(estimator, "churn", X, y, task="classification")
    drawn = ", ".join(f"sin(i * {number + 1}) as {name}" for number, name in enumerate(COLUMNS))
    project.features(FEATURES.format(columns=drawn, rows=years * 365 * 100))
    project.python_model("scores", "churn", key="id", rescore="changed", passthrough=["day"])
    for name, sql in SQL.items():
        project.write(f"models/{name}.sql", sql)
    project.build("--vars", "{first: 100}").check()
    with duckdb.connect(project.database) as connection:
        connection.execute(
            "insert into scorehouse_run_log select l.* replace ("
            "uuid() as run_id, uuid() as parent_run_id, uuid()::text as invocation_id, "
            "case when n = 0 then model_name else model_name || n end as model_name, "
            "case when n = 0 then prediction_table else replace(prediction_table, 'scores', 'scores' || n) "
            "end as prediction_table, case when n = 0 then node else node || n end as node, "
            "started_at - to_days(d::integer) as started_at, "
            "finished_at - to_days(d::integer) as finished_at) "
            f"from scorehouse_run_log as l, range(1, {years * 365}) as days(d), range({models}) as models(n)"
        )
    return project


def taken(project: DbtProject, words: Sequence[str]) -> str:
    """What a command takes; 3 is the code of alerts."""
    took = measure(words, folder=project.folder, codes=(0, 3), **project.environment)
    return f"{took.core_seconds:.1f} s, {took.seconds:.1f} s, {took.peak_mib:,.0f} MiB"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--models", type=int, default=100)
    asked = parser.parse_args(arguments)
    target = ("--target", "dev")
    commands = {
        "dbt run of the table": [DBT, "--quiet", "run", "--select", "features", "scores"],
        "dbt run of its drift": [DBT, "--quiet", "run", "--select", "drift"],
        "dbt build": [DBT, "--quiet", "build"],
        "runs": [SCOREHOUSE, "runs", *target],
        "status": [SCOREHOUSE, "status", *target],
        "report": [SCOREHOUSE, "report", *target],
        "evidence seal": [SCOREHOUSE, "evidence", "seal", *target],
        "evidence seal --check": [SCOREHOUSE, "evidence", "seal", "--check", *target],
        "prune_run_log": [
            *(DBT, "--quiet", "run-operation", "prune_run_log"),
            *("--args", "{older_than_days: 400}"),
        ],
    }
    found: dict[str, list[str]] = {name: [] for name in commands}
    for years in asked.years:
        with tempfile.TemporaryDirectory() as folder:
            project = made(Path(folder), years, asked.models)
            for name, words in commands.items():
                found[name].append(taken(project, words))
                print(f"{years} years, {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    print(f"| processor, clock, memory | {' | '.join(f'{years} years' for years in asked.years)} |")
    print("|---" * (len(asked.years) + 1) + "|")
    for name, cells in found.items():
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
