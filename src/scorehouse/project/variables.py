"""Variables of a dbt project, from its dbt_project.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def project_variable(root: Path, name: str) -> Any:
    """A variable in dbt_project.yml, set for the project or for this package; None outside of a project."""
    file = root / "dbt_project.yml"
    document = yaml.safe_load(file.read_text()) if file.is_file() else {}
    variables: Mapping[str, Any] = (document or {}).get("vars") or {}
    scoped = variables.get("scorehouse") or {}
    return scoped.get(name, variables.get(name))
