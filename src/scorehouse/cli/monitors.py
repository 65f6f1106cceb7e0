"""The monitors of an ML model as dbt models: what `scorehouse scaffold monitors` writes."""

from __future__ import annotations

from typing import Any

from scorehouse.cli.monitored import Monitor, Monitored
from scorehouse.cli.monitoring_columns import (
    CALIBRATION,
    DRIFT,
    ESTIMATES,
    INTERVAL_CALIBRATION,
    INTERVALS,
    PERFORMANCE,
    PROFILES,
    RETRAINING,
    RETRAINING_OUTPUT,
    RETRAINING_OUTPUTS,
)
from scorehouse.cli.scaffold import VIEW, package_test
from scorehouse.metrics import LOWER, METRICS, of_drift
from scorehouse.project.dbt_text import jinja

JUDGED = ("roc_auc", "mae", "rmse")  # what decay is judged by: the first that was measured at registration
# How much worse than at registration a metric may become; for an error, in its own unit.
TOLERANCE, RELATIVE_TOLERANCE = 0.05, 0.2
LEVEL = 0.9  # of the intervals of a regression
# The defaults of the macro `drift`, written out since they are the numbers that a user changes first.
MIN_EFFECT = {name: one.min_effect for name in of_drift("moved") if (one := METRICS[name].drift)}
DEPENDENT = "-- Chance is what training shows: how much its {units} differ was learned at registration.\n"
INDEPENDENT = (
    "-- Rows are judged as independent. If those of a day or a week are alike, register again with --time.\n"
)
PER_DAY = "{{ config(materialized='incremental', **scorehouse.replace_windows()) }}\n\n"
PER_RUN = "{{ config(materialized='incremental', **scorehouse.replace_windows('run_id')) }}\n\n"


def monitors(model: Monitored) -> list[Monitor]:
    """All monitors that the answers allow for, in the order of their lineage."""
    written = [*_profiles(model), _drift(model, "drift", model.period if model.day else "run")]
    if model.is_dated_longer:  # which shows a change late in it only in the next; a day shows it at once
        written += [_drift(model, "daily_drift", "day")]
    for one in model.judged:
        written.append(_performance(one))
        if one.is_estimated:
            written += _estimates(one)
        if one.task == "regression":
            written += _intervals(one)
    return [*written, _retraining(model)]


def _profiles(model: Monitored) -> list[Monitor]:
    name = model.version.name
    relations = {
        "predictions": model.table,
        "reference": f"ref('ml_{name}__reference')",
        "features": f"ref('{model.features}')",
        "signature": f"ref('ml_{name}__signature')",
    }
    profiles = model.monitor(
        "profiles",
        f"Counts of every feature and output of `{name}` in its training bins.",
        PROFILES,
        "profile",
        relations,
        {"key": model.key, "day": model.day, "segments": model.segments},
        config=PER_DAY if model.day else PER_RUN,
    )
    if not model.training:
        return [profiles]
    training = model.monitor(
        "training_profiles",
        f"The same counts of the training rows of `{name}`: what each segment is compared with.",
        PROFILES,
        "profile",
        relations | {"predictions": f"ref('{model.training}')"},
        {"key": model.key, "segments": model.segments},
    )
    return [profiles, training]


def _drift(model: Monitored, ending: str, window: str) -> Monitor:
    name = model.version.name
    relations = {
        "profiles": f"ref('{name}_profiles')",
        "reference": f"ref('ml_{name}__reference')",
        "importance": f"ref('ml_{name}__signature')",
        "segment_reference": f"ref('{name}_training_profiles')" if model.training else None,
    }
    units = " and ".join(f"{unit}s" for unit in model.units)
    return model.monitor(
        ending,
        f"Drift of `{name}` against training, by feature and {'scoring run' if window == 'run' else window}.",
        DRIFT,
        "drift",
        relations,
        {"window": window, "min_effect": MIN_EFFECT},
        ["scorehouse.no_drift", "scorehouse.no_score_drift"],
        head=DEPENDENT.format(units=units) if units else INDEPENDENT,
    )


def _judged_by(model: Monitored, task: str) -> dict[str, Any]:
    """The settings of `performance`, but for its options."""
    return {
        "key": model.key,
        "day": model.day,
        "period": model.span,
        "segments": model.segments,
        "label": model.label,
        "task": task,
        "maturity": {"days": model.label_days, "share": 0.95},
    }


def _performance(model: Monitored) -> Monitor:
    """With tests: labels arrive, metrics are as good as at registration, scores are calibrated."""
    tests: list[Any] = [package_test("labels_arrive", min_share=0.95, after_days=model.label_days + 1)]
    metric = _metric(model)
    registered = model.registered(metric)
    if registered is not None:
        metrics = {metric: tolerance_of(metric, registered)}
        registry = f"ref('ml_{model.version.name}')"
        tests.append(
            package_test("performance_not_below_reference", registry=registry, metrics=metrics, **model.named)
        )
    if model.version.score_method == "predict_proba":
        tests.append({"scorehouse.calibrated": {"config": {"severity": "warn"}}})
    return model.monitor(
        "performance",
        f"Performance of {model.subject}, once the labels have arrived.",
        PERFORMANCE,
        "performance",
        model.labelled,
        _judged_by(model, model.task) | {"options": model.options()},
        tests,
    )


def _estimates(model: Monitored) -> list[Monitor]:
    task = "regression" if model.task == "regression" else None  # None: the macros' default
    said = "how far predictions were off" if task else "how scores compare with the labels"
    calibration = model.monitor(
        "calibration",
        f"The basis of the estimates of {model.subject}: {said}, in twenty bins of equal size.",
        CALIBRATION,
        "calibration_table",
        model.labelled,
        {
            "key": model.key,
            "label": model.label,
            "date_to": model.calibrate_to,
            "task": task,
            "options": model.options(day=model.day),
        },
    )
    estimates = model.monitor(
        "estimates",
        f"Performance of {model.subject} as it can be estimated before the labels arrive. It does not see "
        "that the same inputs have come to mean something else: compare it with the performance table.",
        ESTIMATES,
        "estimated_performance",
        {"predictions": model.table, "calibration": f"ref('{calibration.name}')"},
        {
            "day": model.day,
            "period": model.span,
            "segments": model.segments,
            "task": task,
            "options": model.options(),
        },
    )
    return [calibration, estimates]


def _intervals(model: Monitored) -> list[Monitor]:
    calibration = model.monitor(
        "interval_calibration",
        f"How far predictions of {model.subject} were off: the half widths of its intervals.",
        INTERVAL_CALIBRATION,
        "interval_calibration",
        model.labelled,
        {
            "key": model.key,
            "label": model.label,
            "levels": [LEVEL],
            "day": model.day,
            "date_to": model.calibrate_to,
            "options": model.options(),
        },
    )
    intervals = model.monitor(
        "intervals",
        f"Predictions of {model.subject} with the interval that should hold {LEVEL:.0%} of the labels.",
        INTERVALS,
        "prediction_intervals",
        {"predictions": model.table, "calibration": f"ref('{calibration.name}')"},
        {"level": LEVEL, "options": model.options()},
        config=VIEW,  # a row per prediction
    )
    coverage = model.monitor(
        "coverage",
        f"How many labels lie in the intervals of {model.subject} (metric `coverage`).",
        PERFORMANCE,
        "performance",
        model.labelled | {"predictions": f"ref('{intervals.name}')"},
        _judged_by(model, "regression")
        | {"options": model.options(lower="prediction_low", upper="prediction_high")},
        [
            package_test(
                "coverage_at_least", level=LEVEL, latest=True, calibration=f"ref('{calibration.name}')"
            )
        ],
    )
    return [calibration, intervals, coverage]


def _retraining(model: Monitored) -> Monitor:
    name, judged, columns = model.version.name, model.judged, RETRAINING
    relations = {
        "registry": f"ref('ml_{name}')",
        "drift": f"ref('{name}_drift')",
        "predictions": model.table,
        "recent_drift": f"ref('{name}_daily_drift')" if model.is_dated_longer else None,
    }
    if len(judged) > 1:
        tables = ", ".join(f"{jinja(each.ending)}: ref('{each.stem}_performance')" for each in judged)
        relations["performance"], columns = f"{{{tables}}}", RETRAINING | RETRAINING_OUTPUT
    elif judged:
        relations["performance"] = f"ref('{judged[0].stem}_performance')"
    named = judged[0].named if len(judged) == 1 else {}
    limits: dict[str, Any] = {"metric": _metric(judged[0]), **named} if judged else {}
    if not judged:  # without labels, nothing is nearer to performance
        limits, columns = {"drifted_outputs": 1}, RETRAINING | RETRAINING_OUTPUTS
    return model.monitor(
        "retraining",
        f"Whether `{name}` should be retrained, and why.",
        columns,
        "retraining_signals",
        relations,
        {"limits": limits},
        config=VIEW,
    )


def _metric(model: Monitored) -> str:
    """The metric to judge decay by: preferably one with a value at registration."""
    known = [name for name in JUDGED if model.registered(name) is not None]
    return known[0] if known else "roc_auc" if model.task == "classification" else "mae"


def tolerance_of(metric: str, registered: float) -> float:
    """How much worse than its value at registration a metric may become."""
    return round(RELATIVE_TOLERANCE * registered, 6) if METRICS[metric].better == LOWER else TOLERANCE
