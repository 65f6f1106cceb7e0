"""Batch scoring on one machine: scorehouse compared with hand-written code, in one run.

    .venv-all/bin/python benchmarks/scoring                    measure what is missing, then write the docs
    .venv-all/bin/python benchmarks/scoring --minutes 10       stop after ten minutes; the next call goes on
    .venv-all/bin/python benchmarks/scoring --sets bars --models logistic --rounds 5
    .venv-all/bin/python benchmarks/scoring --scale 0.01 --results target/try.json --docs target/try

Builds feature tables and ML models in target/benchmarks, then runs the peers one after another, each in a
process of its own. It records the seconds of the dbt node from dbt's run results, the peak memory of the
process, and for the raw call of the estimator its seconds on a frame in memory. Every result is written to a
JSON file immediately, so a stopped run loses nothing. Peers whose requirements conflict with ours get an
environment of their own, from pinned requirements.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cases import SETS, Case, Results
from measure import Bench, Refused
from models import MODELS, REPOSITORY, make_feature_table
from peers import build_project
from report import write_report

TARGET = REPOSITORY / "target" / "benchmarks"
VERSIONS = ("scikit-learn", "duckdb", "dbt-duckdb", "pandas", "pyarrow", "lightgbm", "onnxruntime")


def measure(bench: Bench, results: Results, case: Case) -> None:
    """Run one case and store its result, or why there is none."""
    make_feature_table(bench.database, MODELS[case.model], case.rows)
    load = os.getloadavg()[0]
    facts: dict[str, Any] = {"load": round(load, 1), "commit": _commit()}
    try:
        measured = bench.run(case.peer, case.model)
        facts |= {"seconds": measured.seconds, "peak_mib": round(measured.peak_mib)}
        if case.round == 0 and (parity := bench.parity(case.peer, case.model, case.rows)):
            facts["parity"] = parity
        bench.drop(case.peer, case.model)
    except Refused as error:
        facts["refused"] = str(error)
    results.add(case, **facts)
    told = facts.get("refused") or f"{facts['seconds']:.2f} s, {facts['peak_mib']:,} MiB, load {load:.1f}"
    print(f"{case.set:12} {case.rows:>11,} {case.model:9} {case.peer:10} {told}", file=sys.stderr, flush=True)


def _commit() -> str:
    found = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    return found.stdout.strip()


def machine() -> dict[str, str]:
    """The machine and the versions that the results were measured with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {"cores": str(len(os.sched_getaffinity(0))), "memory": f"{memory:.0f} GiB"}
    return facts | {name: version(name) for name in VERSIONS}


def main() -> None:
    """Measure the requested cases without results, within the time; then write the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", default="", help="of " + ", ".join(f"'{one.name}'" for one in SETS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rounds", type=int, help="default: 3 for the bars, 1 or 5 for others")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies all row counts")
    parser.add_argument("--minutes", type=float, default=60.0, help="no case starts after these")
    parser.add_argument("--limit", type=float, default=90.0, help="seconds after which a peer is stopped")
    parser.add_argument("--fresh", action="store_true", help="forget the results that are there")
    parser.add_argument("--report-only", action="store_true", help="write the docs from the results")
    parser.add_argument("--results", type=Path, default=TARGET / "scoring.json")
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs", help="folder of table and plot")
    asked = parser.parse_args()
    if asked.fresh:
        asked.results.unlink(missing_ok=True)
    results = Results(asked.results)
    if not asked.report_only:
        bench = Bench(TARGET / "scoring", TARGET, asked.limit)
        build_project(bench.folder)
        end = time.monotonic() + 60 * asked.minutes
        sets = [one for one in SETS if not asked.sets or one.name in asked.sets.split(",")]
        only = asked.models.split(",")
        wanted = [case for one in sets for case in one.cases(only, asked.scale, asked.rounds)]
        missing = [case for case in wanted if not results.has(case)]
        for number, case in enumerate(missing):
            if time.monotonic() > end:
                print(f"{len(missing) - number} cases are left; the next call goes on", file=sys.stderr)
                break
            measure(bench, results, case)
    write_report(results.found, machine(), asked.docs)


if __name__ == "__main__":
    main()
