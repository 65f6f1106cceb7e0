"""Whether `scorehouse impact` comes true key by key, and its time against that of `dbt run`.

    python benchmarks/impact.py

On flights and on customers, a linear model and a boosting each get a second version. For each, the impact is
predicted, the version promoted and its table built; then label, band and decision of every key that was
predicted are compared with those in the table. Times are medians of the clock and of the processor, with the
start of the command, of `scorehouse impact` and of `dbt run` of the table alone.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from commands import DBT, run_command, run_models
from decided import ALL, Decided, make_project

from project import DbtProject
from scorehouse import promote

OUTCOMES = ("prediction", "band", "decision")
SCOREHOUSE = str(Path(DBT).with_name("scorehouse"))
HEAD = ("versions", "keys", "predicted changes", "realised changes", "keys different")
TIMES = ("impact, s", "dbt run, s", "impact / run", "impact / run, processor")


def compared(project: DbtProject, one: Decided, kept: Path) -> tuple[int, int, int, int]:
    """Keys, keys that should and that did change, and those with another outcome than was predicted."""
    project.query(f"create or replace table was as select * from {one.table}")
    promote(one.name, 2, project_dir=project.folder)
    project.build("--select", f"tag:ml_{one.name}", one.table).check()
    predicted, realised, different = (
        " or ".join(text.format(name) for name in OUTCOMES)
        for text in (
            "kept.{0}__before is distinct from kept.{0}__after",
            "was.{0} is distinct from now.{0}",
            "now.{0}::varchar is distinct from kept.{0}__after::varchar",
        )
    )
    conditions = (predicted, realised, different)
    filters = ", ".join(f"count(*) filter ({condition})" for condition in conditions)
    (found,) = project.query(
        f"select count(*), {filters} from '{kept}' as kept "
        f"full join was using (id) full join {one.table} as now using (id)"
    )
    return found[0], found[1], found[2], found[3]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400_000, help="rows of each set at most")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "house", asked.rows, 20_000, versions=2)
        columns = (*HEAD, *TIMES)
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for one in ALL:
            kept = project.folder / "target" / "impact" / f"{one.name}.champion.{one.table}.parquet"
            words = (SCOREHOUSE, "impact", one.name, "2", "--target", "dev")
            pairs = [
                (
                    run_command(project, *words, stdout=subprocess.DEVNULL),
                    run_models(project, one.table),
                )
                for _ in range(asked.repeat)
            ]
            (impact, run), (of_clock, of_processor) = (
                [statistics.median(pair[side][1] for pair in pairs) for side in (0, 1)],
                [statistics.median(pair[0][kind] / pair[1][kind] for pair in pairs) for kind in (1, 0)],
            )
            counts = " | ".join(f"{count:,}" for count in compared(project, one, kept))
            print(
                f"| {one.data}, {one.estimator} | {counts} | {impact:.1f} | {run:.1f} | {of_clock:.2f} "
                f"| {of_processor:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
