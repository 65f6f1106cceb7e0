"""Predictions with their labels, by month: smooth and tied scores, one class only, gaps, late labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

RNG = np.random.default_rng(7)
N = 3000


def cohort(month: int, score: Any, y: Any, region: Any = "north") -> pd.DataFrame:
    """Predictions of one month with their labels; a score from 0.4 on is predicted to be positive."""
    score = np.asarray(score, dtype=float)
    return pd.DataFrame(
        {
            "day": pd.Timestamp(2026, month, 15),
            "score": score,
            "prediction": (score >= 0.4).astype(int),
            "y": y,
            "region": region,
        }
    )


def drawn(score: Any) -> Any:
    return (RNG.random(len(score)) < np.clip(score, 0, 1) ** 1.3).astype(float)


def classified() -> pd.DataFrame:
    continuous = RNG.beta(2, 3, N)
    tied = np.round(RNG.beta(2, 3, N), 2)
    few = RNG.choice([0.0, 0.25, 0.5, 1.0], N)
    odd = RNG.beta(2, 3, N)
    odd[:50] = np.nan
    late = RNG.beta(2, 3, N)
    late_labels = drawn(late)
    late_labels[: N // 2] = np.nan
    frame = pd.concat(
        [
            cohort(1, continuous, drawn(continuous), RNG.choice(["north", "south"], N)),
            cohort(2, tied, drawn(tied), np.where(np.arange(N) < 20, "tiny", "north")),
            cohort(3, few, drawn(few)),
            cohort(4, tied, 0.0),
            cohort(5, tied, 1.0),
            cohort(6, odd, drawn(odd)),
            cohort(7, late, late_labels),
            cohort(8, tied, drawn(tied)),  # too young on the day of asking
            cohort(9, np.full(N, np.nan), drawn(tied)),
        ],
        ignore_index=True,
    )
    frame["id"] = np.arange(len(frame))
    return frame


def regressed() -> pd.DataFrame:
    y = np.round(RNG.gamma(2, 3, N))
    frame = cohort(1, y + RNG.normal(0.3, 2, N), y)
    constant = cohort(2, RNG.normal(5, 1, 100), 5.0)
    gaps = cohort(3, RNG.normal(5, 1, 200), np.round(RNG.gamma(2, 3, 200)))
    gaps.loc[:9, "score"] = [np.nan] * 8 + [np.inf, -np.inf]
    gaps.loc[10:14, "y"] = np.nan
    frame = pd.concat([frame, constant, gaps], ignore_index=True)
    frame["prediction"] = frame["score"]
    frame["lower"], frame["upper"] = frame["score"] - 3, frame["score"] + 3
    frame["id"] = np.arange(len(frame))
    return frame


def ranked() -> pd.DataFrame:
    frame = cohort(1, np.round(RNG.random(N), 2), 0.0)
    frame["query"] = np.arange(N) // 30
    frame["y"] = np.where(frame["query"] < 5, 0.0, RNG.choice([0, 0, 0, 1, 2], N))
    gaps = cohort(2, np.round(RNG.random(300), 2), RNG.choice([0.0, 0.0, 1.0], 300))
    gaps["query"] = np.arange(300) // 15
    gaps.loc[::7, "score"] = np.nan
    frame = pd.concat([frame, gaps], ignore_index=True)
    frame["id"] = np.arange(len(frame))
    return frame


CLASSES = ["low", "Mid-dle", "high"]


def several() -> pd.DataFrame:
    """Scores of three classes by month: smooth, tied, one class only, a class never seen, NULL scores."""
    frames = []
    for month, places in ((1, 9), (2, 1), (3, 9), (4, 2), (5, 9)):
        scores = RNG.dirichlet([1.0, 1.5, 0.7], N)
        truth = np.array([RNG.choice(3, p=row) for row in scores])
        if month == 3:
            truth[:] = 1
        if month == 4:
            truth[truth == 2] = 0
        scores = np.round(scores, places)
        labels = np.array(CLASSES)
        frame = pd.DataFrame(scores, columns=["score_low", "score_mid_dle", "score_high"])
        frame = frame.assign(day=pd.Timestamp(2026, month, 15), y=labels[truth])
        frame["prediction"] = labels[scores.argmax(axis=1)]
        if month == 5:
            frame.loc[:40, "score_high"] = np.nan
            frame.loc[41:60, "score_low"] = np.inf
            frame.loc[61:90, "y"] = None
        frames.append(frame)
    found = pd.concat(frames, ignore_index=True)
    found["id"] = np.arange(len(found))
    return found


SEVERAL = several()
FRAMES = {"classified": classified(), "regressed": regressed(), "ranked": ranked()}
MATURITY = "maturity={'days': 10, 'share': 0.9, 'as_of': '2026-09-05'}"
TASKS = {
    "classified": "task='classification', segments=['region'], "
    "options={'thresholds': {'roc_auc': 0.99, 'brier': 0.9}}",
    "regressed": "task='regression', options={'lower': 'lower', 'upper': 'upper'}",
    "ranked": "task='ranking', options={'query': 'query', 'k': 5}",
}
