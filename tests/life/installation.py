"""scorehouse as a user has it: the runtime from a wheel, the package from an archive."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from life_bugs import Bug

REPOSITORY = Path(__file__).parents[2]
PYTHON_SETTINGS = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"),
    *("DBT_PROJECT_DIR", "DBT_PROFILES_DIR", "COVERAGE_PROCESS_CONFIG", "SCOREHOUSE_COVERAGE"),
)


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel, and the folder that the archive of the package was unpacked in."""

    folder: Path

    @property
    def package(self) -> Path:
        return self.folder / "package"

    @property
    def environment(self) -> Path:
        return self.folder / "environment"

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    def variables(self) -> dict[str, str]:
        """The variables of a shell in which the environment is active."""
        kept = {name: value for name, value in os.environ.items() if name not in PYTHON_SETTINGS}
        return {
            **kept,
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.environment),
            "PYTHONNOUSERSITE": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
            "COLUMNS": "120",
            "OMP_NUM_THREADS": "1",  # scikit-learn's threads spin where others want the core
        }

    def put_back(self, bug: Bug) -> dict[str, str]:
        """Put a bug back into what is installed. Returns the texts of before, for `write`."""
        before = {file: (self.package / file).read_text() for file, _, _ in bug.edits}
        self.write(bug.texts(self.package))
        return before

    def write(self, texts: dict[str, str]) -> None:
        """Write files of the package anew, by their paths in it, into both places."""
        for file, text in texts.items():
            replace(self.package / file, text)
            if file.startswith("src/"):
                replace(self._site_packages() / file.removeprefix("src/"), text)

    def _site_packages(self) -> Path:
        (place,) = self.environment.glob("lib/python*/site-packages")
        return place


def install(
    folder: Path,
    *,
    tree: Path = REPOSITORY,
    lock: str = "requirements.lock",
    on_top: str | None = None,
    extras: Iterable[str] = (),
) -> Installation:
    """Archive the tree, build its wheel, and install both in `folder`, in the releases of the lock files."""
    installed = Installation(folder)
    folder.mkdir(parents=True, exist_ok=True)
    archive(tree, installed.package)
    wheel = built_wheel(installed.package, folder / "wheel")
    uv = [str(Path(sys.executable).with_name("uv"))]
    _check(*uv, "venv", "--quiet", "--python", sys.executable, str(installed.environment))
    into = ["--python", str(installed.python), "--quiet"]
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    pins = ["--constraint", str(_pins(tree / lock, folder / "pins.txt"))]
    _check(*uv, "pip", "install", *into, *pins, wanted)
    if on_top:
        _check(
            *uv,
            "pip",
            "install",
            *into,
            "--no-deps",
            "--requirement",
            str(_pins(tree / on_top, folder / "top.txt")),
        )
    return installed


def archive(tree: Path, folder: Path) -> None:
    """The files that git tracks in the tree, or that are new in it, as an archive of it would have them."""
    listed = subprocess.run(
        ["git", "-C", str(tree), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (tree / name).is_file():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree / name, place)


def tree_of(commit: str, folder: Path) -> Path:
    """The tree of a commit of this repository, in a folder of its own."""
    folder.mkdir(parents=True)
    file = folder.with_suffix(".tar")
    _check("git", "-C", str(REPOSITORY), "archive", "--output", str(file), commit)
    _check("tar", "--extract", "--file", str(file), "--directory", str(folder))
    _check("git", "-C", str(folder), "init", "--quiet")
    return folder


def built_wheel(tree: Path, folder: Path) -> Path:
    """The wheel of a tree; where this environment lacks the compiler of wheels, pip fetches it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    if importlib.util.find_spec("ziglang"):
        command.append("--no-build-isolation")
    _check(*command, "--wheel-dir", str(folder), str(tree))
    (wheel,) = folder.glob("scorehouse-*.whl")
    return wheel


def replace(file: Path, text: str) -> None:
    """Write a file anew: an installed one may be a link to the cache of the installer."""
    file.unlink(missing_ok=True)
    file.write_text(text)


def _pins(lock: Path, file: Path) -> Path:
    """A lock file without hashes, which installers would want of our own wheel too."""
    lines = [line.rstrip(" \\") for line in lock.read_text().splitlines()]
    file.write_text("\n".join(line for line in lines if line[:1].isalnum()) + "\n")
    return file


def _check(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{ended.stdout}{ended.stderr}")
