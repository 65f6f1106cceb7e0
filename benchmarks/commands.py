"""What `dbt run` takes in a project that a benchmark has made: seconds of processor, clock and node.

Processor time is that of a machine that does other work too.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from project import DbtProject

DBT = str(Path(sys.executable).with_name("dbt"))


def run_models(project: DbtProject, *models: str) -> tuple[float, float]:
    """Run dbt models in a process of its own: seconds of processor and clock, dbt's start included."""
    return run_command(project, DBT, "--quiet", "run", "--select", *models)


def run_command(project: DbtProject, *words: str, stdout: int | None = None) -> tuple[float, float]:
    """Run a command in the project's folder: seconds of processor and clock."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, cwd=project.folder, env=project.environment, check=True, stdout=stdout)
    after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def node_seconds(project: DbtProject, model: str) -> float:
    """dbt's own time for a model of the last command."""
    results = json.loads((project.folder / "target" / "run_results.json").read_text())["results"]
    return float(next(r["execution_time"] for r in results if r["unique_id"].endswith(f".{model}")))
