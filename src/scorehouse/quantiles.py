"""For training scripts: a regressor for each of several quantiles, as one estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone

from scorehouse.errors import ConfigurationError


class MultiQuantileRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor for each of several quantiles of one label; predicted quantiles never cross.

    Parameters
    ----------
    estimator: a regressor of one quantile, such as `HistGradientBoostingRegressor(loss="quantile")`.
    quantiles: at least two, each between 0 and 1, in increasing order.
    parameter: the parameter of `estimator` that is the quantile, such as `quantile` of scikit-learn's
        HistGradientBoostingRegressor and QuantileRegressor, `alpha` of GradientBoostingRegressor and
        LightGBM, or `lgbmregressor__alpha` in a pipeline.

    Attributes
    ----------
    estimators_: a fitted clone of `estimator` for each quantile.
    output_names_: `p05` for the quantile 0.05, `p02.5` for 0.025 and so on.

    Regressors that are fitted one by one may contradict each other: in some rows the 0.9 quantile is below
    the 0.5 quantile. `predict` therefore sorts the predictions of each row, which never makes them worse by
    the pinball loss (V. Chernozhukov, I. Fernandez-Val and A. Galichon, 2010: Quantile and probability curves
    without crossing).
    """

    def __init__(
        self, estimator: Any, quantiles: Sequence[float] = (0.05, 0.5, 0.95), parameter: str = "quantile"
    ) -> None:
        self.estimator = estimator
        self.quantiles = quantiles
        self.parameter = parameter

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a clone for each quantile. X has the shape (rows, features), and y the shape (rows,)."""
        self._check()
        made = [clone(self.estimator).set_params(**{self.parameter: float(q)}) for q in self.quantiles]
        self.estimators_ = [one.fit(X, y) for one in made]
        self.output_names_ = [_name(quantile) for quantile in self.quantiles]
        for fact in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimators_[0], fact):
                setattr(self, fact, getattr(self.estimators_[0], fact))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The quantiles in increasing order, of shape (rows, quantiles)."""
        return np.sort(np.column_stack([one.predict(X) for one in self.estimators_]), axis=1)

    def _check(self) -> None:
        levels = np.asarray(self.quantiles, dtype=np.float64)
        if levels.ndim != 1 or len(levels) < 2 or not (np.diff([0.0, *levels, 1.0]) > 0).all():
            raise ConfigurationError(
                "MultiQuantileRegressor.fit()",
                f"quantiles is {self.quantiles!r}",
                expected="at least two numbers between 0 and 1, in increasing order",
                action="pass quantiles such as (0.05, 0.5, 0.95)",
            )
        if self.parameter not in self.estimator.get_params():
            raise ConfigurationError(
                "MultiQuantileRegressor.fit()",
                f"parameter is {self.parameter!r}, which {type(self.estimator).__name__} does not have",
                expected="the parameter of the estimator that is the quantile",
                action="name it, such as parameter='alpha'",
            )


def _name(quantile: float) -> str:
    whole, point, rest = f"{100 * quantile:.6g}".partition(".")
    return f"p{whole.zfill(2)}{point}{rest}"
