"""Pictures of the model card as SVG for dbt's docs site: feature importance and calibration.

They are below the first of the project's `asset-paths`, which dbt copies next to the site; a project without
asset paths has no pictures. The same facts give the same bytes, so a picture can be reviewed as a diff.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.drawing.plot import Plot, tick_texts, ticks
from scorehouse.drawing.svg import Style, bar, element, path, picture, shortened, text
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.project.folder import project_settings
from scorehouse.registry.seeds import replace_file
from scorehouse.registry.version import Version

KINDS = ("importance", "calibration")
MOST_FEATURES = 15
BINS = 10
LEAST_ROWS = 20 * BINS
MOST_ROWS = 50_000
WIDTH = 640
FONT: Style = {"font_family": "Helvetica, Arial, sans-serif", "font_size": 13, "fill": "#333333"}
BLUE, GREY, LIGHT = "#4C78A8", "#9A9A9A", "#E4E4E4"
ROW = 24
LABELS = 190  # pixels left of the bars
SQUARE = 320  # side of the plot of a curve


def picture_of(project: Path, version: Version, kind: str) -> str | None:
    """The path of a picture on the docs site; None if there is no picture."""
    place = _path(project, version, kind)
    return place if place and (project / place).is_file() else None


def folder_of(project: Path, name: str) -> str | None:
    """The folder of all pictures of an ML model; None if the project has no `asset-paths`."""
    folders = project_settings(project).get("asset-paths") or []
    return f"{folders[0]}/ml/{name}" if folders else None


def _path(project: Path, version: Version, kind: str) -> str | None:
    folder = folder_of(project, version.name)
    return f"{folder}/{version.version}/{kind}.svg" if folder else None


def draw(project: Path, kernel: Kernel, shares: dict[str, float], rows: pa.RecordBatch, labels: Any) -> None:
    """Draw the pictures of a version that can be drawn.

    `shares` is the importance of the features; `rows` and `labels` are the data it was measured on.
    """
    drawings: dict[str, Callable[[], str | None]] = {
        "importance": lambda: importance_picture(kernel.version, shares),
        "calibration": lambda: calibration_picture(kernel, rows, labels),
    }
    for kind, make in drawings.items():
        place = _path(project, kernel.version, kind)
        if place and (drawing := make()):
            replace_file(project / place, drawing.encode())


def importance_picture(version: Version, shares: dict[str, float]) -> str | None:
    """The most important features and the sum of the others; None if no feature has any importance."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    shown, rest = ranked[:MOST_FEATURES], ranked[MOST_FEATURES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(share for _, share in rest)))
    if not any(share for _, share in shown):
        return None
    return bars(f"Importance of features, {version.label}", shown)


def calibration_picture(kernel: Kernel, rows: pa.RecordBatch, labels: Any) -> str | None:
    """Predicted against observed, in bins of equal size; None if scores are not on the labels' scale."""
    version, truth = kernel.version, np.asarray(labels)
    two = version.task == "classification" and len(version.classes) == 2
    on_scale = version.task == "regression" or (two and version.score_method == "predict_proba")
    if not on_scale or truth.ndim != 1:
        return None
    rows, truth = rows.slice(0, MOST_ROWS), truth[:MOST_ROWS]
    scored = kernel(rows)
    kept = pc.is_null(scored.column(REJECT_REASON)).to_numpy(False) & ~pd.isna(truth)
    if kept.sum() < LEAST_ROWS:
        return None
    found = scored.column("score" if two else "prediction").to_numpy(zero_copy_only=False)
    predicted, observed = found[kept].astype(np.float64), truth[kept]
    x, y = "mean prediction", "mean label"
    if two:
        positive = version.classes[1]
        x, y = "mean score", f"share of {positive}"
        observed = np.array([label == positive for label in observed.tolist()])
    observed = observed.astype(np.float64)
    parts = np.array_split(np.argsort(predicted, kind="stable"), BINS)
    points = [(float(predicted[part].mean()), float(observed[part].mean())) for part in parts]
    title = f"Calibration, {version.label}: {len(predicted):,} rows in {BINS} bins"
    return curve(title, points, x, y)


def bars(title: str, rows: Sequence[tuple[str, float]]) -> str:
    """One bar per name and share, with it in percent; the longest bar is as wide as the picture allows."""
    longest = max(share for _, share in rows) or 1.0
    room = WIDTH - LABELS - 70
    parts = [_heading(title)]
    for number, (name, share) in enumerate(rows):
        names = shortened(name, 26), f"{share:.1%}"
        parts += bar(LABELS, 46 + number * ROW, room * share / longest, ROW - 8, names, BLUE, FONT)
    return picture(WIDTH, 44 + len(rows) * ROW + 12, title, parts)


def curve(title: str, points: Sequence[tuple[float, float]], x_label: str, y_label: str) -> str:
    """Points joined in order, on axes with the same scale, and the diagonal on which both are equal."""
    values = [value for point in points for value in point]
    marks = ticks(min(values), max(values))
    plot = Plot(left=80, top=48, width=SQUARE, height=SQUARE)
    x, y = plot.x(marks[0], marks[-1]), plot.y(marks[0], marks[-1])
    parts = [_heading(title)]
    for mark, label in zip(marks, tick_texts(marks), strict=True):
        parts += [plot.down(x(mark), LIGHT), plot.across(y(mark), LIGHT)]
        parts += [plot.below(x(mark), label, FONT), plot.beside(y(mark), label, FONT)]
    middle = plot.left + SQUARE / 2, plot.top + SQUARE / 2
    ends = {"x1": plot.left, "y1": plot.bottom, "x2": plot.right, "y2": plot.top}
    places = [(x(left), y(top)) for left, top in points]
    parts += [
        element("line", **ends, stroke=GREY, stroke_dasharray="5 4"),
        path(places, BLUE, 2),
        *(element("circle", cx=left, cy=top, r=4, fill=BLUE) for left, top in places),
        text(middle[0], plot.bottom + 40, x_label, FONT, anchor="middle"),
        element(
            "g",
            text(20, middle[1], y_label, FONT, anchor="middle"),
            transform=f"rotate(-90 20 {middle[1]:g})",
        ),
        text(plot.right + 16, plot.top + 14, "dashed: predicted = observed", FONT),
    ]
    return picture(WIDTH, int(plot.bottom + 56), title, parts)


def _heading(title: str) -> str:
    return text(16, 24, title, {**FONT, "font_weight": "bold"})
