"""Fixtures that several test modules share."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from monitored import monitored
from project import DbtProject, MakeKernel, registered_kernel


@pytest.fixture
def make_kernel(tmp_path: Path) -> MakeKernel:
    """Registers an estimator in a folder of this test, and gives the kernel of what was written."""
    return functools.partial(registered_kernel, tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    """An empty dbt project of this test."""
    return DbtProject(tmp_path / "house")


@pytest.fixture
def empty_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that registration takes for a dbt project, which is also the working folder."""
    (tmp_path / "dbt_project.yml").write_text("name: scorehouse\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def monitored_house(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A project whose ML model is monitored whole; for reading only."""
    return monitored(tmp_path_factory.mktemp("monitored") / "house")
