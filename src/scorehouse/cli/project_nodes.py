"""What a dbt project's files say about its models, seeds, snapshots and sources, before dbt has run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DESCRIBED = ("models", "seeds", "snapshots")
PATHS = {"model-paths": ["models"], "seed-paths": ["seeds"], "snapshot-paths": ["snapshots"]}
NODES = (".sql", ".py", ".csv")


def node_files(project: Path) -> dict[str, Path]:
    """The files of models, seeds and snapshots, by name."""
    return {file.stem: file for file in _files(project) if file.suffix in NODES}


def tables_of(project: Path) -> set[str]:
    """What the project has or describes, by name; a table of a source also as `schema.table`."""
    sources = {
        f"{source.get('schema') or source.get('name')}.{table.get('name')}"
        for source in entries(project, ("sources",))
        for table in source.get("tables") or []
        if isinstance(table, dict)
    }
    return {*node_files(project), *sources, *(str(entry.get("name")) for entry in entries(project))}


def some_columns(project: Path) -> set[str]:
    """The columns that YAML describes, or that seeds have: those that a misspelled name may mean."""
    return described_columns(project).union(*map(_header, node_files(project).values()))


def described_columns(project: Path, table: str | None = None) -> set[str]:
    """The columns that YAML describes, of one table or of all."""
    found = (entry for entry in entries(project) if table in (None, entry.get("name")))
    return {str(column.get("name")) for entry in found for column in entry.get("columns") or []}


def seed_columns(project: Path, name: str) -> list[str]:
    """The columns of a seed, by the first line of its file; none for what is no seed with commas."""
    file = node_files(project).get(name)
    return _header(file) if file else []


def _header(file: Path) -> list[str]:
    if file.suffix != ".csv":
        return []
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        names = next(csv.reader(lines), [])
    return names if len(names) > 1 else []


def entries(project: Path, kinds: tuple[str, ...] = DESCRIBED) -> Iterator[dict[str, Any]]:
    """What the project's YAML says about its models, seeds and snapshots, or about other `kinds`."""
    for file in sorted({file for file in _files(project) if file.suffix in (".yml", ".yaml")}):
        try:
            properties = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeError):
            continue  # dbt says what is wrong with it
        for kind in kinds:
            found = properties.get(kind) if isinstance(properties, dict) else None
            yield from (entry for entry in found or [] if isinstance(entry, dict))


def _files(project: Path) -> Iterator[Path]:
    settings = project / "dbt_project.yml"
    document = yaml.safe_load(settings.read_text(encoding="utf-8")) if settings.exists() else None
    folders = {str(path) for name, usual in PATHS.items() for path in (document or {}).get(name) or usual}
    return (file for folder in folders for file in (project / folder).rglob("*"))
