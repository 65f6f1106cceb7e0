"""A dbt project that is built on DuckDB, and compiled as if it were for a database that is not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project import SUPPORT

STANDIN = SUPPORT / "dialects" / "standin.py"


@dataclass(frozen=True)
class ProjectOfDialects:
    """A project that is built on DuckDB, and that dbt can be run in as if it were for another database."""

    folder: Path

    def dbt(self, kind: str, *arguments: str) -> dict[str, Any]:
        """Run dbt for a database; how each node ended, by name."""
        parsed = ["--target-path", f"target/{kind}"]  # dbt parses once for each
        command = [sys.executable, str(STANDIN), kind, str(self.folder), *arguments, *parsed]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return json.loads(ended.stdout.splitlines()[-1])


def unpack_adapters(folder: Path, wheels: Sequence[str]) -> None:
    """The macros of each adapter, under its name; pip fetches the wheels without their drivers."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder / "wheels")]
    subprocess.run([*pip, *wheels], check=True)
    for wheel in (folder / "wheels").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder / "unpacked")
    shutil.move(folder / "unpacked" / "dbt" / "include", folder / "adapters")
