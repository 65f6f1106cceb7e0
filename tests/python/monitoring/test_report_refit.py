"""What the report says of a measured refit: whether it helps, and whether the measurement still counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from scorehouse.report.monitors import Long
from scorehouse.report.refit import newest_of, no_help, refit_in_words
from scorehouse.retraining.gain import _verdict


def measured(
    gain: float | None, low: float = 0.0, high: float = 0.0, day: str = "2025-03-10"
) -> dict[str, Any]:
    verdict = "" if gain is None else _verdict(low, high)
    numbers = {"gain": gain, "gain_low": low, "gain_high": high, "newer_rows": 1_200, "metric": "mae"}
    return {**numbers, "measured_on": day, "verdict": verdict, "not_measured": "it has no labels"}


def judged(*starts: str) -> Long:
    day = {"part": "input", "feature": "x", "metric": "psi", "segment": "all", "status": "ok"}
    windows = [{"window_start": datetime.fromisoformat(start)} for start in starts]
    return Long("drift", [{**day, **one, "window_end": one["window_start"]} for one in windows])


@pytest.mark.parametrize(
    ("refit", "said", "words"),
    [
        (None, "", "whether a refit helps is not measured: COMMAND"),
        (measured(None), "", "whether a refit helps cannot be known: it has no labels (2025-03-10)"),
        (measured(0.08, 0.01, 0.15), "", "better by 0.080 (0.010 to 0.15) on 1,200 newer rows"),
        (measured(0.08, -0.01, 0.17), "is not certain to help", "better by 0.080 (\u22120.010 to 0.17)"),
        (measured(-0.08, -0.17, 0.01), "is not certain to help", "worse by 0.080 (\u22120.010 to 0.17)"),
        (measured(-3.2, -5.0, -1.4), "does not help", "worse by 3.2 (1.4 to 5)"),
    ],
)
def test_a_refit_is_recommended_where_it_helps(refit: dict[str, Any] | None, said: str, words: str) -> None:
    assert no_help({"retrain": True}, refit) == said
    ruled = {"refit": refit["verdict"] or None} if refit else {}
    assert no_help(ruled, None) == said, "the table of signals says the same"
    assert words in refit_in_words(refit, "COMMAND")


def test_a_measurement_from_before_the_drift_does_not_count() -> None:
    old, new = measured(0.1, day="2025-01-31"), measured(0.2, day="2025-03-10")
    months = judged("2025-01-01", "2025-02-01")
    assert newest_of([old, new], [months]) is new
    assert newest_of([old], [judged("2025-01-01")]) is old
    assert newest_of([old], [months, judged("2024-12-01")]) is None
    assert newest_of([], [months]) is None
