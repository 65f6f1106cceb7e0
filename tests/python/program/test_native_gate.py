"""What the gate and the compiler refuse, and what a native backend leaves to the estimator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
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
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from native_backend import NativeBackend
from native_rows import assert_equal, features, target
from project import MakeKernel
from proved import native_proof, trees_of
from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.native import kernel
from scorehouse.program.native.make import compile_trees
from scorehouse.program.prove import trial_of
from scorehouse.registration.find_backends import find_backends
from scorehouse.training import days_since_epoch

NONE: Any = None  # a version and signature that are not looked at


def fitted(estimator: Any, seed: int = 0) -> tuple[Any, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = features(rng, missing=False)
    y = (target(frame, rng) > 4).astype(int)
    return estimator.fit(frame, y), frame, y


def without_kernel(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As in an installation whose wheel has no kernel for its platform."""
    monkeypatch.setattr(kernel, "FOLDER", folder)
    monkeypatch.setattr(kernel, "library", kernel.library.__wrapped__)


def test_without_a_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    estimator, _, _ = fitted(DecisionTreeClassifier())
    without_kernel(monkeypatch, tmp_path)
    with pytest.raises(CompileError, match="no compiled kernel for this platform") as error:
        compile_trees(estimator, NONE, NONE, "test")
    assert "reinstall scorehouse from a wheel" in str(error.value)
    (tmp_path / "_kernel.so").write_bytes(b"of another platform")
    with pytest.raises(CompileError, match="no compiled kernel for this platform"):
        compile_trees(estimator, NONE, NONE, "test")


def test_a_kernel_of_other_structures_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "VERSION", kernel.VERSION + 1)
    assert kernel.library.__wrapped__() is None


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("narrow", [True, False])
def test_every_processor_gives_the_same_sums(order: str, narrow: bool) -> None:
    rng = np.random.default_rng(5)
    frame = features(rng, missing=True)
    estimator = HistGradientBoostingRegressor(max_iter=20) if narrow else RandomForestRegressor(20)
    estimator.fit(frame, target(frame, rng))
    backend = NativeBackend(estimator)
    assert backend.model.packed.numbers["narrow"] == narrow
    numbers = np.asarray(backend.numbers(frame), order=order)
    sums = [np.repeat(backend.model.base[:, None], len(numbers), axis=1) for _ in range(2)]
    for plain, into in enumerate(sums):
        assert kernel.add_trees(numbers, backend.model.packed, into, plain=bool(plain))
    assert np.array_equal(*sums) and len(np.unique(sums[0])) > 100


@pytest.mark.parametrize("edges", [1, 253, 254, 255])
def test_codes_of_8_and_of_32_bits_agree_with_the_estimator(edges: int) -> None:
    rng = np.random.default_rng(edges)
    x = np.sort(rng.lognormal(sigma=3.0, size=edges + 1))[:, None]
    estimator = DecisionTreeRegressor().fit(x, rng.normal(size=edges + 1))
    backend = NativeBackend(estimator)
    assert backend.model.packed.numbers["narrow"] == (edges <= 254)
    found = estimator.tree_.threshold[estimator.tree_.feature >= 0]
    near = np.concatenate(
        [found, np.nextafter(found, np.inf), np.nextafter(found, -np.inf), x[:, 0], [np.nan]]
    )
    assert len(found) == edges
    assert np.array_equal(backend.predict(near[:, None]), estimator.predict(near[:, None]))


def test_wrong_arrays_are_refused_before_c_reads_them() -> None:
    estimator, frame, _ = fitted(DecisionTreeClassifier(max_depth=3))
    backend = NativeBackend(estimator)
    numbers, packed = backend.numbers(frame), backend.model.packed
    sums = np.zeros((2, len(numbers)))
    for bad in (numbers.astype(np.float32), numbers[0]):
        with pytest.raises(TypeError, match="numbers are"):
            kernel.add_trees(bad, packed, sums)
    for bad in (sums[:, 1:], np.asfortranarray(sums), sums.astype(np.float32)):
        with pytest.raises(TypeError, match="sums are"):
            kernel.add_trees(numbers, packed, bad)
    for columns, outputs in (
        (numbers.shape[1] - 1, 2),
        (numbers.shape[1], 1),
    ):  # C would go beyond their ends
        with pytest.raises(TypeError, match="expected at least 6 columns and 2 outputs"):
            kernel.add_trees(np.ascontiguousarray(numbers[:, :columns]), packed, sums[:outputs])


class OwnForest(RandomForestClassifier):
    """A subclass may compute something else."""


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(), "LogisticRegression: this estimator has no equivalent in native code"),
        (OwnForest(2), "OwnForest: this estimator has no equivalent in native code"),
        (make_pipeline(PCA(2), LogisticRegression()), "logisticregression > LogisticRegression"),
    ],
)
def test_refusals(estimator: Any, reason: str) -> None:
    with pytest.raises(CompileError, match=reason) as error:
        compile_trees(fitted(estimator)[0], NONE, NONE, "register('churn')")
    assert str(error.value).startswith("register('churn'): ")


def test_labels_of_three_classes_are_refused() -> None:
    _, frame, y = fitted(DecisionTreeClassifier())
    three = np.arange(len(y)) % 3
    labels = np.column_stack([three, three[::-1]])
    for several in (RandomForestClassifier(3), MultiOutputClassifier(DecisionTreeClassifier())):
        with pytest.raises(CompileError, match="a label has not two classes"):
            NativeBackend(several.fit(frame, labels))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_what_the_estimator_refuses_is_refused(value: float) -> None:
    estimator, frame, _ = fitted(GradientBoostingClassifier(n_estimators=3, max_depth=1))
    for name in frame.columns:  # columns that no tree reads among them
        tried = frame.copy()
        tried.loc[5, name] = value
        for one in (estimator, NativeBackend(estimator)):
            with pytest.raises(ValueError):
                one.predict_proba(tried)


def test_numbers_that_begin_between_two_addresses() -> None:
    """As in a memory map, or in the buffer of a message."""
    estimator, frame, _ = fitted(RandomForestClassifier(5, random_state=0))
    data = b"x" + frame.to_numpy(dtype=np.float64).tobytes()
    X = np.frombuffer(data, np.uint8)[1:].view(np.float64).reshape(frame.shape)
    assert not X.flags.aligned
    estimator.fit(X, np.arange(len(X)) % 2)
    assert_equal(NativeBackend(estimator), estimator, X)


def test_a_matrix_of_objects() -> None:
    """A column transformer that hands on numbers beside flags gives objects."""
    _, frame, y = fitted(DecisionTreeClassifier())
    frame["flag"] = frame["visits"] > 5
    estimator = make_pipeline(
        ColumnTransformer([("scaled", StandardScaler(), ["amount"])], remainder="passthrough"),
        RandomForestClassifier(5, random_state=0),
    ).fit(frame, y)
    assert estimator[0].transform(frame).dtype == object
    backend = NativeBackend(estimator)
    assert_equal(backend, estimator, frame)


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_timestamps_are_proven_behind_steps_that_read_them(unit: str, make_kernel: MakeKernel) -> None:
    """Also those of 1700, 2261 and 9999, if the unit of training holds them."""
    rng = np.random.default_rng(4)
    days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, 300), unit="D"))
    frame = pd.DataFrame({"since": days.astype(f"datetime64[{unit}]"), "amount": rng.normal(size=300)})
    steps = ColumnTransformer(
        [("days", FunctionTransformer(days_since_epoch), ["since"])], remainder="passthrough"
    )
    estimator = make_pipeline(steps, HistGradientBoostingClassifier(max_iter=5))
    estimator.fit(frame, frame.since > pd.Timestamp("2023-01-01"))
    kernel = make_kernel(estimator, frame, frame.since > pd.Timestamp("2023-01-01"), task="classification")
    _, worst, trial = native_proof(trees_of(kernel), kernel, frame)
    times = trial.tried.rows.column("since").cast(pa.timestamp("s"), safe=False).to_pylist()
    years = {time.year for time in times if time is not None}
    assert worst == 0.0
    assert {1700, 1970, 2261} <= years and (9999 in years) == (unit != "ns")


def test_rows_around_the_edges_of_each_backend_are_tried(make_kernel: MakeKernel) -> None:
    estimator, frame, y = fitted(DecisionTreeClassifier(max_depth=2))
    kernel = make_kernel(estimator, frame, y, task="classification", program=False)
    first, second, other = 1.2345, 2.3456, 3.4567
    trial = trial_of(kernel, training_batch(frame, "test"), {0: [first]}, {0: [second], 1: [other]})
    tried = [trial.tried.rows.column(place).to_numpy().tolist() for place in (0, 1)]
    for edge, values in ((first, tried[0]), (second, tried[0]), (other, tried[1])):
        assert {edge, np.nextafter(edge, np.inf), np.nextafter(edge, -np.inf)} <= set(values)


def test_the_gate_can_fail(make_kernel: MakeKernel) -> None:
    estimator, frame, y = fitted(HistGradientBoostingClassifier(max_iter=5))
    kernel = make_kernel(estimator, frame, y, task="classification")
    made = trees_of(kernel)
    (model,) = made.backend.models
    first, *others = model.ensemble.trees

    def tampered(**changed: Any) -> Any:
        ensemble = replace(model.ensemble, trees=(replace(first, **changed), *others))
        return replace(made, backend=replace(made.backend, models=(replace(model, ensemble=ensemble),)))

    value, edge = first.value.copy(), first.edge.copy()
    value[np.flatnonzero(first.is_leaf)[0]] += 1e-9
    edge[0] = np.nextafter(edge[0], np.inf)
    for wrong in (tampered(value=value), tampered(edge=edge)):
        with pytest.raises(CompileError, match="does not equal the estimator"):
            native_proof(wrong, kernel, frame)
    assert native_proof(made, kernel, frame)[1] == 0.0


def test_the_kernel_runs_it_unchanged(make_kernel: MakeKernel) -> None:
    rng = np.random.default_rng(0)
    frame = features(rng, missing=True)
    y = np.array(["no", "yes"])[(target(frame, rng) > 4).astype(int)]
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(frame, y)
    kernel = make_kernel(estimator, frame, y, task="classification", threshold=0.3)
    native = Kernel(
        trees_of(kernel).backend, kernel.version, kernel.signature, strict=frozenset(), call="test"
    )
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    assert native(batch).equals(kernel(batch))


@pytest.mark.slow
def test_registration_proves_it(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The registry names the proven backend of trees, or why there is none; other estimators need no word."""
    estimator, frame, y = fitted(RandomForestClassifier(5, random_state=0))
    made = make_kernel(estimator, frame, y, task="classification")
    fact = made.version.program["native"]
    assert fact["largest_difference"] == 0.0 and fact["rows"] > 20_000 and fact["rows_of"] == "training"
    linear, frame, y = fitted(LogisticRegression())
    rows = training_batch(frame, "test")
    facts = find_backends(make_kernel(linear, frame, y, task="classification"), rows).facts
    assert "native" not in {**facts, **facts.get("refused", {})}
    without_kernel(monkeypatch, tmp_path)
    facts = find_backends(made, rows).facts
    assert "native" not in facts
    assert facts["refused"]["native"].startswith("this installation of scorehouse has no compiled kernel")
