"""Pictures of the model card as SVG for dbt's docs site: feature importance and calibration.

They are below the first of the project's `asset-paths`, which dbt copies next to the site; a project without
asset paths has no pictures. The same facts give the same bytes, so a picture can be reviewed as a diff.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registration.charts import Bar, Point, bars, curve
from scorehouse.registry.seeds import replace_file
from scorehouse.registry.version import Version

KINDS = ("importance", "calibration")
MOST_FEATURES = 15
BINS = 10
LEAST_ROWS = 20 * BINS
MOST_ROWS = 50_000


def picture_of(project: Path, version: Version, kind: str) -> str | None:
    """The path of a picture on the docs site; None if there is no picture."""
    path = _path(project, version, kind)
    return path if path and (project / path).is_file() else None


def folder_of(project: Path, name: str) -> str | None:
    """The folder of all pictures of an ML model; None if the project has no `asset-paths`."""
    document = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    folders = document.get("asset-paths") or []
    return f"{folders[0]}/ml/{name}" if folders else None


def _path(project: Path, version: Version, kind: str) -> str | None:
    folder = folder_of(project, version.name)
    return f"{folder}/{version.version}/{kind}.svg" if folder else None


def draw(
    project: Path, kernel: Kernel, shares: dict[str, float], rows: pa.RecordBatch, labels: Any
) -> list[str]:
    """Draw the pictures of a version that can be drawn, and return their paths.

    `shares` is the importance of the features; `rows` and `labels` are the data it was measured on.
    """
    version, written = kernel.version, []
    drawings: dict[str, Callable[[], str | None]] = {
        "importance": lambda: importance_picture(version, shares),
        "calibration": lambda: calibration_picture(kernel, rows, labels),
    }
    for kind in KINDS:
        path = _path(project, version, kind)
        if path and (picture := drawings[kind]()):
            replace_file(project / path, picture.encode())
            written.append(path)
    return written


def importance_picture(version: Version, shares: dict[str, float]) -> str | None:
    """The most important features and the sum of the others; None if no feature has any importance."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    shown, rest = ranked[:MOST_FEATURES], ranked[MOST_FEATURES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(share for _, share in rest)))
    if not any(share for _, share in shown):
        return None
    return bars(f"Importance of features, {version.label}", [Bar(name, share) for name, share in shown])


def calibration_picture(kernel: Kernel, rows: pa.RecordBatch, labels: Any) -> str | None:
    """Predicted against observed, in bins of equal size; None if scores are not on the labels' scale."""
    found = _predicted_and_observed(kernel, rows, labels)
    if found is None or len(found.predicted) < LEAST_ROWS:
        return None
    order = np.argsort(found.predicted, kind="stable")
    points = [
        Point(float(found.predicted[part].mean()), float(found.observed[part].mean()), len(part))
        for part in np.array_split(order, BINS)
    ]
    title = f"Calibration, {kernel.version.label}: {len(order):,} rows in {BINS} bins"
    return curve(title, points, found.x, found.y)


@dataclass(frozen=True)
class _Pairs:
    predicted: np.ndarray
    observed: np.ndarray
    x: str
    y: str


def _predicted_and_observed(kernel: Kernel, rows: pa.RecordBatch, labels: Any) -> _Pairs | None:
    version = kernel.version
    two = version.task == "classification" and len(version.classes) == 2
    if labels is None or not (
        version.task == "regression" or (two and version.score_method == "predict_proba")
    ):
        return None
    truth = np.asarray(labels)
    if truth.ndim != 1:
        return None
    rows, truth = rows.slice(0, MOST_ROWS), truth[:MOST_ROWS]
    scored = kernel(rows)
    kept = pc.is_null(scored.column(REJECT_REASON)).to_numpy(False) & ~_missing(truth)
    column = "score" if two else "prediction"
    predicted = scored.column(column).to_numpy(zero_copy_only=False)[kept].astype(np.float64)
    truth = truth[kept]
    if not two:
        return _Pairs(predicted, truth.astype(np.float64), "mean prediction", "mean label")
    positive = version.classes[1]
    observed = np.array([label == positive for label in truth.tolist()], dtype=np.float64)
    return _Pairs(predicted, observed, "mean score", f"share of {positive}")


def _missing(values: np.ndarray) -> np.ndarray:
    return np.array([value is None or value != value for value in values.tolist()], dtype=bool)
