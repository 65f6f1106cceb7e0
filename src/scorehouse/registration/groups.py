"""The arguments of `register` that belong together, as groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.registration.conformal import LEVELS
from scorehouse.registration.register_arguments import CHECKS, check_arguments


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
