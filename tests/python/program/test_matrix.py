"""The matrix backend: equal to the estimator on each kind of model and step, refused in words elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from project import registered_kernel
from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program import prove
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.matrix.make import compile_matrix
from scorehouse.program.proof import compare, kernel_rows, proof_bytes
from scorehouse.registry.policy import LoadPolicy
from visits_frame import FRAME, LABEL, ROWS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NEVER = LoadPolicy(estimator="never")
DRAW = np.random.default_rng(1)
X = pd.DataFrame(DRAW.normal(1.0, 3.0, (ROWS, 6)), columns=list("abcdef"))
BINARY = pd.Series(np.where(X.a + DRAW.normal(size=ROWS) > 1, "yes", "no"))
MANY = pd.Series(np.clip(np.round(X.a + X.b), -4, 4)).astype(int)
AMOUNT = X.a * 2 + X.b**2
MIXED = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "amount"]),
    (KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), ["visits"]),
    remainder="passthrough",
)


def _network(kind: Any = MLPClassifier, **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (9, 5), "max_iter": 30, "random_state": 0, **settings}
    return make_pipeline(StandardScaler(), kind(**settings))


def _after_pca(last: Any) -> Any:
    return make_pipeline(StandardScaler(), PCA(4), last)


MODELS: dict[str, tuple[Any, Any, Any, str]] = {
    "pca": (_after_pca(LogisticRegression()), X, BINARY, "classification"),
    "pca, whitened and scaled": (
        Pipeline(
            [
                (
                    "components",
                    make_pipeline(RobustScaler(), PCA(4, whiten=True), MinMaxScaler(), RobustScaler()),
                ),
                ("nothing", "passthrough"),
                ("last", LogisticRegression()),
            ]
        ),
        X,
        MANY,
        "classification",
    ),
    "two projections": (make_pipeline(PCA(5), TruncatedSVD(3), LinearRegression()), X, AMOUNT, "regression"),
    "ridge": (_after_pca(Ridge()), X, AMOUNT, "regression"),
    "poisson": (_after_pca(PoissonRegressor()), X, AMOUNT - AMOUNT.min(), "regression"),
    "tweedie, identity": (_after_pca(TweedieRegressor(power=0)), X, AMOUNT, "regression"),
    "multinomial": (LogisticRegression(), X, MANY, "classification"),
    "cross-validated": (
        _after_pca(LogisticRegressionCV(cv=3, l1_ratios=(0.0,))),
        X,
        BINARY,
        "classification",
    ),
    "linear svc": (_after_pca(LinearSVC()), X, MANY, "classification"),
    "ridge classifier": (_after_pca(RidgeClassifier()), X, BINARY, "classification"),
    "sgd, hinge": (_after_pca(SGDClassifier(random_state=0)), X, BINARY, "classification"),
    "sgd, log loss": (_after_pca(SGDClassifier(loss="log_loss", random_state=0)), X, MANY, "classification"),
    "sgd, huber": (
        _after_pca(SGDClassifier(loss="modified_huber", random_state=0)),
        X,
        BINARY,
        "classification",
    ),
    "sgd, huber, many": (
        _after_pca(SGDClassifier(loss="modified_huber", random_state=0)),
        X,
        MANY,
        "classification",
    ),
    "discriminant": (_after_pca(LinearDiscriminantAnalysis()), X, MANY, "classification"),
    "k-means": (make_pipeline(StandardScaler(), KMeans(12, n_init=1, random_state=0)), X, None, "clustering"),
    "mini-batch k-means": (MiniBatchKMeans(40, n_init=1, random_state=0), X, None, "clustering"),
    "network": (_network(), X, BINARY, "classification"),
    "network, many": (_network(activation="tanh"), X, MANY, "classification"),
    "network, one layer": (
        _network(hidden_layer_sizes=(3,), activation="identity"),
        X,
        BINARY,
        "classification",
    ),
    "network, number": (_network(MLPRegressor, activation="logistic"), X, AMOUNT, "regression"),
    "search": (
        GridSearchCV(_network(max_iter=9), {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2),
        X,
        BINARY,
        "classification",
    ),
    "mixed features": (
        make_pipeline(MIXED, MLPClassifier((6,), max_iter=40)),
        FRAME,
        LABEL,
        "classification",
    ),
    "an array": (_network(), X.to_numpy(), BINARY, "classification"),
    "float32 in part": (_network(), X.astype({"a": "float32"}), BINARY, "classification"),
    "a logarithm": (
        make_pipeline(FunctionTransformer(np.log1p), SimpleImputer(), PCA(3), LogisticRegression()),
        X.abs(),
        BINARY,
        "classification",
    ),
}
QUICK = ("pca, whitened and scaled", "multinomial", "k-means", "network", "mixed features")


def _kernel(folder: Path, case: str) -> Kernel:
    estimator, frame, y, task = MODELS[case]
    names = {"feature_names": list(X.columns)} if isinstance(frame, np.ndarray) else {}
    return registered_kernel(folder, estimator.fit(frame, y), frame, y, task=task, **names)


def _hard_rows(kernel: Kernel, frame: Any) -> pa.Table:
    """Rows of training; and some with NULL, NaN, infinity, an extreme or an unseen text in one feature."""
    plain = training_batch(pd.DataFrame(frame, columns=kernel.signature.names), "test")
    numbers = [None, np.nan, np.inf, -np.inf, 1e300, -1e18, 0.0, -1.0]
    parts = [plain]
    for place, column in enumerate(plain.columns):
        values: list[Any] = [None] if pa.types.is_boolean(column.type) else [None, -7]
        if pa.types.is_floating(column.type):
            values = numbers
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            values = [None, "never seen", ""]
        rows = plain.slice(0, len(values))
        changed = pa.array(values, column.type, from_pandas=False)
        parts.append(rows.set_column(place, plain.schema.field(place), changed))
    return pa.Table.from_batches(parts)


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in MODELS]
)
def test_it_scores_and_rejects_as_the_estimator_does(case: str, tmp_path: Path) -> None:
    kernel = _kernel(tmp_path, case)
    backend = choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, NEVER))
    assert backend.name == "matrix" and type(backend.kernel.estimator).__name__ == "StoredMatrix", (
        backend.reason
    )
    rows = _hard_rows(kernel, MODELS[case][1])
    expected, found = kernel_rows(kernel, rows), kernel_rows(backend.kernel, rows)
    parity = compare(expected, found)
    assert parity.problem == "" and parity.max_difference < 1e-12
    reasons = set(expected["reject_reason"].to_pylist())
    assert len(reasons) > 1 and expected["reject_reason"].null_count >= ROWS


class _Sum(BaseEstimator):
    def fit(self, X: Any, y: Any = None) -> _Sum:
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(X).sum(axis=1)


class _Other(MLPClassifier):
    pass


TWO_AMOUNTS = np.column_stack([AMOUNT, AMOUNT])
REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "neighbours": (
        KNeighborsClassifier(),
        X,
        BINARY,
        "KNeighborsClassifier: this estimator has no equivalent",
    ),
    "one's own": (_Sum(), X, AMOUNT, "_Sum: this estimator has no equivalent"),
    "a subclass": (_Other((3,), max_iter=5), X, BINARY, "_Other: this estimator has no equivalent"),
    "bins behind a projection": (
        make_pipeline(PCA(2), KBinsDiscretizer(3, encode="ordinal", quantile_method="linear"), Ridge()),
        X,
        AMOUNT,
        "behind a matrix product, only shifts and scales are known",
    ),
    "a step that is code": (
        make_pipeline(FunctionTransformer(np.sinh), _network()),
        X,
        BINARY,
        "its function 'sinh' is code",
    ),
    "a projection of some columns": (
        make_pipeline(make_column_transformer((PCA(2), ["a", "b"]), remainder="passthrough"), Ridge()),
        X,
        AMOUNT,
        "PCA: this transformer has no equivalent in SQL",
    ),
    "float32": (
        _network(),
        X.astype("float32"),
        BINARY,
        "it computes in float32, and this backend in float64",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_product_is_refused_in_words(case: str, tmp_path: Path) -> None:
    estimator, frame, y, problem = REFUSED[case]
    known = "classification" if hasattr(estimator, "classes_") or y is BINARY else "regression"
    kernel = registered_kernel(
        tmp_path,
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, BINARY),
        X,
        BINARY,
        task="classification",
        program=False,
    )
    version = replace(kernel.version, score_method="predict" if known == "regression" else "predict_proba")
    with pytest.raises(CompileError) as told:
        compile_matrix(estimator.fit(frame, y), version, kernel.signature, "test")
    assert problem in told.value.problem
    assert "estimator" in told.value.action or "materialization" in told.value.action


def test_the_estimator_is_not_asked_again_where_sql_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that prove SQL prove the matrix backend, and both have one file of proof rows."""
    asked, made = [], []
    monkeypatch.setattr(prove, "kernel_rows", lambda one, rows: asked.append(one) or kernel_rows(one, rows))
    monkeypatch.setattr(prove, "proof_bytes", lambda *given: made.append(given) or proof_bytes(*given))
    kernel = _kernel(tmp_path, "k-means")
    held = [type(one.estimator).__name__ for one in asked]
    assert len(made) == 1 and sorted(held) == ["Pipeline", "StoredMatrix"]
    fact, sql = (kernel.version.program[backend] for backend in ("matrix", "sql"))
    same = ("rows", "rows_of")
    assert [fact[name] for name in same] == [sql[name] for name in same]


@pytest.mark.parametrize("case", ["pca", "network, many", "k-means"])
def test_scores_do_not_depend_on_the_batch(case: str, tmp_path: Path) -> None:
    kernel = _kernel(tmp_path, case)
    scoring = choose_backend(kernel, "matrix", ROWS, ProgramFiles(tmp_path, NEVER)).kernel
    values = np.random.default_rng(2).normal(1.0, 3.0, (9_000, X.shape[1]))
    rows = pa.RecordBatch.from_pandas(pd.DataFrame(values, columns=X.columns), preserve_index=False)
    whole = scoring(rows)
    draw = np.random.default_rng(3)
    for size in (1, 63, 64, 500, 4_096, 5_000):
        chosen = pa.array(draw.permutation(len(values))[:size])
        assert scoring(rows.take(chosen)).equals(whole.take(chosen))
