"""Variables of a dbt project, from its dbt_project.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def project_variable(root: Path, name: str) -> Any:
    """A variable from `vars:` in dbt_project.yml, set for the project or for this package."""
    file = root / "dbt_project.yml"
    variables: Mapping[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("vars") or {}
    scoped = variables.get("scorehouse") or {}
    return scoped.get(name, variables.get(name))
