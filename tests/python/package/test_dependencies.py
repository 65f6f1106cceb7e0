"""What the package imports is what it declares, and nothing is declared that it does not import."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from project import REPOSITORY

# names of imports that are not those of their distributions
IMPORTED_AS = {
    "dbt-core": {"dbt"},
    "dbt-duckdb": {"dbt"},
    "dbt-spark": {"dbt"},
    "pyyaml": {"yaml"},
    "scikit-learn": {"sklearn"},
}
BY_DBT_CORE = {"dbt_common"}  # one project with dbt-core, which pins it


def imported() -> Iterator[str]:
    for file in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def names_of(requirements: list[str]) -> set[str]:
    found: set[str] = set()
    for requirement in requirements:
        name = re.split(r"[\[<>=!;~ ]", requirement, maxsplit=1)[0].lower()
        found |= IMPORTED_AS.get(name, {name.replace("-", "_")})
    return found


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    project = tomllib.loads((Path(REPOSITORY) / "pyproject.toml").read_text())["project"]
    base = names_of(project["dependencies"])
    extras = names_of([each for extra in project["optional-dependencies"].values() for each in extra])
    found = {name for name in imported() if name not in sys.stdlib_module_names}
    found -= {"scorehouse", "dbt_scorehouse"}
    assert found - base - extras - BY_DBT_CORE == set()
    assert base - found == set()
