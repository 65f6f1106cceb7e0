"""Files of each format as they are opened, without a registration: what they give, and what errors say."""

from __future__ import annotations

import importlib
import io
import re
import sys
import types
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from scorehouse.errors import ArtifactError, ConfigurationError, LoadRefusedError
from scorehouse.registry.formats import FORMATS, chosen_format
from scorehouse.registry.formats.base import folder_of
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import Version

draw = np.random.default_rng(0)
X = pd.DataFrame({"a": draw.normal(size=60), "b": draw.normal(size=60)})
SIGNATURE = Signature(tuple(Feature(name, "double", "float64") for name in X), "frame")
NUMBER = Version(name="m", version=1, task="regression", score_method="none")
CLASSES = replace(NUMBER, task="classification", classes=("no", "yes"), score_method="predict_proba")


def opened(artifact_format: str, estimator: Any, version: Version = NUMBER) -> Any:
    """What an estimator becomes, through its file."""
    one = FORMATS[artifact_format]
    return one.open(one.dump(estimator, SIGNATURE, version, "x"), version, (), "x")


# --- ONNX ---


def graph(inputs: Sequence[str], scores: Sequence[str]) -> bytes:
    """A graph of another tool: the label is a > 0; `scores` are values of the shape (rows, 1)."""
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
    make, kind = onnx.helper, onnx.TensorProto
    value = lambda name, of=kind.DOUBLE, width=1: make.make_tensor_value_info(name, of, [None, width])  # noqa: E731
    nodes = [
        make.make_node("Constant", [], ["zero"], value=make.make_tensor("zero", kind.DOUBLE, [1], [0.0])),
        make.make_node("Greater", ["a", "zero"], ["is_positive"]),
        make.make_node("Cast", ["is_positive"], ["label"], to=kind.INT64),
        make.make_node("Neg", ["a"], ["less"]),
        make.make_node("Concat", list(scores), ["score"], axis=1),
    ]
    outputs = [value("label", kind.INT64), value("score", width=len(scores))]
    made = make.make_graph(nodes, "g", [value(name) for name in inputs], outputs)
    model = make.make_model(made, opset_imports=[make.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


def test_what_an_onnx_graph_gives() -> None:
    """One score per row, or one for each class; one input, or one per feature in any order."""
    raw = replace(CLASSES, classes=(0, 1), score_method="decision_function")
    frame = pd.DataFrame({"b": [5.0, 6.0, 7.0], "a": [-1.0, 2.0, 3.0]})
    for inputs in (["a"], ["b", "a"]):
        given = frame[inputs]
        for rows in (given, given.to_numpy()):
            model = FORMATS["onnx"].open(graph(inputs, ["a"]), raw, (), "x")
            assert model.predict(rows).tolist() == [0, 1, 1] and model.classes_.tolist() == [0, 1]
            assert model.decision_function(rows).tolist() == [-1.0, 2.0, 3.0]
            model = FORMATS["onnx"].open(graph(inputs, ["less", "a"]), raw, (), "x")
            assert model.decision_function(rows).tolist() == [[1.0, -1.0], [-2.0, 2.0], [-3.0, 3.0]]
    several = replace(NUMBER, outputs={"prediction_a": "a"})
    assert FORMATS["onnx"].open(graph(["a"], ["a"]), several, (), "x").predict(frame[["a"]]).shape == (3, 1)
    other = FORMATS["onnx"].open(graph(["a"], ["a"]), replace(raw, classes=(0, 2)), (), "x")
    with pytest.raises(ValueError, match=r"none of the classes \[0, 2\]"):
        other.predict(frame[["a"]])


def test_an_estimator_as_a_graph() -> None:
    """Its numbers stay in double precision, and its opset is one that older runtimes read, too."""
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
    pytest.importorskip("skl2onnx", reason="needs the extra onnx")
    line = LinearRegression().fit(X, X.a * 3 - X.b)
    np.testing.assert_allclose(opened("onnx", line).predict(X), line.predict(X), rtol=0, atol=1e-12)
    opsets = onnx.load_from_string(FORMATS["onnx"].dump(line, SIGNATURE, NUMBER, "x")).opset_import
    assert {one.domain: one.version for one in opsets} == {"": 18, "ai.onnx.ml": 3}
    scaled = make_pipeline(StandardScaler(), StandardScaler(), LogisticRegression()).fit(X, X.a > X.b)
    found = opened("onnx", scaled, replace(CLASSES, classes=(False, True))).predict_proba(X)
    np.testing.assert_allclose(found, scaled.predict_proba(X), rtol=0, atol=1e-6)
    raw = replace(CLASSES, classes=(False, True), score_method="decision_function")
    scores = opened("onnx", scaled, raw).decision_function(X)
    np.testing.assert_allclose(scores[:, 1], scaled.decision_function(X), rtol=0, atol=1e-5)
    times = Signature((Feature("at", "timestamp", "datetime64[us]"),), "frame")
    with pytest.raises(ConfigurationError, match=r"no type for the features at"):
        FORMATS["onnx"].dump(line, times, NUMBER, "x")
    with pytest.raises(ConfigurationError, match="the format 'onnx' cannot store this FunctionTransformer: "):
        FORMATS["onnx"].dump(FunctionTransformer(np.sin).fit(X), SIGNATURE, NUMBER, "x")


# --- boosters ---


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "catboost"])
def test_a_boosters_file_is_opened_as_what_the_version_is(library: str) -> None:
    module = pytest.importorskip(library, reason="needs the extra boosters")
    prefix = {"lightgbm": "LGBM", "xgboost": "XGB", "catboost": "CatBoost"}[library]
    few = {
        "n_estimators": 3,
        **({"verbose": 0, "allow_writing_files": False} if library == "catboost" else {}),
    }
    few |= {"verbosity": -1} if library == "lightgbm" else {}
    group = {"group_id": np.arange(60) // 20} if library == "catboost" else {"group": [20] * 3}
    grades, labels = (X.a > 0).astype(int), np.where(X.a > 0, "yes", "no")
    numbers = labels == "yes" if library == "xgboost" else labels
    cases: dict[str, tuple[Any, Version, dict[str, Any]]] = {
        "Ranker": (grades, replace(NUMBER, task="ranking"), group),
        "Regressor": (X.a, NUMBER, {}),
        "Classifier": (numbers, CLASSES, {}),
    }
    for kind, (y, version, given) in cases.items():
        estimator = getattr(module, f"{prefix}{kind}")(**few).fit(X, y, **given)
        found = opened(library, estimator, version)
        name = {"Classifier": "BoosterClassifier"}.get(kind, "BoosterRegressor")
        assert type(found).__name__ == (name if library == "lightgbm" else f"{prefix}{kind}")
        if kind != "Classifier":
            np.testing.assert_array_equal(found.predict(X), estimator.predict(X))
            continue
        np.testing.assert_allclose(found.predict_proba(X), estimator.predict_proba(X), rtol=0, atol=1e-15)
        assert found.predict_proba(X).shape == (60, 2)
        if library == "lightgbm":  # the labels are in the registry alone
            assert (found.predict(X) == estimator.predict(X)).all()
    with pytest.raises(
        ConfigurationError, match=f"the format '{library}' cannot store this LinearRegression"
    ):
        FORMATS[library].dump(LinearRegression(), SIGNATURE, NUMBER, "x")


def test_xgboosts_own_categories_are_still_its_own() -> None:
    xgboost = pytest.importorskip("xgboost", reason="needs the extra boosters")
    frame = X.assign(plan=pd.Categorical(np.where(X.a > 0, "basic", "plus")))
    trees = xgboost.XGBRegressor(n_estimators=3, enable_categorical=True).fit(frame, X.a)
    np.testing.assert_array_equal(opened("xgboost", trees).predict(frame), trees.predict(frame))


def test_what_a_boosters_file_would_lose() -> None:
    xgboost = pytest.importorskip("xgboost", reason="needs the extra boosters")
    lightgbm = pytest.importorskip("lightgbm", reason="needs the extra boosters")
    with pytest.raises(ConfigurationError, match=r"missing=-1\.0 is not kept"):
        FORMATS["xgboost"].dump(xgboost.XGBRegressor(missing=-1.0), SIGNATURE, NUMBER, "x")

    def squares(y: Any, p: Any) -> Any:
        return p - y, np.ones_like(y)

    with pytest.raises(ConfigurationError, match="its objective is a Python function"):
        FORMATS["lightgbm"].dump(lightgbm.LGBMRegressor(objective=squares), SIGNATURE, NUMBER, "x")
    assert chosen_format("native", xgboost.XGBRegressor(), "x") is FORMATS["xgboost"]
    assert chosen_format("skops", xgboost.XGBRegressor(), "x") is FORMATS["skops"]


# --- skops and joblib ---


def test_a_file_is_the_same_each_time_and_says_what_it_lacks() -> None:
    pytest.importorskip("skops", reason="needs the extra skops")
    made = [make_pipeline(StandardScaler(), LinearRegression()).fit(X, X.a) for _ in range(2)]
    made[1].note = made[0].note = [np.arange(3.0), np.arange(4.0)]  # two files
    for name in ("skops", "joblib"):
        first, again = (FORMATS[name].dump(one, SIGNATURE, NUMBER, "x") for one in made)
        assert first == again
        found = FORMATS[name].open(first, NUMBER, (), "x")
        np.testing.assert_array_equal(found.predict(X), made[0].predict(X))
        assert [part.tolist() for part in found.note] == [[0, 1, 2], [0, 1, 2, 3]]
    with zipfile.ZipFile(io.BytesIO(FORMATS["skops"].dump(made[0], SIGNATURE, NUMBER, "x"))) as archive:
        schema = archive.read("schema.json").decode()
        numbers = sorted(set(map(int, re.findall(r'"__id__": (\d+)', schema))))
        assert numbers == list(range(1, len(numbers) + 1))
        assert {one.filename.partition(".")[0] for one in archive.infolist()[:-1]} == set(
            map(str, range(1, len(archive.infolist())))
        )
    odd = FunctionTransformer(pd.isna).fit(X)
    isna, data = f"{pd.isna.__module__}.isna", FORMATS["skops"].dump(odd, SIGNATURE, NUMBER, "x")
    with pytest.raises(LoadRefusedError, match=rf"are not trusted: {isna}") as raised:
        FORMATS["skops"].open(data, NUMBER, ("a.B",), "x")
    assert "lists (a.B)" in raised.value.expected
    assert FORMATS["skops"].open(data, NUMBER, (isna,), "x").transform(X).equals(X.isna())


# --- errors ---


def test_the_folder_of_a_module_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As this process imported it, else below the working folder, but not in what dbt or git made there."""
    monkeypatch.chdir(tmp_path)
    for file in (
        *("near.py", "src/deep/Far.py", "lib/whole/__init__.py", ".venv/gone.py"),
        *("target/gone.py", "dbt_packages/x/gone.py", "a/b/c/gone.py"),
    ):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
    for module, folder in (("near", ""), ("near.part", ""), ("Far", "src/deep"), ("whole.part", "lib")):
        assert folder_of(module) == repr(str(tmp_path / folder))
    for gone in ("gone", "sys"):  # that one is there, without a file
        assert folder_of(gone) == "the folder in which it was when the version was registered"
    monkeypatch.syspath_prepend(tmp_path / "lib")
    importlib.import_module("whole")
    monkeypatch.setitem(sys.modules, "near", types.ModuleType("near"))
    monkeypatch.setattr(sys.modules["near"], "__file__", str(tmp_path / "other" / "near.py"), raising=False)
    assert folder_of("whole.part") == repr(str(tmp_path / "lib"))
    assert folder_of("near") == repr(str(tmp_path / "other"))
    monkeypatch.delitem(sys.modules, "whole")


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (ModuleNotFoundError("no x", name="mine.part"), "if 'mine.part' is a library, install it; if"),
        (ModuleNotFoundError("no numpy", name="numpy"), "saved with: {'numpy': '2.4.6'}"),
        (ModuleNotFoundError("no"), "install the libraries that it was saved with"),
        (ValueError("odd"), "install the libraries that it was saved with"),
        (MemoryError(), "give this process more memory"),
    ],
)
def test_what_to_do_about_a_file_that_does_not_load(error: Exception, action: str) -> None:
    def load(*_: Any) -> Any:
        raise error

    version = replace(NUMBER, libraries={"numpy": "2.4.6"}, size_bytes=12345)
    with pytest.raises(
        ArtifactError, match=rf"m version 1 does not load \({type(error).__name__}: "
    ) as raised:
        replace(FORMATS["joblib"], load=load).open(b"", version, (), "x")
    assert action in raised.value.action
    assert ("12,345 bytes" in raised.value.expected) == isinstance(error, MemoryError)
