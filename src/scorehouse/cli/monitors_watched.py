"""Monitors of pairs, segments and evidence, which `scorehouse scaffold monitors` writes beside the others."""

from __future__ import annotations

from typing import Any

from scorehouse.cli.monitored import Monitor, Monitored
from scorehouse.cli.monitoring_columns import JOINT, SEQUENTIAL, WORST_SEGMENTS
from scorehouse.cli.monitors import LEVEL, tolerance_of
from scorehouse.cli.scaffold import given
from scorehouse.metrics import LOWER, Use, used

MAX_CATEGORIES, MAX_NUMBERS = 3, 2  # columns by which segments are looked for, the most important ones
CATEGORIES = 50  # a column with more values makes segments that are too small
REJECTED = 0.05  # by how much more rows of a segment may be rejected
ABOVE = 0.5  # by how much an error may be larger in a segment, as a share of that at registration
# Where labels are a matter of chance, log loss is high of the best model: what its scores promise is not held
# against it.
EXCESS = "excess_log_loss"
NAMED = ("log_loss", EXCESS, "mae")  # measures of a positive class or of an output, which the options name
ERRORS = {"regression": "mae", "predict_proba": "log_loss"}


def watched_monitors(model: Monitored) -> list[Monitor]:
    """Those that registration has learned enough for."""
    written = [_joint(model)] if model.has_pairs else []
    categories, numbers = _segment_columns(model)
    if categories or numbers:
        written += [_worst_segments(one, categories, numbers) for one in model.judged]
    if categories:
        written.append(_rejections(model, categories))
    return [*written, *(monitor for one in model.judged for monitor in _watch(one))]


def _joint(model: Monitored) -> Monitor:
    name = model.version.name
    return model.monitor(
        "joint_drift",
        f"Whether pairs of features of `{name}` go together as in training.",
        JOINT,
        "joint_drift",
        {
            "predictions": model.table,
            "reference": f"ref('ml_{name}__reference')",
            "features": f"ref('{model.features}')",
        },
        {"key": model.key, "day": model.day},
        ["scorehouse.no_drift"],
    )


def _segment_columns(model: Monitored) -> tuple[list[str], list[str]]:
    """Segments and the most important categories; the most important numbers."""
    by_importance = sorted(model.signature, key=lambda row: -(row["importance"] or 0.0))
    categories = [row["feature"] for row in by_importance if _is_category(row)]
    numbers = [row["feature"] for row in by_importance if row["type"] in ("double", "integer")]
    named = [*model.segments, *(name for name in categories[:MAX_CATEGORIES] if name not in model.segments)]
    return named, numbers[:MAX_NUMBERS]


def _is_category(row: dict[str, Any]) -> bool:
    known = row["categories"]
    return row["type"] == "boolean" or bool(row["type"] == "string" and known and len(known) <= CATEGORIES)


def _rejections(model: Monitored, categories: list[str]) -> Monitor:
    return model.monitor(
        "rejections",
        f"Rows of {model.subject}, by up to two columns, that are rejected more often than all others.",
        WORST_SEGMENTS,
        "worst_segments",
        {"predictions": model.table, "features": f"ref('{model.features}')"},
        {
            "columns": categories,
            "measure": "rejected_share",
            "key": model.key,
            "options": given(day=model.day, threshold=REJECTED),
        },
        ["scorehouse.no_worse_segments"],
    )


def _worst_segments(model: Monitored, categories: list[str], numbers: list[str]) -> Monitor:
    """Segments with a higher error; tested if the error at registration is known."""
    measure = ERRORS.get(model.task) or ERRORS.get(model.version.score_method or "") or "error_rate"
    registered, accuracy = model.registered(measure), model.registered("accuracy")
    if registered is None and measure == "error_rate" and accuracy is not None:
        registered = 1 - accuracy
    if measure == "log_loss" and len(model.version.classes) == 2:
        measure = EXCESS
    threshold = None if registered is None else round(ABOVE * registered, 6)
    options_of = model.options if measure in NAMED or model.output else given
    return model.monitor(
        "worst_segments",
        f"Rows of {model.subject}, by up to two columns, with a certainly higher {measure} than all others.",
        WORST_SEGMENTS,
        "worst_segments",
        {
            "predictions": model.table,
            "features": f"ref('{model.features}')",
            "labels": f"ref('{model.labels}')",
        },
        {
            "columns": categories,
            "numbers": numbers,
            "measure": measure,
            "key": model.key,
            "label": model.label,
            "options": options_of(day=model.day, threshold=threshold),
        },
        [] if registered is None else ["scorehouse.no_worse_segments"],
    )


def _watch(model: Monitored) -> list[Monitor]:
    """Limits that hold for life: the promise of the intervals, or what was reached at registration."""
    source, limits = "performance", {}
    if model.task == "regression":
        source, limits = "coverage", {"coverage": round(LEVEL - 0.05, 6)}
    else:
        for name, metric in used(Use.WATCHED).items():
            registered = model.registered(name) if metric.columns and metric.better else None
            if registered is None:
                continue
            worst = registered + tolerance_of(name, registered) * (1 if metric.better == LOWER else -1)
            if 0 < worst < 1:
                limits[name] = round(worst, 6)
    if not limits:
        return []
    monitor = model.monitor(
        "watch",
        f"The evidence so far, over all windows, that {model.subject} is worse than it may be.",
        SEQUENTIAL,
        "sequential_monitor",
        {"source": f"ref('{model.stem}_{source}')"},
        {"limits": limits},
        ["scorehouse.no_sequential_alert"],
    )
    return [monitor]
