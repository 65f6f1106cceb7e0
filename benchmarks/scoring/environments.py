"""Environments of peers whose requirements conflict with ours: made once, from pinned requirements."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from models import REPOSITORY

HERE = Path(__file__).parent
# an artifact can be opened by the versions that wrote it
SAME = ("scikit-learn", "lightgbm", "xgboost", "joblib")
REQUIREMENTS = {
    "orbital": ["-r", str(HERE / "requirements-orbital.txt"), "pandas", "numpy"],
    "trees": [
        "-r",
        str(REPOSITORY / "benchmarks/equality/requirements-trees.txt"),
        "pyarrow",
        "pandas",
        "numpy",
    ],
    "spark": ["-c", "requirements-spark.lock", "pyspark", "pyarrow", "pandas", "numpy"],
    "ray": ["ray[data]==2.60.0", "typing_extensions", "pandas", "numpy"],
}


def python_of(name: str, folder: Path) -> str:
    """The Python of an environment under `folder`, which is created if it does not exist.

    Raises CalledProcessError if its packages cannot be installed.
    """
    environment = folder / f"venv-{name}"
    python = environment / "bin" / "python"
    if not (environment / "made").exists():
        print(f"making the environment of {name} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        same = [f"{package}=={version(package)}" for package in SAME]
        install = [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS[name], *same]
        write_pins("requirements-spark.lock", environment)
        subprocess.run(install, check=True, capture_output=True, text=True, cwd=environment)
        (environment / "made").touch()
    return str(python)


def write_pins(lock: str, folder: Path) -> None:
    """Write the pins of a lock file without hashes; with them, pip would require hashes of everything."""
    lines = [line.rstrip(" \\") for line in (REPOSITORY / lock).read_text().splitlines()]
    (folder / lock).write_text("\n".join(line for line in lines if line[:1].isalnum()) + "\n")
