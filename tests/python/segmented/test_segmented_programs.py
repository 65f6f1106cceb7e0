"""The matrix backend of an estimator per segment: which have it, and that every segment is proven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from project import batch_of, registered_kernel
from scorehouse import SegmentedClassifier, SegmentedRegressor
from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program import hard_rows
from scorehouse.program.choose import Backend, ProgramFiles, choose_backend
from scorehouse.program.matrix.layers import Layer, StoredMatrix, run
from scorehouse.program.matrix.make import compiled, folded
from scorehouse.program.native.make import compile_trees, edges_of_segments
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.prove import prove, trial_of
from scorehouse.program.store import scores_of, to_bytes
from scorehouse.registry.policy import LoadPolicy

SEGMENTS = ['a"b', "Привет", "", "few", "flat", "{{ x }}"]
ROWS = 900


def rows(kind: str = "text") -> pd.DataFrame:
    """Six segments, of which one has three rows and one has a column of one value."""
    draw = np.random.default_rng(3)
    codes = draw.integers(0, len(SEGMENTS), ROWS)
    codes[codes == 3] = 0
    codes[:3] = 3
    made = pd.DataFrame({"size": draw.normal(5, 2, ROWS), "price": draw.normal(size=ROWS)})
    made["shop"] = [SEGMENTS[code] for code in codes] if kind == "text" else codes - 2
    made["week"] = draw.integers(1, 53, ROWS)
    made.loc[codes == 4, "price"] = 1.5
    return made


def target(X: pd.DataFrame) -> pd.Series:
    codes = pd.factorize(X.shop)[0]
    return (X["size"] * (codes + 1) - X.price * codes + X.week % 7).fillna(3.0).abs()


def chosen(kernel: Kernel, folder: Path, asked: str = "auto") -> Backend:
    return choose_backend(kernel, asked, ROWS, ProgramFiles(folder, LoadPolicy()))


IMPUTED = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), Ridge())
SCALED = make_column_transformer((StandardScaler(), ["price"]), (MinMaxScaler(), ["size", "week"]))
NETWORK = MLPRegressor(hidden_layer_sizes=(3,), max_iter=30, random_state=0)
LINEAR: dict[str, Any] = {
    "plain": Ridge(),
    "imputed": IMPUTED,
    "columns": make_pipeline(SCALED, PoissonRegressor()),
    "network": make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(3,), max_iter=30, random_state=0)
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("inner", "kind"), [(name, "text") for name in LINEAR] + [("plain", "integer")])
def test_a_backend_serves_that_equals_the_estimator_on_every_segment(
    inner: str, kind: str, tmp_path: Path
) -> None:
    X = rows(kind)
    if inner == "imputed":
        X.loc[::11, "price"] = np.nan
    y = target(X)
    estimator = SegmentedRegressor(LINEAR[inner], "shop", min_rows=10).fit(X, y)
    kernel = registered_kernel(tmp_path, estimator, X, y, task="regression")
    backend = chosen(kernel, tmp_path)
    assert backend.name == "matrix" and isinstance(backend.kernel.estimator, StoredMatrix)
    later = pd.concat(
        [X, X.head(40).assign(shop=None), X.head(40).assign(shop="?" if kind == "text" else 99)]
    )
    later["shop"] = later["shop"].astype(object if kind == "text" else "Int64")
    made = backend.kernel(batch_of(later))
    assert made.column("reject_reason").null_count == len(later)
    np.testing.assert_allclose(np.asarray(made.column("prediction")), estimator.predict(later), rtol=1e-9)


def test_a_classifier_has_labels_and_scores_of_each_segment(tmp_path: Path) -> None:
    X = rows().drop(columns="week")
    y = np.where(X.price + X["size"] * (X.shop == "") > 1, "late", "in time")
    estimator = SegmentedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), "shop", min_rows=10
    )
    kernel = registered_kernel(tmp_path, estimator.fit(X, y), X, y, task="classification")
    backend = chosen(kernel, tmp_path)
    made = backend.kernel(batch_of(X))
    assert backend.name == "matrix" and len(estimator.segments_) == 4  # the flat one has one class
    assert made.column("prediction").to_pylist() == estimator.predict(X).tolist()
    np.testing.assert_allclose(np.asarray(made.column("score")), estimator.predict_proba(X)[:, 1], atol=1e-12)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (Ridge(), "matrix"),
        (HistGradientBoostingRegressor(max_iter=3), "native"),
        (KNeighborsRegressor(3), "estimator"),
    ],
)
def test_without_a_fallback_rows_are_rejected_by_name(inner: Any, expected: str, tmp_path: Path) -> None:
    X = rows()
    estimator = SegmentedRegressor(inner, "shop", fallback="reject", min_rows=10).fit(X, target(X))
    kernel = registered_kernel(tmp_path, estimator, X, target(X), task="regression")
    backend = chosen(kernel, tmp_path)
    assert backend.name == expected
    made = backend.kernel(batch_of(X.head(5).assign(shop=["few", None, 'new "one"', "", "Привет"])))
    assert made.column("reject_reason").to_pylist() == [
        "unseen_category:shop=few",
        "null:shop",
        'unseen_category:shop=new "one"',
        None,
        None,
    ]
    assert made.column("prediction").is_null().to_pylist() == [True, True, True, False, False]


ENCODED = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["week"]), remainder="passthrough")


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        (make_pipeline(ENCODED, Ridge()), "its steps differ from the others in more than numbers"),
        (KNeighborsRegressor(3), "the estimator of the segment '': KNeighborsRegressor"),
        (
            make_pipeline(ENCODED, GradientBoostingRegressor(n_estimators=2)),
            "native: the estimator of some segment",
        ),
    ],
    ids=["encoded", "neighbors", "encoded trees"],
)
def test_what_has_no_backend_says_so_and_is_scored_by_its_estimators(
    inner: Any, why: str, tmp_path: Path
) -> None:
    X = rows()
    estimator = SegmentedRegressor(inner, "shop").fit(X, target(X))
    kernel = registered_kernel(tmp_path, estimator, X, target(X), task="regression")
    backend = chosen(kernel, tmp_path)
    assert backend.name == "estimator" and why in backend.reason
    made = backend.kernel(batch_of(X))
    np.testing.assert_allclose(np.asarray(made.column("prediction")), estimator.predict(X), rtol=1e-12)


def test_each_segment_is_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong number of any segment is found, also where the rows of most segments come late."""
    X = rows().sort_values("shop").reset_index(drop=True)
    estimator = SegmentedRegressor(Ridge(), "shop").fit(X, target(X))
    kernel = registered_kernel(tmp_path, estimator, X, target(X), task="regression", program=False)
    monkeypatch.setattr(hard_rows, "TRAINING_LIMIT", 100)
    chosen = hard_rows.training_rows(batch_of(X), "shop")
    tried = pa.Table.from_batches([chosen(batch_of(X))])
    assert set(tried.column("shop").to_pylist()) == set(SEGMENTS) and 50 < tried.num_rows <= 100
    trial = trial_of(kernel, batch_of(X))
    backend, plain = compiled(estimator, kernel.version, kernel.signature, "test")
    assert isinstance(backend, StoredMatrix) and prove(plain, trial).proven
    assert backend.segments == len(SEGMENTS) + 1
    for segment in range(len(SEGMENTS)):
        kind = next(i for i, layer in enumerate(backend.layers) if layer.kind == "product")
        layers = list(backend.layers)
        weights = layers[kind].arrays[0].copy()
        weights[..., segment] += 1e-6
        layers[kind] = replace(layers[kind], arrays=(weights,))
        with pytest.raises(CompileError, match="does not equal the estimator"):
            prove(replace(backend, layers=tuple(layers)), trial)
    again = scores_of(to_bytes(backend), kernel.version)
    assert prove(again, trial).proven


def test_shifts_and_scales_fold_into_the_product_behind_them() -> None:
    draw = np.random.default_rng(0)
    layers = (
        Layer("normalise", (draw.normal(size=(3, 4)), draw.uniform(1, 2, (3, 4)))),
        Layer("rescale", (draw.normal(size=(3, 4)), draw.normal(size=(3, 4)))),
        Layer("finite"),
        Layer("product", (draw.normal(size=(2, 4, 4)),)),
        Layer("rescale", (draw.normal(size=(2, 4)), draw.normal(size=(2, 4)))),
    )
    columns, codes = list(draw.normal(size=(3, 50))), draw.integers(0, 4, 50)
    assert [layer.kind for layer in folded(layers)] == ["finite", "product", "rescale"]
    np.testing.assert_allclose(
        run(folded(layers), columns, 50, codes), run(layers, columns, 50, codes), rtol=1e-12
    )


@pytest.mark.parametrize(
    "inner",
    [
        HistGradientBoostingRegressor(max_iter=5),
        make_pipeline(SimpleImputer(), GradientBoostingRegressor(n_estimators=5, random_state=0)),
        RandomForestClassifier(4, random_state=0),
    ],
    ids=["boosting", "imputed", "forest"],
)
def test_trees_of_each_segment_score_as_native_code(inner: Any, tmp_path: Path) -> None:
    X = rows()
    is_classifier = isinstance(inner, RandomForestClassifier)
    if not is_classifier:
        X.loc[::13, "price"] = np.nan
    y = target(X) > 12 if is_classifier else target(X)
    kind = SegmentedClassifier if is_classifier else SegmentedRegressor
    estimator = kind(inner, "shop", min_rows=10).fit(X, y)
    task = "classification" if is_classifier else "regression"
    kernel = registered_kernel(tmp_path, estimator, X, y, task=task)
    backend = chosen(kernel, tmp_path)
    assert backend.name == "native" and isinstance(backend.kernel.estimator, StoredTrees)
    later = pd.concat([X, X.head(40).assign(shop=None), X.head(40).assign(shop="?")])
    made = backend.kernel(batch_of(later))
    assert made.column("prediction").to_pylist() == estimator.predict(later).tolist()
    if is_classifier:
        scores = estimator.predict_proba(later)[:, 1]
        np.testing.assert_allclose(np.asarray(made.column("score")), scores, atol=1e-12)


def test_a_wrong_tree_of_any_segment_is_found(tmp_path: Path) -> None:
    X = rows()
    estimator = SegmentedRegressor(HistGradientBoostingRegressor(max_iter=2), "shop").fit(X, target(X))
    kernel = registered_kernel(tmp_path, estimator, X, target(X), task="regression", program=False)
    backend = compile_trees(estimator, kernel.version, kernel.signature, "test").backend
    edges = edges_of_segments(backend, 4)
    assert set(edges) == {0, 1, 3}
    trial = trial_of(kernel, batch_of(X), edges)
    assert prove(backend, trial).max_difference == 0
    for number, model in enumerate(backend.models[:-1]):
        base = tuple(start + 1e-6 for start in model.ensemble.base)
        shifted = replace(model, ensemble=replace(model.ensemble, base=base))
        models = (*backend.models[:number], shifted, *backend.models[number + 1 :])
        with pytest.raises(CompileError, match="does not equal the estimator"):
            prove(replace(backend, models=models), trial)


def test_labels_come_from_predict_where_a_clone_has_a_rule_of_its_own(tmp_path: Path) -> None:
    X = rows()
    inner = FixedThresholdClassifier(LogisticRegression(max_iter=500), threshold=0.5)
    estimator = SegmentedClassifier(inner, "shop").fit(X, target(X) > 12)
    kernel = registered_kernel(tmp_path, estimator, X, target(X) > 12, task="classification", program=False)
    assert kernel.version.label_method == "predict"


def test_a_file_whose_arrays_do_not_fit_is_not_read(tmp_path: Path) -> None:
    X = rows()
    estimator = SegmentedRegressor(Ridge(), "shop").fit(X, target(X))
    kernel = registered_kernel(tmp_path, estimator, X, target(X), task="regression")
    data = (tmp_path / kernel.version.artifact).with_name("program.npz").read_bytes()
    backend = scores_of(data, kernel.version)
    for wrong in (
        replace(backend, keys=replace(backend.keys, known=backend.keys.known[:-1])),
        replace(backend, layers=backend.layers[:-1] * 2),
        replace(backend, parameters=backend.parameters[:, :-1]),
    ):
        with pytest.raises(ValueError, match=r"segments|does not read"):
            scores_of(to_bytes(wrong), kernel.version)
