"""How a fault is planted in a copy of the package; `planted.py` lists the faults."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from project import REPOSITORY

ORACLE = "tests/python/scoring/test_rescore_oracle.py"
COPIED = ("src", "macros", "models", "tests")
LEFT_OUT = (".git", "target", "logs", "dbt_packages")


class StaleAnchor(Exception):
    """The text that a fault replaces does not stand once in its file."""


@dataclass(frozen=True)
class Fault:
    """One fault: what goes wrong in words, where it is planted, and the pytest arguments that must fail."""

    name: str
    file: str
    anchor: str
    planted: str
    caught_by: tuple[str, ...] = (ORACLE, "-k", "PredictionTables")

    def text(self, root: Path = REPOSITORY) -> str:
        """The file with the fault in it."""
        whole = (root / self.file).read_text()
        if (found := whole.count(self.anchor)) != 1:
            raise StaleAnchor(
                f"{self.name}: {self.anchor!r} stands {found} times in {self.file}, and has to stand once; "
                "write the fault anew for the code of today"
            )
        return whole.replace(self.anchor, self.planted)


def plant(fault: Fault | None, folder: Path) -> Path:
    """A copy of the repository with this fault, or with none."""
    folder.mkdir()
    for place in sorted(REPOSITORY.iterdir()):
        if place.name in COPIED:
            shutil.copytree(place, folder / place.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif place.name not in LEFT_OUT and not place.name.startswith(".venv"):
            (folder / place.name).symlink_to(place)
    if fault:
        (folder / fault.file).write_text(fault.text())
    return folder
