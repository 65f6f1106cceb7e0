"""What the gate and the compiler refuse, and what a native form leaves to the estimator."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from project import MakeKernel
from scorehouse.errors import CompileError
from scorehouse.native import compile_native, prove
from scorehouse.registration.forms import find_forms
from scorehouse.scorer import Kernel
from test_native_forms import assert_equal, features, target

ROOT_IMPORT = "import sys; import scorehouse.native; assert 'numba' not in sys.modules"


def fitted(estimator: Any, seed: int = 0) -> tuple[Any, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = features(rng, missing=False)
    y = (target(frame, rng) > 4).astype(int)
    return estimator.fit(frame, y), frame, y


def test_numba_is_loaded_late() -> None:
    subprocess.run([sys.executable, "-c", ROOT_IMPORT], check=True)


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator, _, _ = fitted(DecisionTreeClassifier())
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numba" else found(name))
    with pytest.raises(CompileError, match="numba is not installed") as error:
        compile_native(estimator)
    assert "pip install 'scorehouse[native]'" in str(error.value)


class OwnForest(RandomForestClassifier):
    """A subclass may compute something else."""


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(), "LogisticRegression: this estimator has no native form"),
        (OwnForest(2), "OwnForest: this estimator has no native form"),
        (make_pipeline(PCA(2), LogisticRegression()), "logisticregression > LogisticRegression"),
    ],
)
def test_refusals(estimator: Any, reason: str) -> None:
    pytest.importorskip("numba")
    with pytest.raises(CompileError, match=reason) as error:
        compile_native(fitted(estimator)[0], call="register('churn')")
    assert str(error.value).startswith("register('churn'): ")


def test_several_outputs_are_refused() -> None:
    pytest.importorskip("numba")
    _, frame, y = fitted(DecisionTreeClassifier())
    two = RandomForestClassifier(3).fit(frame, np.column_stack([y, 1 - y]))
    with pytest.raises(CompileError, match="several outputs"):
        compile_native(two)
    with pytest.raises(CompileError, match="no native form"):
        compile_native(MultiOutputClassifier(DecisionTreeClassifier()).fit(frame, np.column_stack([y, y])))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_what_the_estimator_refuses_is_refused_by_its_own_error(value: float) -> None:
    pytest.importorskip("numba")
    estimator, frame, _ = fitted(GradientBoostingClassifier(n_estimators=3, max_depth=1))
    for name in frame.columns:  # columns that no tree reads among them
        tried = frame.copy()
        tried.loc[5, name] = value
        with pytest.raises(ValueError) as expected:
            estimator.predict_proba(tried)
        with pytest.raises(ValueError) as found:
            compile_native(estimator).predict_proba(tried)
        assert str(found.value) == str(expected.value)


def test_integers_that_no_double_holds() -> None:
    """They are rounded once more on the way to a float32, so the estimator reads them itself."""
    pytest.importorskip("numba")
    X = np.random.default_rng(0).integers(2**61, 2**62, (500, 3))
    y = (X[:, 0] > X[:, 1]).astype(int)
    estimator = RandomForestClassifier(20, random_state=0).fit(X, y)
    assert compile_native(estimator).numbers(X) is None
    assert_equal(compile_native(estimator), estimator, X)


def test_a_matrix_of_objects() -> None:
    """A column transformer that hands on numbers beside flags gives objects."""
    pytest.importorskip("numba")
    _, frame, y = fitted(DecisionTreeClassifier())
    frame["flag"] = frame["visits"] > 5
    estimator = make_pipeline(
        ColumnTransformer([("scaled", StandardScaler(), ["amount"])], remainder="passthrough"),
        RandomForestClassifier(5, random_state=0),
    ).fit(frame, y)
    assert estimator[0].transform(frame).dtype == object
    form = compile_native(estimator)
    assert form.numbers(frame) is not None
    assert_equal(form, estimator, frame)


def test_the_gate_can_fail(make_kernel: MakeKernel) -> None:
    pytest.importorskip("numba")
    estimator, frame, y = fitted(HistGradientBoostingClassifier(max_iter=5))
    kernel = make_kernel(estimator, frame, y, task="classification")
    form = compile_native(estimator)
    tables = form.layout.tables

    def tampered(**changed: Any) -> Any:
        return replace(form, layout=replace(form.layout, tables=tables._replace(**changed)))

    value = tables.node_value.copy()
    value[3] += 1e-9
    later = tables.top.copy()
    later[0, 1] += 1
    for wrong in (tampered(node_value=value), tampered(top=later)):
        with pytest.raises(CompileError, match="does not equal the estimator"):
            prove(wrong, estimator, kernel.version, kernel.signature, frame)
    assert prove(form, estimator, kernel.version, kernel.signature, frame).largest_difference == 0.0


def test_the_kernel_runs_it_unchanged(make_kernel: MakeKernel) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    frame = features(rng, missing=True)
    y = np.array(["no", "yes"])[(target(frame, rng) > 4).astype(int)]
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(frame, y)
    kernel = make_kernel(estimator, frame, y, task="classification", threshold=0.3)
    form = compile_native(kernel.estimator)
    native = Kernel(form, kernel.version, kernel.signature, strict=frozenset(), call="test")
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    assert native(batch).equals(kernel(batch))


def test_registration_proves_it(make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry names the proven form of trees, or why there is none; other estimators need no word."""
    pytest.importorskip("numba")
    estimator, frame, y = fitted(RandomForestClassifier(5, random_state=0))
    kernel = make_kernel(estimator, frame, y, task="classification")
    fact = kernel.version.forms["native"]
    assert fact["largest_difference"] == 0.0 and fact["rows"] > 20_000 and fact["rows_of"] == "training"
    linear, frame, y = fitted(LogisticRegression())
    facts = find_forms(make_kernel(linear, frame, y, task="classification"), frame).facts
    assert "native" not in {**facts, **facts.get("refused", {})}
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numba" else found(name))
    facts = find_forms(kernel, frame).facts
    assert "native" not in facts
    assert facts["refused"]["native"].startswith("numba is not installed; expected: the extra `native`")


def test_without_a_folder_for_machine_code() -> None:
    """What has no place on disk is compiled in memory."""
    pytest.importorskip("numba")
    from numba.core import types

    from scorehouse.native.engine import compiled

    names: dict[str, Any] = {}
    exec("def double(x):\n    return 2 * x", names)  # of no file, so that numba has no place for it
    assert compiled(types.int64(types.int64))(names["double"])(21) == 42
