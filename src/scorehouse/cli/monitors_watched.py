"""Monitors of pairs, slices and evidence, which `scorehouse scaffold monitors` writes beside the others."""

from __future__ import annotations

from typing import Any

from scorehouse.cli.monitoring_columns import ANYTIME, JOINT, SLICES
from scorehouse.cli.monitors import LEVEL, Monitor, call_of, tolerance_of
from scorehouse.cli.monitors_asked import Asked, options_of
from scorehouse.cli.scaffold import key_of
from scorehouse.metrics import LOWER, Use, used

MAX_CATEGORIES, MAX_NUMBERS = 3, 2  # columns by which slices are looked for, the most important ones
CATEGORIES = 50  # a column with more values makes slices that are too small
REJECTED = 0.05  # by how much more rows of a slice may be rejected
ABOVE = 0.5  # by how much an error may be larger in a slice, as a share of that at registration
NAMED = ("log_loss", "mae")  # measures of a positive class or of an output, which the options name
ERRORS = {"regression": "mae", "predict_proba": "log_loss"}


def watched_monitors(asked: Asked) -> list[Monitor]:
    """Those that registration has learned enough for."""
    found = [_joint(asked)] if asked.has_pairs else []
    categories, numbers = _slice_columns(asked)
    if categories or numbers:
        for one in asked.judged if asked.labels else []:
            found.append(_slices(one, _error(one), categories, numbers))
        found += [_slices(asked, "rejected_share", categories, [])] if categories else []
    return [*found, *(monitor for one in asked.judged for monitor in _watch(one))]


def _joint(asked: Asked) -> Monitor:
    name = asked.version.name
    relations = {
        "predictions": asked.table,
        "reference": f"ref('ml_{name}__reference')",
        "features": f"ref('{asked.features}')",
    }
    settings = {"key": key_of(asked.keys), **({"day": asked.day} if asked.day else {})}
    return Monitor(
        f"{name}_joint_drift",
        f"Whether pairs of features of `{name}` go together as in training.",
        call_of("joint_drift", relations, settings),
        JOINT,
        ["scorehouse.no_drift"],
    )


def _slice_columns(asked: Asked) -> tuple[list[str], list[str]]:
    """Segments and the most important categories; the most important numbers."""
    by_importance = sorted(asked.signature, key=lambda row: -(row["importance"] or 0.0))
    categories = [row["feature"] for row in by_importance if _is_category(row)]
    numbers = [row["feature"] for row in by_importance if row["type"] in ("double", "integer")]
    named = [*asked.segments, *(name for name in categories[:MAX_CATEGORIES] if name not in asked.segments)]
    return named, numbers[:MAX_NUMBERS]


def _is_category(row: dict[str, Any]) -> bool:
    known = row["categories"]
    return row["type"] == "boolean" or bool(row["type"] == "string" and known and len(known) <= CATEGORIES)


def _error(asked: Asked) -> str:
    return ERRORS.get(asked.task) or ERRORS.get(asked.version.score_method or "") or "error_rate"


def _slices(asked: Asked, measure: str, categories: list[str], numbers: list[str]) -> Monitor:
    rejected = measure == "rejected_share"
    threshold = REJECTED if rejected else _allowed(asked, measure)
    relations = {"predictions": asked.table, "features": f"ref('{asked.features}')"}
    if not rejected:
        relations["labels"] = f"ref('{asked.labels}')"
    settings: dict[str, Any] = {"columns": categories, "numbers": numbers, "measure": measure}
    settings = {name: value for name, value in settings.items() if value}
    settings |= {"key": key_of(asked.keys)} | ({} if rejected else {"label": asked.label})
    more: dict[str, Any] = {"day": asked.day} if asked.day else {}
    more |= {} if threshold is None else {"threshold": threshold}
    options = (
        options_of(asked, **more) if measure in NAMED or asked.output else {"options": more} if more else {}
    )
    said = "are rejected more often than" if rejected else f"have a certainly higher {measure} than"
    return Monitor(
        f"{asked.stem}_{'rejections' if rejected else 'slices'}",
        f"Rows of {asked.subject}, by up to two columns, that {said} all others.",
        call_of("worst_slices", relations, settings | options),
        SLICES,
        [] if threshold is None else ["scorehouse.no_worse_slices"],
    )


def _allowed(asked: Asked, measure: str) -> float | None:
    """How much more than all other rows a slice may be off; None without a value at registration."""
    accuracy = asked.registered("accuracy") if measure == "error_rate" else None
    known = asked.registered(measure)
    if known is None and accuracy is not None:
        known = 1 - accuracy
    return None if known is None else round(ABOVE * known, 6)


def _watch(asked: Asked) -> list[Monitor]:
    """Limits that hold for life: the promise of the intervals, or what was reached at registration."""
    source, limits = f"{asked.stem}_performance", {}
    if asked.task == "regression":
        source, limits = f"{asked.stem}_coverage", {"coverage": round(LEVEL - 0.05, 6)}
    else:
        for name, metric in used(Use.WATCHED).items():
            known = asked.registered(name) if metric.columns and metric.better else None
            if known is None:
                continue
            worse = tolerance_of(name, known) * (1 if metric.better == LOWER else -1)
            if 0 < known + worse < 1:
                limits[name] = round(known + worse, 6)
    if not limits or not asked.labels:
        return []
    said = f"The evidence so far, over all windows, that {asked.subject} is worse than it may be."
    sql = call_of("anytime_monitor", {"source": f"ref('{source}')"}, {"limits": limits})
    return [Monitor(f"{asked.stem}_watch", said, sql, ANYTIME, ["scorehouse.no_anytime_alarm"])]
