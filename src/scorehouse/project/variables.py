"""Variables of a dbt project, as its dbt_project.yml has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def project_variable(root: Path, name: str) -> Any:
    """A variable from the `vars:` of dbt_project.yml, the project's or those given to this package."""
    file = root / "dbt_project.yml"
    variables: Mapping[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("vars") or {}
    scoped = variables.get("scorehouse") or {}
    return scoped.get(name, variables.get(name))
