"""Column descriptions from a dbt project's YAML, to reuse in models that are generated from these columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scorehouse.project.dbt_text import Rendered

KINDS = ("models", "seeds", "snapshots")
PATHS = {"model-paths": ["models"], "seed-paths": ["seeds"], "snapshot-paths": ["snapshots"]}


def column_descriptions(project: Path, node: str) -> dict[str, str]:
    """Described columns of a model, seed or snapshot; `{{ doc(...) }}` stays as it is, for dbt."""
    for entry in _entries(project):
        if entry.get("name") == node:
            columns = entry.get("columns") or []
            return {str(c["name"]): Rendered(c["description"]) for c in columns if c.get("description")}
    return {}


def _entries(project: Path) -> Iterator[dict[str, Any]]:
    document = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    folders = {path for name, default in PATHS.items() for path in document.get(name) or default}
    for file in sorted(file for folder in folders for file in _files(project, folder)):
        try:
            properties = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError:
            continue  # dbt says what is wrong with it
        for kind in KINDS:
            yield from (properties.get(kind) or []) if isinstance(properties, dict) else []


def _files(project: Path, folder: str) -> list[Path]:
    return [file for ending in ("yml", "yaml") for file in (project / folder).rglob(f"*.{ending}")]
