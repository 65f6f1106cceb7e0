"""Every YAML file of the repository can be read, and no key stands twice in one mapping."""

from __future__ import annotations

import subprocess
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import REPOSITORY


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        doubled = {key for key in keys if isinstance(key, str) and keys.count(key) > 1}
        if doubled:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {sorted(doubled)}", node.start_mark)
        return super().construct_mapping(node, deep)


def files() -> list[Path]:
    """Files under version control, or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.yml", "*.yaml"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    return [REPOSITORY / name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_yaml_is_sound(file: Path) -> None:
    documents = list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=Strict))
    assert documents
    assert "\t" not in file.read_text(encoding="utf-8")


def test_descriptions_of_columns_have_no_markdown() -> None:
    """dbt docs shows them as they are written."""
    marked = []
    for file in [file for file in files() if file.relative_to(REPOSITORY).parts[0].endswith("models")]:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=Strict)
        sources = [table for source in document.get("sources", []) for table in source.get("tables", [])]
        for table in [*document.get("models", []), *sources]:
            columns = table.get("columns") or []
            marked += [
                (table["name"], one["name"]) for one in columns if "`" in (one.get("description") or "")
            ]
    assert marked == []


def test_a_doubled_key_is_found() -> None:
    with pytest.raises(yaml.constructor.ConstructorError, match="twice"):
        yaml.load("a: 1\na: 2\n", Loader=Strict)
