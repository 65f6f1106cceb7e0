"""Estimators that hold one estimator for each of several outputs, in `estimators_`, by their class."""

from __future__ import annotations

MULTI_OUTPUT = "sklearn.MultiOutputRegressor"
QUANTILES = "scorehouse.MultiQuantileRegressor"  # whose outputs are sorted in each row
FOR_EACH = (MULTI_OUTPUT, QUANTILES)
