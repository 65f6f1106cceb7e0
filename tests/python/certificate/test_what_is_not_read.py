"""What the certificate does not know is proven on rows only, for a reason in words; it is never claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from altered_programs import packed, unpacked, with_entry, with_head
from certified_models import Stored, stored
from scorehouse.certificate import Part, certify
from scorehouse.certificate.libraries import trees_of
from scorehouse.registry.signature import Signature

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "a": RNG.normal(size=300),
        "b": RNG.normal(size=300),
        "city": RNG.choice(["Basel", "Köln", "Łódź"], 300, p=[0.6, 0.38, 0.02]),
    }
)
NUMBERS = X[["a", "b"]]
OPEN_CODES = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
Y = X["a"] + (X["city"] == "Köln")


def parts_of(model: Stored) -> dict[str, Part]:
    found = model.certificate()
    assert found.differences == ()
    return {part.name: part for part in found.parts}


def behind(step: Any, model: Any) -> Any:
    return make_pipeline(make_column_transformer((step, ["city"]), remainder="passthrough"), model)


@pytest.mark.parametrize(
    ("estimator", "frame", "reason"),
    [
        (
            make_pipeline(PolynomialFeatures(2), RandomForestRegressor(2, max_depth=3)),
            NUMBERS,
            "the step PolynomialFeatures is not read",
        ),
        (
            make_pipeline(PolynomialFeatures(), LinearRegression()),
            NUMBERS,
            "the step PolynomialFeatures is not read",
        ),
        (
            make_pipeline(StandardScaler(), RandomForestRegressor(2, max_depth=3)),
            NUMBERS.astype("float32"),
            "its steps may compute in float32, which is not read",
        ),
        (
            make_pipeline(
                make_column_transformer(
                    (OneHotEncoder(dtype=np.float32, handle_unknown="ignore"), ["city"]),
                ),
                StandardScaler(with_mean=False),
                RandomForestRegressor(2, max_depth=3),
            ),
            X,
            "its steps may compute in float32, which is not read",
        ),
        (
            behind(OneHotEncoder(), RandomForestRegressor(2, max_depth=3)),
            X,  # whose signature, here, accepts other categories
            "an encoder that refuses categories behind other steps is not read",
        ),
    ],
)
def test_steps_that_are_not_read(estimator: Any, frame: pd.DataFrame, reason: str) -> None:
    products = isinstance(estimator[-1], LinearRegression)
    parts = parts_of(stored(estimator.fit(frame, Y), frame, products=products))
    assert (parts["preprocessing"].certified, parts["preprocessing"].reason) == (False, reason)
    assert parts["products" if products else "trees"].certified


@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), OPEN_CODES])
def test_numbers_of_an_encoder_are_filled_as_numbers(encoder: Any) -> None:
    """An imputer behind an encoder: its columns are made from texts, and hold numbers."""
    steps = make_column_transformer((encoder, ["city"]), remainder="passthrough", sparse_threshold=0.0)
    for model in (RandomForestRegressor(2, max_depth=3), LinearRegression()):
        products = isinstance(model, LinearRegression)
        estimator = make_pipeline(steps, SimpleImputer(), model).fit(X, Y)
        assert parts_of(stored(estimator, X, products=products))["preprocessing"].certified


@pytest.mark.heavy
def test_zeros_that_xgboost_takes_as_missing() -> None:
    xgb = pytest.importorskip("xgboost", reason="the extra `boosters` is not installed")
    model = xgb.XGBRegressor(n_estimators=3, n_jobs=1)
    for is_sparse in (True, False):
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=is_sparse)
        parts = parts_of(stored(behind(encoder, model).fit(X, Y), X))
        assert parts["preprocessing"].certified is not is_sparse
    assert parts["trees"].certified


def test_projections_and_several_outputs_are_not_read() -> None:
    model = make_pipeline(StandardScaler(), PCA(2), Ridge())
    parts = parts_of(stored(model.fit(NUMBERS, Y), NUMBERS, products=True))
    assert parts["products"].reason == "a projection, which is a product too, is not read"
    assert parts["preprocessing"].reason == "the step PCA is not read"
    several = MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=2))
    parts = parts_of(stored(several.fit(NUMBERS, np.column_stack([Y, -Y])), NUMBERS))
    assert parts["trees"].reason == "MultiOutputRegressor is not read"


def test_whole_numbers_are_certified_as_far_as_doubles_hold_them() -> None:
    frame = NUMBERS.assign(visits=np.arange(300))
    parts = parts_of(stored(RandomForestRegressor(2, max_depth=3).fit(frame, Y), frame))
    assert (parts["inputs"].certified, parts["inputs"].within) == (True, "whole numbers up to 2**53")
    assert not parts_of(stored(RandomForestRegressor(2).fit(NUMBERS, Y), NUMBERS))["inputs"].within


def test_narrow_arrays_wrap_larger_numbers() -> None:
    array = np.random.default_rng(0).integers(0, 100, (300, 2)).astype("int8")
    model = RandomForestRegressor(2, max_depth=3).fit(array, Y)
    made = stored(model, pd.DataFrame(array, columns=["a", "b"]))
    narrow = Signature(made.signature.features, "array", "int8")
    found = certify(model, made.program, made.version, narrow)
    parts = {part.name: part for part in found.parts}
    assert parts["inputs"].reason == "what an array of int8 makes of larger numbers is not read"


def test_an_ordinal_encoder_that_numbers_none() -> None:
    frame = X.assign(city=X["city"].astype(object).where(np.arange(len(X)) % 9 > 0, None))
    model = behind(OPEN_CODES, RandomForestRegressor(2, max_depth=3)).fit(frame, Y)
    parts = parts_of(stored(model, frame))
    assert parts["preprocessing"].reason.startswith("an ordinal encoder that knows None")


def test_a_reader_that_fails_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = stored(RandomForestRegressor(2, max_depth=3).fit(NUMBERS, Y), NUMBERS)
    monkeypatch.setattr(type(model.estimator), "predict", lambda self, X: 1 / 0)
    parts = parts_of(model)
    assert parts["trees"].reason == "its reader fails (ZeroDivisionError: division by zero)"


def test_programs_that_are_none() -> None:
    model = stored(RandomForestRegressor(2, max_depth=3).fit(NUMBERS, Y), NUMBERS)
    line = stored(LinearRegression().fit(NUMBERS, Y), NUMBERS, products=True)
    whole = unpacked(model.program)
    assert "the program cannot be read (" in model.certificate(b"none").differences[0]
    later = packed(with_head(whole, {"layout": 9}))
    assert model.certificate(later).differences == ("its layout is 9, and this reader knows layout 1",)
    cut = packed({**whole, "edge": whole["edge"][:-1]})
    assert model.certificate(cut).differences == ("trees: an array is not of its nodes",)
    other = model.certificate(line.program).differences
    assert other[0] == "products: it has products, and the estimator is a RandomForestRegressor"
    other = line.certificate(model.program).differences
    assert other[0] == "trees: it has trees, and the estimator is a LinearRegression"


def test_centres_are_compared() -> None:
    model = stored(KMeans(3, n_init=1, random_state=0).fit(NUMBERS), NUMBERS, products=True)
    parts = parts_of(model)
    assert [name for name, part in parts.items() if not part.certified] == ["sql", "checks of sql"]
    assert parts["sql"].reason == "the link 'nearest' is not read in SQL"
    whole = unpacked(model.program)
    moved = with_entry(whole, "layer_1_0", (2, 1, 0), whole["layer_1_0"][2, 1, 0] + 1e-9)
    (found,) = model.certificate(packed(moved)).differences
    assert found.startswith("products: layer 1, sum 2: the weight of column 1 is ")


def test_another_version_of_the_same_model_is_named_node_by_node() -> None:
    one = stored(RandomForestRegressor(9, max_depth=5, random_state=0).fit(NUMBERS, Y), NUMBERS)
    other = stored(RandomForestRegressor(9, max_depth=5, random_state=1).fit(NUMBERS, Y), NUMBERS)
    found = one.certificate(other.program).differences
    assert len(found) == 109
    assert all(text.startswith("trees: tree ") for text in found[:100])
    assert found[100] == "sql: output 0, term 0 is another tree than the estimator's"
    assert len(trees_of(one.estimator)[0].roots) == 9


def test_the_registry_names_as_many_classes_as_the_estimator_has() -> None:
    model = stored(LogisticRegression().fit(NUMBERS, Y > 0), NUMBERS, products=True)
    renamed = replace(model, version=replace(model.version, classes=("no", "yes")))
    assert parts_of(renamed)["links"].certified
    fewer = replace(model, version=replace(model.version, classes=(True,)))
    links, sql, *_ = fewer.certificate().differences
    assert links == "links: its classes are [True], the estimator's [False, True]"
    assert sql.startswith("sql: its columns are ['prediction', 'score', ")
