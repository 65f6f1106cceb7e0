"""Resolve the lock files again from pyproject.toml; `./run lock` calls it in the project's folder.

Existing pins stay, unless arguments such as `--upgrade`, which are passed to pip-compile, say otherwise.
Hashes cover every file of a release, so every platform and Python.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PROJECT = Path("pyproject.toml")
EVERYTHING = (
    *("dev", "skops", "onnx", "boosters", "skrub", "remote", "sql", "postgres"),
    *("mlflow", "docs", "orchestration", "openlineage", "evidence", "mcp", "iceberg"),
)
OTHERS = ("delta", "dbt112", "duckdb15", "dbt2", "snowflake", "bigquery", "clickhouse", "mutants")
ON_TOP = tuple(f"requirements-{name}.lock" for name in OTHERS)
AIRFLOW = "apache-airflow>=3,<4\napache-airflow-providers-standard\n"


def main(arguments: list[str]) -> int:
    """Write every lock file; stop at the first that cannot be resolved."""
    if sys.version_info[:2] != (3, 11):
        # the oldest Python resolves to versions that every supported Python can install
        advice = "./run clean --all, then PYTHON=python3.11 ./run lock"
        print(f"run: lock: needs a .venv of Python 3.11: {advice}", file=sys.stderr)
        return 1
    compile_lock("requirements.lock", *extras(("dev",)), *arguments)
    # on top of the first, so that both agree
    compile_lock("requirements-extras.lock", "-c", "requirements.lock", *extras(EVERYTHING), *arguments)
    # PySpark needs an older pandas
    compile_lock("requirements-spark.lock", *extras(("dev", "spark")), *arguments)
    # what the installation tests put into their own environments
    with tempfile.NamedTemporaryFile("w", suffix=".in") as oldest:
        oldest.write("\n".join(lower_bounds(PROJECT)) + "\n")
        oldest.flush()
        compile_lock("requirements-oldest.lock", "--no-annotate", "-c", oldest.name)
    compile_lock("requirements-airflow.lock", "--no-annotate", *arguments, requirements=AIRFLOW)
    # pinned by hand: installed on top of another lock, without dependencies
    for on_top in ON_TOP:
        hash_pins(Path(on_top))
    return 0


def extras(names: tuple[str, ...]) -> list[str]:
    """The pip-compile options for these extras."""
    return [part for name in names for part in ("--extra", name)]


def compile_lock(file: str, *arguments: str, requirements: str | None = None) -> None:
    """Resolve `requirements`, or else the requirements in pyproject.toml, into a lock file."""
    command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--output-file", file]
    command += ["--generate-hashes", "--strip-extras", "--allow-unsafe"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", *arguments]
    ended = subprocess.run(
        [*command, "-c", "tools/constraints.txt", str(PROJECT) if requirements is None else "-"],
        input=requirements,
        env={**os.environ, "CUSTOM_COMPILE_COMMAND": "./run lock"},
        text=True,
    )
    if ended.returncode:
        sys.exit(f"run: lock: {file} could not be resolved: pip-compile's message above says why")


def lower_bounds(project: Path) -> list[str]:
    """The lower bound of each dependency's range, as pins, for every Python that has no range of its own."""
    ranges = tomllib.loads(project.read_text())["project"]["dependencies"]
    return [re.sub(r"^([\w-]+)>=([\d.]+).*", r"\1==\2", one) for one in ranges if ";" not in one]


def hash_pins(lock: Path) -> None:
    """Add hashes to pins that are written by hand."""
    from pip._internal.req.constructors import install_req_from_line
    from piptools.repositories import PyPIRepository

    lines = [line for line in lock.read_text().splitlines() if not line.startswith("    --hash=")]
    with tempfile.TemporaryDirectory() as cache:
        repository = PyPIRepository([], cache_dir=cache)
        with repository.allow_all_wheels():
            for place, line in enumerate(lines):
                if pin := re.match(r"[\w.-]+==[\w.]+", line):
                    hashes = sorted(repository.get_hashes(install_req_from_line(pin[0])))
                    lines[place] = " \\\n".join([pin[0], *(f"    --hash={one}" for one in hashes)])
    lock.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
