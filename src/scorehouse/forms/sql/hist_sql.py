"""Histogram gradient boosting: compares doubles, has categories, and routes missing values per split."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.forms.sql.builder import Builder, Scores, Value
from scorehouse.forms.sql.ensembles import boosted
from scorehouse.forms.sql.scale import numbers_only
from scorehouse.forms.sql.scores import exponential, sigmoid, softmax
from scorehouse.forms.trees import of_hist as hist


def boosting(b: Builder, estimator: Any, values: list[Value], method: str) -> Scores:
    """The baseline and the trees on top of it, through the inverse of the loss's link."""
    values = preprocessed(b, estimator, values)
    numbers_only(b, estimator, values)
    raw = boosted(b, hist.boosting(estimator), values)
    if method == "decision_function":
        return Scores(tuple(raw), bounded=True)
    if method == "predict":
        log = type(estimator._loss.link).__name__ == "LogLink"
        return Scores((exponential(b, raw[0]) if log else raw[0],))
    made = (sigmoid(b, raw[0]),) if len(raw) == 1 else softmax(b, raw)
    return Scores(made, tuple(raw), bounded=True)


def preprocessed(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """Categories as codes first, then numbers, in the order that the trees use."""
    if getattr(estimator, "_preprocessor", None) is None:
        return values
    is_categorical = np.asarray(estimator.is_categorical_, dtype=bool)
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    chosen = [value for value, flag in zip(values, is_categorical, strict=True) if flag]
    numbers = [value for value, flag in zip(values, is_categorical, strict=True) if not flag]
    with b.inside("categorical_features"):
        return [*b.transform(encoder, chosen), *numbers]
