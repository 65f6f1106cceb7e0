"""What tests of engines share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from duckdb_runs import Runs, register_toys


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        yield found


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the registered ML models of `Runs`; for reading only."""
    return register_toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture
def runs(toys: Path, connection: duckdb.DuckDBPyConnection) -> Runs:
    return Runs(toys, connection)
