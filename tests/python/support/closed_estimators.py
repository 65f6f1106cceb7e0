"""What tests of programs share: a machine without scikit-learn, a planted pickle, altered files."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from project import DbtProject
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sklearn", "scipy", "pandas", "joblib"):
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Blocked())
"""


class Command:
    """A pickle that writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.mark, "ran")


def build_without_libraries(project: DbtProject, folder: Path, *arguments: str) -> None:
    """`dbt build` in a process that cannot import scikit-learn, SciPy, pandas or joblib."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKED)
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build", *arguments],
        cwd=project.folder,
        env={**project.environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout


def kernel_of(project: DbtProject, name: str) -> Kernel:
    """The kernel of the only version of an ML model, with its estimator."""
    (version,) = ModelSeeds(project.folder, name).versions()
    estimator, signature, _ = artifact.load(project.folder, version, LoadPolicy(), "test")
    return Kernel(estimator, version, signature, strict=frozenset(), call="test")


def altered(whole: bytes, draw: random.Random) -> bytes:
    """Cut off, with a byte changed, with two pieces swapped, or with a piece doubled."""
    place = draw.randrange(len(whole))
    kind = draw.randrange(4)
    if kind == 0:
        return whole[:place]
    if kind == 1:
        return whole[:place] + bytes([whole[place] ^ draw.randrange(1, 256)]) + whole[place + 1 :]
    if kind == 2:
        return whole[place:] + whole[:place] if place else whole + b"x"
    return whole[:place] + whole[max(0, place - 7) :] + b"y"
