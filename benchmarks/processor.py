"""What commands take of the processors: the time of a machine that does other work too."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from project import DbtProject

DBT = str(Path(sys.executable).with_name("dbt"))


def processor_seconds(project: DbtProject, *command: str) -> float:
    """The processor seconds of one command in a process of its own, run in the project."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=project.folder, env=project.environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_run(project: DbtProject, *models: str) -> float:
    """The processor seconds of a `dbt run` of these models, dbt's start included."""
    return processor_seconds(project, DBT, "--quiet", "run", "--select", *models)
