"""Compiled SQL on a real PostgreSQL server equals the kernel: each kind, and in the soak each family."""

from __future__ import annotations

from pathlib import Path

import pytest

from compile_cases import CASES
from compile_kernel import kernel_of
from compile_kinds import LINEAR_KINDS, TREE_KINDS, rest_marked
from postgres.parity import postgres_parity
from postgres.server import Server

pytestmark = [pytest.mark.foreign, pytest.mark.postgres]


# what this database could take otherwise: types of columns, texts, powers, many parts in one statement
EDGES = {
    *("trees behind an imputer, float32", "trees behind an imputer, Float32", "numbers with a mask, Float32"),
    *("segments of a text 3", "segments of a number", "LightGBM, categories of a frame"),
    *("XGBoost, categories of a frame", "MissingIndicator, Binarizer", "PowerTransformer", "union"),
    *("BaggingClassifier 3", "ExtraTreesClassifier 3", "threshold"),
}


@pytest.mark.parametrize("name", rest_marked(CASES, LINEAR_KINDS | TREE_KINDS | EDGES, pytest.mark.soak))
def test_equals_the_kernel(name: str, server: Server, cases: Path) -> None:
    frame, kernel = kernel_of(name, cases, program=False)
    with server.connect() as connection:
        parity = postgres_parity(connection, frame, kernel)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity
