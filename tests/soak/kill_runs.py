"""Kill scoring runs at many random moments: the long form of tests/python/scoring/test_faults.py.

    .venv/bin/python tests/soak/kill_runs.py --count 300

Prints how many runs were killed, how many of them had committed already, and every fault found; exits with 1
if there was one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python" / "support"))

from disturbed_runs import kill_runs
from promoted import ROWS, features_sql, make_project


def main() -> int:
    """Half of the kills on full builds, half on merges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    faults = 0
    for rescore in ("all", "given"):
        with tempfile.TemporaryDirectory() as folder:
            project = make_project(Path(folder) / "project", rescore=rescore)
            if rescore == "given":
                project.features(features_sql(ROWS + 50_000, shift=3))
                project.dbt("run", "--select", "features").check()
            outcomes = kill_runs(project, "scores", asked.count // 2, asked.seed)
        killed = [outcome for outcome in outcomes if outcome.killed]
        found = [fault for outcome in outcomes for fault in outcome.faults]
        print(
            f"rescore={rescore}: {len(outcomes)} runs, {len(killed)} killed, of these "
            f"{sum(outcome.swapped for outcome in killed)} after their commit, {len(found)} faults"
        )
        for fault in found:
            print(f"  {fault}")
        faults += len(found)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
