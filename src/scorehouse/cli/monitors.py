"""The monitors of an ML model as dbt models: what `scorehouse scaffold monitors` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scorehouse.cli.monitoring_columns import (
    CALIBRATION,
    DRIFT,
    ESTIMATES,
    INTERVALS,
    MARGINS,
    PERFORMANCE,
    PROFILES,
    RETRAINING,
)
from scorehouse.cli.scaffold import key_of
from scorehouse.project.dbt_names import jinja
from scorehouse.registry.version import Version

# metric of a performance table, and how much worse than at registration it may become
TOLERANCES = {"roc_auc": 0.05, "mae": None, "rmse": None}
RELATIVE_TOLERANCE = 0.2  # for an error, in its own unit
LEVEL = 0.9  # of the intervals of a regression
# The defaults of the macro `drift`, written out since they are the numbers that a user changes first.
MIN_EFFECT = {"psi": 0.02, "mean_shift": 0.1, "spread_shift": 0.1}
DEPENDENT = "-- Chance is what training shows: how much its {units} differ was learned at registration."
INDEPENDENT = (
    "-- Rows are judged as independent. If those of a day or a week are alike, register again with --time."
)
PER_DAY = ", incremental_strategy='delete+insert', unique_key='window_start'"


@dataclass(frozen=True)
class Asked:
    """The answers of the user. `table` is a `ref`; `units` are the windows that registration learned from.

    `signature` has one row per feature; `has_pairs` says whether their correlations were learned.
    """

    version: Version
    table: str
    features: str
    keys: tuple[str, ...]
    day: str | None
    segments: tuple[str, ...]
    training: str | None
    labels: str | None
    label: str | None
    label_days: int
    calibrate_to: str | None
    units: Sequence[str]
    signature: Sequence[dict[str, Any]]
    has_pairs: bool

    @property
    def common(self) -> dict[str, Any]:
        """Settings that profiles and performance share."""
        given = {"key": key_of(self.keys), "day": self.day, "segments": list(self.segments)}
        return {name: value for name, value in given.items() if value}

    @property
    def labelled(self) -> dict[str, str]:
        return {"predictions": self.table, "labels": f"ref('{self.labels}')"}

    @property
    def is_estimated(self) -> bool:
        """Whether performance can be estimated before labels arrive."""
        return self.version.task == "regression" or self.version.score_method == "predict_proba"


@dataclass(frozen=True)
class Monitor:
    """A monitoring model: its SQL and its YAML entry."""

    name: str
    description: str
    sql: str
    columns: dict[str, str]
    tests: Sequence[Any] = ()

    def properties(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            **({"data_tests": list(self.tests)} if self.tests else {}),
            "columns": [{"name": name, "description": text} for name, text in self.columns.items()],
        }


def monitors(asked: Asked) -> list[Monitor]:
    """All monitors that the answers allow for, in the order of their lineage."""
    found = [_profiles(asked)]
    if asked.training:
        found.append(_training_profiles(asked, asked.training))
    found.append(_drift(asked))
    if asked.labels:
        found.append(_performance(asked))
        if asked.is_estimated:
            found += [_calibration(asked), _estimates(asked)]
        if asked.version.task == "regression":
            found += [_margins(asked), _intervals(asked), _coverage(asked)]
    return [*found, _retraining(asked)]


def _profiles(asked: Asked) -> Monitor:
    name = asked.version.name
    config = f"{{{{ config(materialized='incremental'{PER_DAY if asked.day else ''}) }}}}\n\n"
    return Monitor(
        f"{name}_profiles",
        f"Counts of every feature and output of `{name}` in its training bins.",
        config + call_of("profile", _profiled(asked, asked.table), asked.common),
        PROFILES,
    )


def _training_profiles(asked: Asked, training: str) -> Monitor:
    name = asked.version.name
    settings = {setting: value for setting, value in asked.common.items() if setting != "day"}
    return Monitor(
        f"{name}_training_profiles",
        f"The same counts of the training rows of `{name}`: what each segment is compared with.",
        call_of("profile", _profiled(asked, f"ref('{training}')"), settings),
        PROFILES,
    )


def _profiled(asked: Asked, table: str) -> dict[str, str]:
    name = asked.version.name
    return {
        "predictions": table,
        "reference": f"ref('ml_{name}__reference')",
        "features": f"ref('{asked.features}')",
        "signature": f"ref('ml_{name}__signature')",
    }


def _drift(asked: Asked) -> Monitor:
    name, window = asked.version.name, "month" if asked.day else "run"
    relations = {
        "profiles": f"ref('{name}_profiles')",
        "reference": f"ref('ml_{name}__reference')",
        "importance": f"ref('ml_{name}__signature')",
    }
    if asked.training:
        relations["segment_reference"] = f"ref('{name}_training_profiles')"
    units = " and ".join(f"{unit}s" for unit in asked.units)
    chance = DEPENDENT.format(units=units) if units else INDEPENDENT
    return Monitor(
        f"{name}_drift",
        f"Drift of `{name}` against training, by feature and {'month' if asked.day else 'scoring run'}.",
        f"{chance}\n" + call_of("drift", relations, {"window": window, "min_effect": MIN_EFFECT}),
        DRIFT,
        ["scorehouse.no_drift", "scorehouse.no_score_drift"],
    )


def _performance(asked: Asked) -> Monitor:
    version = asked.version
    settings = {**asked.common, "label": asked.label, "task": version.task, **_maturity(asked)}
    return Monitor(
        f"{version.name}_performance",
        f"Performance of `{version.name}`, once the labels have arrived.",
        call_of("performance", asked.labelled, {**settings, **options_of(version)}),
        PERFORMANCE,
        _performance_tests(version, asked.label_days),
    )


def _maturity(asked: Asked) -> dict[str, Any]:
    return {"maturity": {"days": asked.label_days, "share": 0.95}}


def options_of(version: Version, **more: Any) -> dict[str, Any]:
    """The option that names the positive class, if it is not 1, the macro's default; and others."""
    if version.classes and (version.classes[1] != 1 or isinstance(version.classes[1], bool)):
        more["positive"] = version.classes[1]
    return {"options": more} if more else {}


def _calibration(asked: Asked) -> Monitor:
    version = asked.version
    regression = version.task == "regression"
    settings = {"key": key_of(asked.keys), "label": asked.label, **_until(asked)}
    settings |= {"task": version.task} if regression else {}
    settings |= options_of(version, **({"day": asked.day} if asked.day else {}))
    said = "how far predictions were off" if regression else "how scores compare with the labels"
    return Monitor(
        f"{version.name}_calibration",
        f"The basis of the estimates of `{version.name}`: {said}, in twenty bins of equal size.",
        call_of("calibration_table", asked.labelled, settings),
        CALIBRATION,
    )


def _until(asked: Asked) -> dict[str, str]:
    return {"date_to": asked.calibrate_to} if asked.calibrate_to else {}


def _estimates(asked: Asked) -> Monitor:
    version = asked.version
    relations = {"predictions": asked.table, "calibration": f"ref('{version.name}_calibration')"}
    settings = {name: value for name, value in asked.common.items() if name != "key"}
    settings |= {"task": version.task} if version.task == "regression" else {}
    return Monitor(
        f"{version.name}_estimates",
        f"Performance of `{version.name}` as it can be estimated before the labels arrive. It does not see "
        "that the same inputs have come to mean something else: compare it with the performance table.",
        call_of("estimated_performance", relations, {**settings, **options_of(version)}),
        ESTIMATES,
    )


def _margins(asked: Asked) -> Monitor:
    name = asked.version.name
    settings = {"key": key_of(asked.keys), "label": asked.label, "levels": [LEVEL]}
    settings |= {"day": asked.day} if asked.day else {}
    return Monitor(
        f"{name}_margins",
        f"How far predictions of `{name}` were off: the margins of its intervals.",
        call_of("interval_calibration", asked.labelled, {**settings, **_until(asked)}),
        MARGINS,
    )


def _intervals(asked: Asked) -> Monitor:
    name = asked.version.name
    relations = {"predictions": asked.table, "calibration": f"ref('{name}_margins')"}
    return Monitor(
        f"{name}_intervals",
        f"Predictions of `{name}` with the interval that should hold {LEVEL:.0%} of the labels.",
        call_of("prediction_intervals", relations, {"level": LEVEL}),
        INTERVALS,
    )


def _coverage(asked: Asked) -> Monitor:
    name = asked.version.name
    relations = asked.labelled | {"predictions": f"ref('{name}_intervals')"}
    settings = {**asked.common, "label": asked.label, "task": "regression", **_maturity(asked)}
    settings |= options_of(asked.version, lower="prediction_low", upper="prediction_high")
    return Monitor(
        f"{name}_coverage",
        f"How many labels lie in the intervals of `{name}` (metric `coverage`).",
        call_of("performance", relations, settings),
        PERFORMANCE,
        [{"scorehouse.coverage_at_least": {"arguments": {"level": LEVEL, "latest": True}}}],
    )


def _retraining(asked: Asked) -> Monitor:
    version, name = asked.version, asked.version.name
    relations = {"registry": f"ref('ml_{name}')", "drift": f"ref('{name}_drift')", "predictions": asked.table}
    if asked.labels:
        relations["performance"] = f"ref('{name}_performance')"
    limits = {"limits": {"metric": _metric(version)}} if asked.labels else {}
    return Monitor(
        f"{name}_retraining",
        f"Whether `{name}` should be retrained, and why.",
        call_of("retraining_signals", relations, limits),
        RETRAINING,
    )


def _metric(version: Version) -> str:
    """The metric to judge decay by: preferably one with a value at registration."""
    known = [name for name in TOLERANCES if name in version.metrics]
    return known[0] if known else "roc_auc" if version.task == "classification" else "mae"


def _performance_tests(version: Version, days: int) -> list[Any]:
    """Tests: labels arrive, metrics are as good as at registration (if known), scores are calibrated."""
    tests: list[Any] = [
        {"scorehouse.labels_arrive": {"arguments": {"min_share": 0.95, "after_days": days + 1}}}
    ]
    metric = _metric(version)
    if metric in version.metrics:
        tolerance = TOLERANCES[metric] or round(RELATIVE_TOLERANCE * version.metrics[metric], 6)
        arguments = {"registry": f"ref('ml_{version.name}')", "metrics": {metric: tolerance}}
        tests.append({"scorehouse.performance_not_below_reference": {"arguments": arguments}})
    if version.score_method == "predict_proba":
        tests.append({"scorehouse.calibrated": {"config": {"severity": "warn"}}})
    return tests


def call_of(macro: str, relations: dict[str, str], settings: dict[str, Any]) -> str:
    arguments = {**relations, **{name: jinja(value) for name, value in settings.items()}}
    lines = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    return f"{{{{ scorehouse.{macro}(\n{lines}) }}}}\n"
