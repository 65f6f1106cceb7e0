"""Batch scoring on one machine: scorehouse beside what people write by hand, in one run.

    .venv/bin/python benchmarks/scoring.py --rows 3000000 --models logistic,boosting

Builds feature tables and ML models in a work folder, then runs each peer in turn, each in a process of its
own, several times, and prints medians: seconds of the dbt node (from dbt's run results), rows a second, peak
memory of the process, and the ratio to raw in-memory `predict_proba` on the same rows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from scoring_project import DBT, MODELS, PEERS, build_project, feature_table

RAW = "raw predict in memory"
LIMIT = "limit: trivial expression"
EMPTY = "empty dbt Python model"


@dataclass(frozen=True)
class Measured:
    """One run of one peer."""

    seconds: float
    peak_mib: float


def run_process(command: list[str], environment: dict[str, str]) -> tuple[str, float]:
    """Output of a command and the peak memory of its process, in MiB."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    return text, usage.ru_maxrss / 1024


def measure_dbt(project: Path, node: str) -> Measured:
    """Run one dbt model in a process of its own."""
    places = ["--project-dir", str(project), "--profiles-dir", str(project)]
    _, peak = run_process(
        [DBT, "--quiet", "run", "--select", node, *places],
        {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
    )
    results = json.loads((project / "target" / "run_results.json").read_text())["results"]
    return Measured(next(r["execution_time"] for r in results if r["unique_id"].endswith(node)), peak)


def measure_raw(project: Path, model: str, rows: int) -> Measured:
    """Time the estimator's own call on a frame that is in memory already."""
    script = str(Path(__file__).parent / "scoring_project.py")
    text, peak = run_process([sys.executable, script, str(project), model, str(rows)], dict(os.environ))
    return Measured(float(text.strip().splitlines()[-1]), peak)


def compare(project: Path, model: str, rows: int, repeat: int) -> list[tuple[str, list[Measured]]]:
    """All peers of one ML model in turn, `repeat` times."""
    feature_table(project, model, rows)
    found: dict[str, list[Measured]] = {}
    nodes = {peer: f"{peer}_{model}" for peer in PEERS} | {LIMIT: f"limit_{model}", EMPTY: "empty"}
    for _ in range(repeat):
        found.setdefault(RAW, []).append(measure_raw(project, model, rows))
        for peer, node in nodes.items():
            found.setdefault(peer, []).append(measure_dbt(project, node))
            print(f"  {model} {rows:,} {peer}: {found[peer][-1].seconds:.2f} s", file=sys.stderr)
    return list(found.items())


def table(model: str, rows: int, found: list[tuple[str, list[Measured]]]) -> str:
    """A Markdown table of medians."""
    raw = statistics.median(m.seconds for m in dict(found)[RAW])
    lines = [
        f"**{MODELS[model].title}, {rows:,} rows**",
        "",
        "| | seconds | rows/s | of raw predict | peak MiB |",
        "|---|---|---|---|---|",
    ]
    for name, runs in found:
        seconds = statistics.median(run.seconds for run in runs)
        peak = statistics.median(run.peak_mib for run in runs)
        lines.append(
            f"| {name} | {seconds:.2f} | {rows / seconds:,.0f} | {seconds / raw:.2f} | {peak:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is asked for and print, or write, the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rows", default="1000000", help="row counts, separated by commas")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work-dir", type=Path, help="kept for the next run; default: a temporary folder")
    parser.add_argument("--output", type=Path, help="write the tables to this file too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project = asked.work_dir or Path(temporary)
        build_project(project)
        tables = [
            table(model, int(rows), compare(project, model, int(rows), asked.repeat))
            for model in asked.models.split(",")
            for rows in asked.rows.split(",")
        ]
    text = "\n".join(tables)
    print(text)
    if asked.output:
        asked.output.write_text(text)


if __name__ == "__main__":
    main()
