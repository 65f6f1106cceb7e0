"""The functions that compiled SQL calls, as dbt's function nodes: a file of Python each, and one of YAML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path
from typing import Any

from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.functions import ENTRY_POINT
from scorehouse.project.dbt_text import Rendered, code, dump_yaml
from scorehouse.project.folder import project_settings
from scorehouse.registry.seeds import replace_file
from scorehouse.registry.version import Version

NAME = re.compile(r"\bscorehouse_\w+_v\d+_\d+_([0-9a-f]{32})\b")
HEADER = "# Written by `scorehouse register`; edits are lost when the version is compiled again.\n"
RUNTIME = "3.11"  # BigQuery has no other
DOUBLE = Rendered("{{ 'float64' if target.type == 'bigquery' else 'float' }}")


def write_functions(project: Path, version: Version, compiled: Sequence[CompiledSql]) -> None:
    """Write the functions of one version, and remove those that it no longer calls."""
    folder = _folder(project)
    functions = {one.name: one for item in compiled for one in item.functions}
    targets = [item.dialect.name for item in compiled if item.functions]
    for old in function_files(project, version.name, version.version):
        if old.stem not in functions:
            old.unlink()
    if not functions:
        return
    folder.mkdir(parents=True, exist_ok=True)
    nodes: list[dict[str, Any]] = []
    for place, one in enumerate(functions.values(), start=1):
        replace_file(folder / f"{one.name}.py", one.text.encode() + b"\n")
        what = f"Trees of version {version.version} of the ML model {code(version.name)}, part {place}"
        config = {
            "enabled": Rendered(f"{{{{ target.type in {targets} }}}}"),
            "entry_point": ENTRY_POINT,
            "runtime_version": RUNTIME,
            "packages": ["numpy", "pandas"],
        }
        arguments = [{"name": f"x{number}", "data_type": DOUBLE} for number in range(one.arguments)]
        returns = {"data_type": DOUBLE}
        facts = {"config": config, "arguments": arguments, "returns": returns}
        nodes.append({"name": one.name, "description": f"{what} of {len(functions)}.", **facts})
    text = HEADER + dump_yaml({"version": 2, "functions": nodes})
    replace_file(folder / f"scorehouse_{version.name}_v{version.version}.yml", text.encode())


def function_files(project: Path, name: str, number: int | None = None) -> list[Path]:
    """The files of all functions of an ML model, or of one version."""
    wanted = rf"scorehouse_{re.escape(name)}_v{number or '[0-9]+'}(_\d+_[0-9a-f]{{32}}\.py|\.yml)"
    return sorted(file for file in _folder(project).glob("*.*") if re.fullmatch(wanted, file.name))


def function_faults(project: Path, text: str) -> list[str]:
    """What is wrong with the files of the functions that compiled SQL names."""
    faults = []
    for found in NAME.finditer(text):
        file = _folder(project) / f"{found[0]}.py"
        if not file.is_file():
            faults.append(f"{file.name}, which its compiled SQL calls, is missing")
        elif (
            md5(file.read_text(encoding="utf-8").strip().encode(), usedforsecurity=False).hexdigest()
            != found[1]
        ):
            faults.append(f"{file.name} is not the function that was proven: its MD5 is not in its name")
    return sorted(set(faults))


def _folder(project: Path) -> Path:
    return project / str((project_settings(project).get("function-paths") or ["functions"])[0])
