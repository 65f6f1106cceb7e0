"""Prediction sets of MAPIE on the rows of the tests: what `prediction_sets` has to equal.

    pip install mapie==1.6.0 pandas    # in an environment of its own
    python benchmarks/mapie_sets.py

Writes tests/python/support/intervals/mapie_sets.json: for each method and level, the sets of the rows after
the calibration, in the order of their keys, each as a hexadecimal digit with a bit per class. MAPIE draws a
random number per row of an APS calibration; here it is always 1, which is APS without randomisation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores.sets import aps
from sklearn.base import BaseEstimator, ClassifierMixin

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
from intervals.sets_frame import CLASSES, COLUMNS, FRAME, LEVELS, MONTHS, calibration_rows


class Given(ClassifierMixin, BaseEstimator):
    """An estimator whose features are its scores."""

    classes_ = np.array(sorted(CLASSES))
    n_features_in_ = len(CLASSES)
    is_fitted_ = True

    def fit(self, X: Any, y: Any) -> Given:
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.asarray(X)

    def predict(self, X: Any) -> np.ndarray:
        return self.classes_[np.asarray(X).argmax(axis=1)]


class Ones:
    """In place of random numbers."""

    def uniform(self, size: Any) -> np.ndarray:
        return np.ones(size)


FILE = Path(__file__).parents[1] / "tests/python/support/intervals/mapie_sets.json"


def main() -> None:
    aps.check_random_state = lambda _: Ones()
    order = [COLUMNS[CLASSES.index(label)] for label in Given.classes_]
    january = calibration_rows(1)
    later = FRAME[(FRAME.model_version == 1) & (FRAME.day > MONTHS[0])].sort_values("id")
    found: dict[str, str] = {}
    for method in ("lac", "aps"):
        conformal = SplitConformalClassifier(
            Given(), confidence_level=list(LEVELS), conformity_score=method, prefit=True
        )
        conformal.conformalize(january[order].to_numpy(), january.y.to_numpy(str))
        _, sets = conformal.predict_set(later[order].to_numpy())
        for place, level in enumerate(LEVELS):
            by_label = {label: sets[:, k, place] for k, label in enumerate(Given.classes_)}
            bits = sum(by_label[label].astype(int) << k for k, label in enumerate(CLASSES))
            found[f"{method} {level}"] = "".join(f"{one:x}" for one in bits)
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
