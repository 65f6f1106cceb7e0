"""The layers of the matrix backend: what they compute, what they refuse, and their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from project import registered_kernel
from scorehouse.kernel.scorer import Kernel
from scorehouse.program import store
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.matrix.layers import BLOCK, Layer, product, run
from scorehouse.program.matrix.make import compile_matrix
from scorehouse.registry.artifact import PROGRAM_FILE
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import sha256

DRAW = np.random.default_rng(0)
X = pd.DataFrame(DRAW.normal(size=(400, 5)), columns=list("abcde"))


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Kernel]:
    folder = tmp_path_factory.mktemp("matrix")
    kernel = registered_kernel(folder, KMeans(8, n_init=1, random_state=0).fit(X), X, task="clustering")
    return folder, kernel


@pytest.mark.parametrize("centres", [1, 7, 255, 256, 700])
@pytest.mark.parametrize("rows", [1, 64, BLOCK, 2 * BLOCK + 64])
def test_the_nearest_centre_and_its_distance(centres: int, rows: int) -> None:
    values, points = DRAW.normal(size=(rows, 3)), DRAW.normal(size=(centres, 3))
    layer = product(-2.0 * points, (points * points).sum(axis=1), "nearest")
    label, squared = run([layer], list(values.T), rows)
    every = ((values[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(label, every.argmin(axis=1))
    np.testing.assert_allclose(squared, every.min(axis=1), rtol=1e-9, atol=1e-12)


def test_of_equally_near_centres_the_first_one_is_meant() -> None:
    points = np.array([[5.0], [1.0], [-1.0], [1.0]])
    label, squared = run([product(-2.0 * points, (points * points)[:, 0], "nearest")], [np.zeros(2)], 2)
    assert label.tolist() == [1.0, 1.0] and squared.tolist() == [1.0, 1.0]


def test_what_is_not_finite_is_refused_and_a_sum_that_overflows_is_not() -> None:
    chain = [Layer("finite"), product(np.eye(2), np.zeros(2))]
    large = np.full(3, 1.7e308)
    np.testing.assert_array_equal(run(chain, [large, large], 3), [large, large])
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="takes no value that is not finite"):
            run(chain, [large, np.array([0.0, value, 0.0])], 3)


def test_layers_one_by_one() -> None:
    column, two = np.array([-2.0, 0.0, 0.5, 900.0]), np.array([[2.0]])
    found = {
        kind: run([Layer(kind, arrays)], [column], 4)[0]
        for kind, arrays in {
            "normalise": (two, np.array([[4.0]])),
            "rescale": (two, np.array([[1.0]])),
            "relu": (),
            "tanh": (),
            "logistic": (),
        }.items()
    }
    np.testing.assert_array_equal(found["normalise"], (column - 2) / 4)
    np.testing.assert_array_equal(found["rescale"], column * 2 + 1)
    np.testing.assert_array_equal(found["relu"], [0.0, 0.0, 0.5, 900.0])
    np.testing.assert_array_equal(found["tanh"], np.tanh(column))
    np.testing.assert_allclose(found["logistic"], 1 / (1 + np.exp(-column)), rtol=1e-15)
    assert column.tolist() == [-2.0, 0.0, 0.5, 900.0]  # what was passed is not written to


def test_layers_that_do_not_fit_together_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"layer 'product' with arrays \[\(1, 4\)\] does not read 2 lines"):
        run([product(np.eye(2), np.zeros(2)), product(np.ones((1, 3)), np.zeros(1))], [np.zeros(1)] * 2, 1)
    with pytest.raises(ValueError, match="layer 'cosine'"):
        run([Layer("cosine")], [np.zeros(1)], 1)


def _with_file(folder: Path, kernel: Kernel, data: bytes) -> Kernel:
    """The kernel of a registry that pins this file."""
    (folder / kernel.version.artifact).with_name(PROGRAM_FILE).write_bytes(data)
    backends = {**kernel.version.program, "program_sha256": sha256(data)}
    version = replace(kernel.version, program=backends)
    return Kernel(kernel.estimator, version, kernel.signature, strict=frozenset(), call="test")


def test_a_file_of_another_layout_is_refused_in_words(
    clusters: tuple[Path, Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, kernel = clusters
    whole = (folder / kernel.version.artifact).with_name(PROGRAM_FILE).read_bytes()
    backend = compile_matrix(kernel.estimator, kernel.version, kernel.signature, "test")
    stored = store.to_bytes(backend)
    assert store.to_bytes(store.scores_of(stored, kernel.version)) == stored  # the same bytes at any time
    monkeypatch.setattr(store, "LAYOUT", 3)
    later = store.to_bytes(backend)
    monkeypatch.undo()
    refused = choose_backend(
        _with_file(folder, kernel, later), "auto", 400, ProgramFiles(folder, LoadPolicy())
    )
    assert refused.name == "estimator"
    assert "its file cannot be read: its layout is 3, and this release reads layout 1" in refused.reason
    again = choose_backend(_with_file(folder, kernel, whole), "auto", 400, ProgramFiles(folder, LoadPolicy()))
    assert again.name == "matrix"
