"""The arguments of `register`: in groups, and each checked before anything is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, listed
from scorehouse.registration.conformal import LEVELS, METHODS
from scorehouse.registration.proven_reasons import EXPECTED, is_background
from scorehouse.registry.formats import CHOICES
from scorehouse.registry.version import TASKS, Version

Check = Callable[[Any], bool]
SAME_LEVEL = 1e-9  # what SQL takes for the same level
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a spreadsheet recognizes a formula in a CSV file
WORDS = ("owner", "description", "trained_from", "trained_to")


@dataclass(frozen=True)
class Card:
    """What the estimator does not say about itself, for the model card and the registry.

    `trained_from` and `trained_to` are days. `metrics` maps names to values, such as `{"roc_auc": 0.81}`.
    `feature_names` names the columns of features without names: an array, or a list of rows. `outputs`
    names the outputs of a `multioutput_regression`, or the labels of a `multilabel_classification`, in the
    estimator's order, such as `["week_1", "week_2"]`: the prediction table has a column
    `prediction_<output>` for each, and `score_<output>` for each label. Default: the quantiles of a
    MultiQuantileRegressor, the columns of y, or `output_1`, `output_2` and so on. `provenance` says what it
    was trained from, as `scorehouse retrain` records it, in values that JSON can hold.
    """

    description: str = ""
    owner: str = ""
    trained_from: str = ""
    trained_to: str = ""
    metrics: Mapping[str, float] | None = None
    feature_names: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    provenance: Mapping[str, Any] | None = None

    def facts(self) -> dict[str, Any]:
        """What the registry has a column for."""
        return {name: value for name, value in vars(self).items() if name not in ("feature_names", "outputs")}


@dataclass(frozen=True)
class Reference:
    """What later rows are compared with, beside the training rows themselves.

    `time` is when each training row was, as a column of X or a value per row. The reference then records
    how much days, weeks and months of training differ, and monitoring judges windows by that. Without it,
    rows are judged as independent. `cluster`, in place of `time`, is what groups training rows that are not
    independent of each other, such as a shop and week. `validation` has features and labels (X, y) that the
    fit has not seen, to measure importance on; default: the training rows. `background` is what `reasons`
    compare a row with: a number of training rows to draw, such as 100, or rows of features (at most 1,000),
    which are stored beside the artifact. Reasons of trees are then interventional. Default: all training
    rows, path-dependent for trees.
    """

    time: Any = None
    cluster: Any = None
    validation: tuple[Any, Any] | None = None
    background: Any = None


@dataclass(frozen=True)
class Calibration:
    """Features X and labels y that the fit has not seen, to calibrate intervals or sets with.

    What they calibrate goes into the seed `ml_<name>__calibration`, for `prediction_intervals` and
    `prediction_sets`.
    `method` is `split` for a regression; `lac` (default) or `aps` for a classification. `levels` are the
    shares of labels that intervals or sets may be asked to contain.
    """

    X: Any
    y: Any
    method: str | None = None
    levels: Sequence[float] = LEVELS


@dataclass(frozen=True)
class Storage:
    """How and where the estimator is stored.

    `format` is `joblib`, `skops`, `onnx`, or `native`: the file format of LightGBM, XGBoost or CatBoost.
    `artifact` is an existing file of the estimator in this format, such as an ONNX file made elsewhere.
    `store` is a folder or URL under which to write artifacts: in the project, or in a root of the load
    policy. `parity_tolerance` is the largest allowed difference of scores between the estimator and
    what is stored, on training rows; default 1e-5 for ONNX. Labels must always be equal. `program` says
    whether to prove and store a program; if False, only the estimator scores.
    """

    format: str = "joblib"
    artifact: str | Path | None = None
    store: str = "artifacts"
    parity_tolerance: float | None = None
    program: bool = True


GROUPS: dict[str, type] = {
    "card": Card,
    "reference": Reference,
    "calibration": Calibration,
    "storage": Storage,
}


def check_groups(call: str, groups: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for a group of another type, or the first value of one that is wrong."""
    for name, group in groups.items():
        if group is None:
            continue
        kind = GROUPS[name]
        if not isinstance(group, kind):
            raise ConfigurationError(
                call,
                f"{name} is {group!r:.200}",
                expected=f"scorehouse.{kind.__name__}({', '.join(field.name for field in fields(kind))})",
                action=f"write {name}=scorehouse.{kind.__name__}(...)",
            )
        check_arguments(call, {field: value for field, value in vars(group).items() if field in CHECKS})


def place_of(argument: str) -> str:
    """Where an argument belongs that is part of a group; empty for another."""
    for name, kind in GROUPS.items():
        if argument in {field.name for field in fields(kind)}:
            return f"; it belongs to {name}=scorehouse.{kind.__name__}({argument}=...)"
    return ""


def grouped(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by their own names, as a command has them, in the groups that `register` takes."""
    arguments = dict(facts)
    groups: dict[str, Any] = {}
    for name, kind in GROUPS.items():
        own = {field.name for field in fields(kind)} - {"X", "y"}
        if given := {key: arguments.pop(key) for key in own & set(arguments)}:
            groups[name] = kind(**given)
    return {**arguments, **groups}


def _is_number(value: Any) -> bool:
    """Whether a value is one finite number; NumPy numbers count, booleans do not."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return False
    try:
        return math.isfinite(value) and not isinstance(value, str)
    except (TypeError, ValueError, OverflowError):
        return False


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, Path)) and bool(str(value))


def _are_metrics(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and _is_number(number) for name, number in value.items()
    )


def _are_names(value: Any) -> bool:
    if isinstance(value, (str, bytes, set, Mapping)) or not hasattr(value, "__len__"):
        return False
    if not getattr(value, "ndim", 1):  # an array without a dimension
        return False
    return all(isinstance(name, str) for name in value)


def _is_json(value: Any) -> bool:
    try:
        return isinstance(value, Mapping) and bool(json.dumps(dict(value)))
    except (TypeError, ValueError):
        return False


def _are_levels(value: Any) -> bool:
    if not isinstance(value, (tuple, list)) or not value:
        return False
    if not all(_is_number(level) and 0 < level < 1 for level in value):
        return False
    ordered = sorted(value)
    return all(above - below > SAME_LEVEL for below, above in pairwise(ordered))


def _is_a(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds)


# argument: its check, whether None is allowed, and what is expected
CHECKS: dict[str, tuple[Check, bool, str]] = {
    "task": (lambda v: isinstance(v, str) and v in TASKS, False, f"one of {listed(TASKS)}"),
    "threshold": (_is_number, True, "a number, or None"),
    "description": (_is_a(str), False, "a string"),
    "owner": (_is_a(str), False, "a string"),
    "trained_from": (_is_a(str, date), False, "a day, such as '2025-01-31'"),
    "trained_to": (_is_a(str, date), False, "a day, such as '2025-01-31'"),
    "metrics": (_are_metrics, True, "a mapping of names to finite numbers, such as {'roc_auc': 0.81}"),
    "provenance": (_is_json, True, "a mapping that JSON can hold, or None"),
    "feature_names": (_are_names, True, "a list of column names"),
    "outputs": (_are_names, True, "a list of names, one for each output"),
    "format": (_is_a(str), False, f"one of {listed(CHOICES)}"),
    "artifact": (_is_path, True, "the path of a file, or None"),
    "store": (lambda v: isinstance(v, str) and bool(v), False, "a folder or URL"),
    "parity_tolerance": (lambda v: _is_number(v) and v >= 0, True, "a number of at least 0, or None"),
    "validation": (
        lambda v: isinstance(v, (tuple, list)) and len(v) == 2,
        True,
        "a pair (X, y) of features and labels",
    ),
    "y": (lambda v: v is not None, False, "labels that the fit has not seen"),
    "method": (lambda v: isinstance(v, str) and v in METHODS, True, f"one of {listed(METHODS)}"),
    "levels": (_are_levels, False, "a list of shares between 0 and 1, each once, such as [0.9]"),
    "background": (is_background, True, EXPECTED),
    "program": (_is_a(bool), False, "True or False"),
}


def check_arguments(call: str, arguments: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first argument of a wrong type or value."""
    for name, value in arguments.items():
        check, may_be_none, expected = CHECKS[name]
        if value is None and may_be_none:
            continue
        if value is None or not check(value):
            raise ConfigurationError(
                call,
                f"{name} is {value!r:.200}",
                expected=expected,
                action=f"correct {name}, or leave it out" if may_be_none else f"correct {name}",
            )


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute the text instead of showing it."""
    return text.startswith(FORMULA)


def check_words(version: Version, call: str) -> None:
    """Refuse texts that begin like a formula: an escape before them would change the registered text."""
    for name in WORDS:
        text = str(getattr(version, name))
        if is_formula(text):
            raise ConfigurationError(
                call,
                f"{name} begins with {text[0]!r}: {text[:40]!r}",
                expected="text that a spreadsheet does not read as a formula when it opens the seed",
                action="begin with a letter or a digit",
            )
