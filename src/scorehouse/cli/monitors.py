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
    RETRAINING_OUTPUT,
    RETRAINING_OUTPUTS,
)
from scorehouse.cli.monitors_asked import Asked, options_of
from scorehouse.cli.scaffold import key_of
from scorehouse.metrics import LOWER, METRICS, of_drift
from scorehouse.project.dbt_names import jinja

JUDGED = ("roc_auc", "mae", "rmse")  # what decay is judged by: the first that was measured at registration
# How much worse than at registration a metric may become; for an error, in its own unit.
TOLERANCE, RELATIVE_TOLERANCE = 0.05, 0.2
LEVEL = 0.9  # of the intervals of a regression
# The defaults of the macro `drift`, written out since they are the numbers that a user changes first.
MIN_EFFECT = {name: one.min_effect for name in of_drift("moved") if (one := METRICS[name].drift)}
DEPENDENT = "-- Chance is what training shows: how much its {units} differ was learned at registration."
INDEPENDENT = (
    "-- Rows are judged as independent. If those of a day or a week are alike, register again with --time."
)
PER_DAY = ", **scorehouse.replace_windows()"
PER_RUN = ", **scorehouse.replace_windows('run_id')"


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
    found += [_drift(asked), *([_daily_drift(asked)] if asked.day else [])]
    for one in asked.judged if asked.labels else []:
        found.append(_performance(one))
        if one.is_estimated:
            found += [_calibration(one), _estimates(one)]
        if one.task == "regression":
            found += [_margins(one), _intervals(one), _coverage(one)]
    return [*found, _retraining(asked)]


def _profiles(asked: Asked) -> Monitor:
    name = asked.version.name
    config = f"{{{{ config(materialized='incremental'{PER_DAY if asked.day else PER_RUN}) }}}}\n\n"
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
    return _drift_in(asked, "drift", "month" if asked.day else "run")


def _daily_drift(asked: Asked) -> Monitor:
    """A month shows a change late in it only in the next month; a day shows it at once."""
    return _drift_in(asked, "daily_drift", "day")


def _drift_in(asked: Asked, ending: str, window: str) -> Monitor:
    name = asked.version.name
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
        f"{name}_{ending}",
        f"Drift of `{name}` against training, by feature and {'scoring run' if window == 'run' else window}.",
        f"{chance}\n" + call_of("drift", relations, {"window": window, "min_effect": MIN_EFFECT}),
        DRIFT,
        ["scorehouse.no_drift", "scorehouse.no_score_drift"],
    )


def _performance(asked: Asked) -> Monitor:
    settings = {**asked.common, "label": asked.label, "task": asked.task, **_maturity(asked)}
    return Monitor(
        f"{asked.stem}_performance",
        f"Performance of {asked.subject}, once the labels have arrived.",
        call_of("performance", asked.labelled, {**settings, **options_of(asked)}),
        PERFORMANCE,
        _performance_tests(asked),
    )


def _maturity(asked: Asked) -> dict[str, Any]:
    return {"maturity": {"days": asked.label_days, "share": 0.95}}


def _calibration(asked: Asked) -> Monitor:
    regression = asked.task == "regression"
    settings = {"key": key_of(asked.keys), "label": asked.label, **_until(asked)}
    settings |= {"task": "regression"} if regression else {}
    settings |= options_of(asked, **({"day": asked.day} if asked.day else {}))
    said = "how far predictions were off" if regression else "how scores compare with the labels"
    return Monitor(
        f"{asked.stem}_calibration",
        f"The basis of the estimates of {asked.subject}: {said}, in twenty bins of equal size.",
        call_of("calibration_table", asked.labelled, settings),
        CALIBRATION,
    )


def _until(asked: Asked) -> dict[str, str]:
    return {"date_to": asked.calibrate_to} if asked.calibrate_to else {}


def _estimates(asked: Asked) -> Monitor:
    relations = {"predictions": asked.table, "calibration": f"ref('{asked.stem}_calibration')"}
    settings = {name: value for name, value in asked.common.items() if name != "key"}
    settings |= {"task": "regression"} if asked.task == "regression" else {}
    return Monitor(
        f"{asked.stem}_estimates",
        f"Performance of {asked.subject} as it can be estimated before the labels arrive. It does not see "
        "that the same inputs have come to mean something else: compare it with the performance table.",
        call_of("estimated_performance", relations, {**settings, **options_of(asked)}),
        ESTIMATES,
    )


def _margins(asked: Asked) -> Monitor:
    settings = {"key": key_of(asked.keys), "label": asked.label, "levels": [LEVEL]}
    settings |= {"day": asked.day} if asked.day else {}
    return Monitor(
        f"{asked.stem}_margins",
        f"How far predictions of {asked.subject} were off: the margins of its intervals.",
        call_of("interval_calibration", asked.labelled, {**settings, **_until(asked), **options_of(asked)}),
        MARGINS,
    )


def _intervals(asked: Asked) -> Monitor:
    relations = {"predictions": asked.table, "calibration": f"ref('{asked.stem}_margins')"}
    return Monitor(
        f"{asked.stem}_intervals",
        f"Predictions of {asked.subject} with the interval that should hold {LEVEL:.0%} of the labels.",
        call_of("prediction_intervals", relations, {"level": LEVEL, **options_of(asked)}),
        INTERVALS,
    )


def _coverage(asked: Asked) -> Monitor:
    relations = asked.labelled | {"predictions": f"ref('{asked.stem}_intervals')"}
    settings = {**asked.common, "label": asked.label, "task": "regression", **_maturity(asked)}
    settings |= options_of(asked, lower="prediction_low", upper="prediction_high")
    return Monitor(
        f"{asked.stem}_coverage",
        f"How many labels lie in the intervals of {asked.subject} (metric `coverage`).",
        call_of("performance", relations, settings),
        PERFORMANCE,
        [{"scorehouse.coverage_at_least": {"arguments": {"level": LEVEL, "latest": True}}}],
    )


def _retraining(asked: Asked) -> Monitor:
    name = asked.version.name
    relations = {"registry": f"ref('ml_{name}')", "drift": f"ref('{name}_drift')", "predictions": asked.table}
    if asked.day:
        relations["recent_drift"] = f"ref('{name}_daily_drift')"
    judged, columns = asked.judged if asked.labels else [], RETRAINING
    if len(judged) > 1:
        tables = ", ".join(f"{jinja(each.ending)}: ref('{each.stem}_performance')" for each in judged)
        relations["performance"], columns = f"{{{tables}}}", RETRAINING | RETRAINING_OUTPUT
    elif judged:
        relations["performance"] = f"ref('{judged[0].stem}_performance')"
    named = judged[0].named if len(judged) == 1 else {}
    limits: dict[str, Any] = {"metric": _metric(judged[0]), **named} if judged else {}
    if not judged:  # without labels, nothing is nearer to performance
        limits, columns = {"drifted_outputs": 1}, RETRAINING | RETRAINING_OUTPUTS
    return Monitor(
        f"{name}_retraining",
        f"Whether `{name}` should be retrained, and why.",
        call_of("retraining_signals", relations, {"limits": limits}),
        columns,
    )


def _metric(asked: Asked) -> str:
    """The metric to judge decay by: preferably one with a value at registration."""
    known = [name for name in JUDGED if asked.registered(name) is not None]
    return known[0] if known else "roc_auc" if asked.task == "classification" else "mae"


def tolerance_of(metric: str, registered: float) -> float:
    """How much worse than its value at registration a metric may become."""
    return round(RELATIVE_TOLERANCE * registered, 6) if METRICS[metric].better == LOWER else TOLERANCE


def _performance_tests(asked: Asked) -> list[Any]:
    """Tests: labels arrive, metrics are as good as at registration (if known), scores are calibrated."""
    days = asked.label_days
    tests: list[Any] = [
        {"scorehouse.labels_arrive": {"arguments": {"min_share": 0.95, "after_days": days + 1}}}
    ]
    metric = _metric(asked)
    registered = asked.registered(metric)
    if registered is not None:
        tolerance = tolerance_of(metric, registered)
        arguments = {"registry": f"ref('ml_{asked.version.name}')", "metrics": {metric: tolerance}}
        tests.append({"scorehouse.performance_not_below_reference": {"arguments": arguments | asked.named}})
    if asked.version.score_method == "predict_proba":
        tests.append({"scorehouse.calibrated": {"config": {"severity": "warn"}}})
    return tests


def call_of(macro: str, relations: dict[str, str], settings: dict[str, Any]) -> str:
    arguments = {**relations, **{name: jinja(value) for name, value in settings.items()}}
    lines = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    return f"{{{{ scorehouse.{macro}(\n{lines}) }}}}\n"
