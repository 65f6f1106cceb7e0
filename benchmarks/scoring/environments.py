"""Environments of peers whose requirements conflict with ours: made once, from pinned requirements."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from models import REPOSITORY

HERE = Path(__file__).parent
# an artifact opens in the versions that wrote it
SAME = ("scikit-learn", "lightgbm", "joblib")
REQUIREMENTS = {
    "orbital": ["-r", str(HERE / "requirements-orbital.txt"), "pandas", "numpy"],
    "spark": ["-c", "requirements-spark.lock", "pyspark", "pyarrow", "pandas", "numpy"],
}


def python_of(name: str, folder: Path) -> str:
    """The Python of an environment under `folder`, which is made if it is not there yet.

    Raises CalledProcessError where its packages cannot be installed.
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
    """Write the pins of a lock file without their hashes, which pip would want of every requirement."""
    lines = [line.rstrip(" \\") for line in (REPOSITORY / lock).read_text().splitlines()]
    (folder / lock).write_text("\n".join(line for line in lines if line[:1].isalnum()) + "\n")
