"""The columns that the certificate reads of fitted steps are those that the steps themselves compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from certified_pipelines import pipelines, shop, shop_labels
from scorehouse.certificate.columns import ANY, SAME, Column, differ, moved
from scorehouse.certificate.steps import Steps
from scorehouse.registry.signature import Feature, Signature

pytestmark = pytest.mark.slow
CASES = {name: given for name, given in pipelines().items() if isinstance(given[0], Pipeline)}


def computed(column: Column, X: pd.DataFrame) -> np.ndarray:
    """A column for all rows; None is a missing value."""
    kind, first, *rest = column
    if kind == "feature":
        values = X.iloc[:, first]
        plain = values.astype(float) if rest[0] == "boolean" else values
        return np.array([None if one != one else one for one in plain.tolist()], dtype=object)
    if kind == "constant":
        return np.full(len(X), first, dtype=object)
    before = computed(first, X)
    if kind == "fill":
        return np.array([rest[0] if one is None else one for one in before], dtype=object)
    if kind == "map":
        named, missing, others = rest
        answers = [missing if one is None else named.get(one, others) for one in before]
        pairs = zip(before, answers, strict=True)
        return np.array([one if answer is SAME else answer for one, answer in pairs], dtype=object)
    numbers = np.array([np.nan if one is None else one for one in before], dtype=float)
    with np.errstate(all="ignore"):
        if kind == "clip":
            made = np.clip(numbers, *rest)
        elif kind == "bins":
            made = np.searchsorted(rest[0], numbers, side="right").astype(float)
        elif kind == "above":
            made = (numbers > rest[0]).astype(float)
        else:
            made = {"-": np.subtract, "+": np.add, "*": np.multiply, "/": np.divide}[kind](numbers, rest[0])
    return np.array([None if one != one else one for one in made.tolist()], dtype=object)


def signature(X: pd.DataFrame) -> Signature:
    """Of a shop that knows its cities and levels, and accepts holes elsewhere."""
    kinds = {"f": "double", "b": "boolean"}
    known = {"city": tuple(sorted(set(X["city"]))), "level": (1.0, 2.5, 7.0)}
    features = []
    for name in X:
        closed = name in known
        kind = kinds.get(X[name].dtype.kind, "string")
        facts: dict[str, Any] = {
            "accepts_null": kind == "double" and not closed,
            "accepts_unseen": not closed,
        }
        features.append(Feature(name, kind, str(X[name].dtype), categories=known.get(name), **facts))
    return Signature(tuple(features), "frame")


@pytest.mark.parametrize("name", CASES)
def test_columns_are_those_of_the_steps(name: str) -> None:
    estimator, classes = CASES[name]
    X = shop()
    y = shop_labels(X, max(classes, 0))
    estimator.fit(X, np.exp(y / 4) if classes < 0 else y)
    made = Steps(signature(X))
    columns = made.features
    for _, step in estimator.steps[:-1]:
        columns = made.apply(step, columns)
    tried = pd.concat([X, X.assign(amount=X.amount * 1e6, ratio=-X.ratio)], ignore_index=True)
    tried.loc[::7, "amount"] = np.nan
    tried.loc[1::7, "ratio"] = 1e300
    tried.loc[2::7, "age"] = 5e-324
    expected = estimator[:-1].transform(tried)
    expected = expected.toarray() if hasattr(expected, "toarray") else np.asarray(expected)
    found = np.column_stack([computed(column, tried) for column in columns]).astype(float)
    np.testing.assert_array_equal(found, expected.astype(float))


@pytest.mark.parametrize("name", ["open one-hot and a forest", "rare categories and a forest"])
def test_values_that_no_encoder_knows(name: str) -> None:
    estimator, _ = CASES[name]
    X = shop()
    encoder = estimator.fit(X, shop_labels(X, 2))[0].named_transformers_["onehotencoder"]
    tried = X[[*encoder.feature_names_in_]].copy()
    tried.loc[::3, "city"], tried.loc[1::3, "level"], tried.loc[2::3, "level"] = "Bern", 9.0, np.nan
    made = Steps(signature(X))
    places = [X.columns.get_loc(name) for name in tried]
    columns = made.apply(encoder, [made.features[place] for place in places])
    found = np.column_stack([computed(column, X.assign(**tried)) for column in columns]).astype(float)
    np.testing.assert_array_equal(found, encoder.transform(tried))


def test_columns_differ_where_a_value_that_reaches_them_does() -> None:
    x = ("feature", 0, "text")
    open_map = ("map", x, {"a": 1.0, "b": 0.0}, 0.0, 0.0)
    closed = ("map", x, {"a": 1.0, "b": 0.0}, ANY, ANY)
    assert not differ(("map", x, {"a": 1.0}, 0.0, 0.0), open_map)
    assert not differ(("map", x, {"b": 0.0}, 9.0, 1.0), closed)
    assert not differ(("constant", 1.0), ("map", x, {"a": 1.0}, ANY, ANY))
    assert differ(("map", x, {"b": 0.0}, 0.0, 1.0), open_map)
    assert differ(("map", x, {"a": 1.0, "c": 1.0}, 0.0, 0.0), open_map)
    assert differ(("map", x, {"a": 1.0}, None, 0.0), open_map)
    assert differ(("map", ("feature", 1, "text"), {"a": 1.0}, 0.0, 0.0), open_map)
    assert differ(("-", x, 1.0), moved("-", x, np.nextafter(1.0, 2.0)))
    assert not differ(x, moved("/", moved("-", x, 0.0), 1.0))
