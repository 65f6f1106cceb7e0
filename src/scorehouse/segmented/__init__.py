"""Many small estimators behind one: scikit-learn meta-estimators that fit a clone for each segment."""

from __future__ import annotations

from scorehouse.segmented.base import Segmented
from scorehouse.segmented.estimators import SegmentedClassifier, SegmentedRegressor

__all__ = ["Segmented", "SegmentedClassifier", "SegmentedRegressor"]
