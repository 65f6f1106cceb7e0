"""Fresh environments: a wheel built from this repository, installed where nothing else is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from project import REPOSITORY

WARM = Path(__file__).parent / "warm"  # whose sitecustomize.py dbt commands meet
PYTHON_SETTINGS = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"),
    *("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"),
)


def kept_variables() -> dict[str, str]:
    """The variables of this process without those that lead Python and dbt to this repository.

    Where dbt commands begin in a process that has imported dbt (`warm/`), this stays so.
    """
    kept = {name: value for name, value in os.environ.items() if name not in PYTHON_SETTINGS}
    return {**kept, "PYTHONPATH": str(WARM)} if "SCOREHOUSE_WARM_DBT" in kept else kept


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and commands that run in it."""

    folder: Path

    def variables(self) -> dict[str, str]:
        """The variables of a shell in which the environment is active."""
        return {
            **kept_variables(),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.folder),
            "PYTHONNOUSERSITE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
        }

    def run(
        self, *command: str, cwd: Path, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; where it fails and `check` is true, the test fails with what it printed."""
        ended = subprocess.run(
            command,
            cwd=cwd,
            env={**self.variables(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert not check or ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}"
        return ended


def build_wheel(folder: Path) -> Path:
    """The wheel of this repository, built in `folder`."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    if importlib.util.find_spec("ziglang"):  # else pip fetches what a build takes
        command.append("--no-build-isolation")
    subprocess.run([*command, "--wheel-dir", str(folder), str(REPOSITORY)], check=True)
    (wheel,) = folder.glob("scorehouse-*.whl")
    return wheel


def make_environment(folder: Path, *requirements: str, lock: str, by: str = "uv") -> Environment:
    """A virtual environment in `folder` with these requirements, in the releases of a lock file.

    Nothing compiles byte code here: what is imported is compiled then, and most never is.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    environment = Environment(folder)
    install = {
        "uv": [str(Path(sys.executable).with_name("uv")), "pip", "install"],
        "pip": ["python", "-m", "pip", "install", "--no-compile"],
    }[by]
    environment.run(*install, "--quiet", "--constraint", str(pins(lock, folder)), *requirements, cwd=folder)
    return environment


def pins(lock: str, folder: Path) -> Path:
    """A lock file as constraints: without hashes, which pip would want of everything, our own wheel too."""
    lines = [line.rstrip(" \\") for line in (REPOSITORY / lock).read_text().splitlines()]
    file = folder / f"pins-of-{lock}.txt"
    file.write_text("\n".join(line for line in lines if line[:1].isalnum()) + "\n")
    return file
