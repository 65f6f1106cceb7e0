"""Score a billion rows of Parquet in slices: time, memory, bytes, and what a killed run does twice.

    python benchmarks/billion_rows.py --rows 1_000_000_000 --kill 0.5

One Parquet file of 20 random numbers per row is read again and again by a view, with other keys each time, so
that the disk needs room for that file and for the predictions, 17 bytes per row. With --kill, dbt is killed
by SIGKILL when this share of the rows is scored, and started again: the checksum has to be the same.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).parent / "scoring"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from models import COLUMNS, MODELS, REPOSITORY, make_feature_table, training

from project import DbtProject

DBT = str(Path(sys.executable).with_name("dbt"))
DONE = re.compile(r"([\d,]+) of [\d,]+ rows scored")


def make_project(folder: Path, names: list[str], rows: int, file_rows: int, slice_rows: int) -> DbtProject:
    """A project with the view and a prediction table per ML model; an earlier call's file is used again."""
    project = DbtProject(folder / f"house_{time.time_ns()}")
    profiles = project.folder / "profiles.yml"  # one model at a time, which sets DuckDB's memory limit
    profiles.write_text(profiles.read_text().replace("threads: 2", "threads: 1"))
    file = folder / f"features_{file_rows}.parquet"
    if not file.exists():
        drawn = folder / "drawn.duckdb"
        make_feature_table(drawn, MODELS["boosting"], file_rows)
        with duckdb.connect(drawn) as connection:
            connection.execute(f"copy (from drawn order by id) to '{file}' (format parquet)")
        drawn.unlink()
    columns = ", ".join(COLUMNS)
    parts = [
        f"select id + {start} as id, {columns} from '{file}' where id < {min(file_rows, rows - start)}"
        for start in range(0, rows, file_rows)
    ]
    project.write("models/features.sql", " union all\n".join(parts))
    for name in names:
        X, y = training(MODELS[name])
        project.register(MODELS[name].estimator().fit(X, y), name, X, y, task=MODELS[name].task)
        rescore = {"rule": "all", "slice_rows": slice_rows} if slice_rows else "all"
        project.python_model(f"scores_{name}", name, key="id", rescore=rescore)
    project.dbt("seed").check()
    project.dbt("run", "--select", "features").check()
    return project


def run(project: DbtProject, model: str, kill_at: float) -> int:
    """Run dbt on one model, and kill it after `kill_at` rows. Returns how many it says it scored."""
    began, done = time.monotonic(), 0
    process = subprocess.Popen(
        [DBT, "run", "--select", model],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := DONE.search(line):
            done = int(found[1].replace(",", ""))
            if done >= kill_at:
                process.kill()
        elif "goes on" in line or "ERROR" in line or " rows in, " in line:
            print("   ", line.strip())
    _, status, used = os.wait4(process.pid, 0)
    print(
        f"{model}: {'killed' if status else 'ended'} after {time.monotonic() - began:.0f} s, dbt's start "
        f"included; {used.ru_utime + used.ru_stime:.0f} s of processor, {used.ru_inblock * 512 / 1e9:.1f} GB "
        f"read from disk and {used.ru_oublock * 512 / 1e9:.1f} GB written",
        flush=True,
    )
    return done


def main() -> None:
    """Score with each ML model in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10**9)
    parser.add_argument("--file-rows", type=int, default=20_000_000, help="rows of the Parquet file, 3 GB")
    parser.add_argument("--slice-rows", type=int, default=20_000_000, help="0: in one piece")
    parser.add_argument("--models", default="boosting,logistic")
    parser.add_argument("--kill", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "target" / "billion_rows")
    asked = parser.parse_args()
    names = asked.models.split(",")
    asked.folder.mkdir(parents=True, exist_ok=True)
    project = make_project(asked.folder, names, asked.rows, asked.file_rows, asked.slice_rows)
    for name in names:
        model = f"scores_{name}"
        if asked.kill:
            done = run(project, model, asked.kill * asked.rows)
        run(project, model, float("inf"))
        (logged,) = (each for each in project.runs(model) if each["status"] == "success")
        if asked.kill:
            twice = (done - logged["rows_resumed"]) / asked.rows
            print(f"    {logged['rows_resumed']:,} rows were not scored again, {twice:.1%} of all were")
        print_table(project, model, logged)


def print_table(project: DbtProject, model: str, logged: dict[str, Any]) -> None:
    """The seconds of the run log, what is in the table, and the size of the database; then drop the table."""
    found = project.query(f"select count(*), max(id), bit_xor(hash(id, prediction, score)) from {model}")
    size = project.database.stat().st_size / 1e9
    print(
        f"    {logged['seconds']:.1f} s and {logged['peak_memory_mib']:,.0f} MiB in the run log, "
        f"by {logged['backend']}; database of {size:.1f} GB"
    )
    print(f"    rows, largest key, checksum: {found[0]}", flush=True)
    project.query(f"drop table {model}")


if __name__ == "__main__":
    main()
