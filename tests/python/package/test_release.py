"""`./run release VERSION --dry-run`: what is made, what is not ready, and that nothing is tagged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import scorehouse
from project import REPOSITORY

SCRIPT = REPOSITORY / "tools/release.py"
FOLDER = REPOSITORY / "target/release"


def release(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)


def tags() -> str:
    return subprocess.run(["git", "tag"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("arguments", [(), ("1.0",), ("v1.0.0",), ("1.0.0", "--dryrun")])
def test_wrong_arguments_show_the_usage(arguments: tuple[str, ...]) -> None:
    ended = release(*arguments)
    assert ended.returncode == 2 and "usage: ./run release VERSION" in ended.stderr


def test_a_release_that_is_not_ready_makes_nothing() -> None:
    before = tags()
    ended = release("9.8.7")
    assert ended.returncode == 1
    assert f"pyproject.toml has the version {scorehouse.__version__}" in ended.stderr
    assert "CHANGELOG.md has no heading `## 9.8.7 (YYYY-MM-DD)`" in ended.stderr
    assert not (FOLDER / "9.8.7").exists() and tags() == before


def test_who_sets_the_tag_is_asked_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for fact in ("NAME", "EMAIL"):
        monkeypatch.delenv(f"GIT_COMMITTER_{fact}", raising=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "")
    assert "git does not know who sets the tag" in release("9.8.7").stderr


@pytest.mark.slow
def test_a_dry_run_makes_all_that_is_made_here_and_no_tag() -> None:
    before = tags()
    ended = release(scorehouse.__version__, "--dry-run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    folder = FOLDER / scorehouse.__version__
    made = {file.name: file for file in folder.iterdir()}
    assert {"SHA256SUMS", "sbom.cdx.json", "conformance.md"} < set(made) and tags() == before
    with tarfile.open(made[f"scorehouse-dbt-{scorehouse.__version__}.tgz"]) as package:
        assert sum(member.size for member in package) < 3_000_000  # what `dbt deps` copies
        (top,) = {Path(name).parts[0] for name in package.getnames()}
        assert {f"{top}/{name}" for name in ("dbt_project.yml", "macros", "models")} <= set(
            package.getnames()
        )
    assert sum(name.endswith(".whl") for name in made) == 1
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == len(made) - 1
    bill = json.loads(made["sbom.cdx.json"].read_text())
    names = {component["name"] for component in bill["components"]}
    assert {"dbt-core", "duckdb", "numpy"} <= names
    pinned = re.findall(r"^[a-zA-Z0-9].*==", (REPOSITORY / "requirements.lock").read_text(), re.M)
    assert len(bill["components"]) == len(pinned)
    assert all(component["hashes"] for component in bill["components"])
    (source,) = (file for name, file in made.items() if name.endswith(".tar.gz"))
    with tarfile.open(source) as archive:
        parts = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    assert {"macros", "dbt_project.yml", "skills", "src"} <= parts
