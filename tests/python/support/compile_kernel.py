"""The kernel of a case of the compiler's tests, fitted and registered."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from compile_case import features, target
from compile_cases import CASES
from project import MakeKernel
from scorehouse.kernel.scorer import Kernel


def kernel_of(name: str, make_kernel: MakeKernel) -> tuple[pd.DataFrame, Kernel]:
    """Fit and register the estimator of a case."""
    case = CASES[name]
    rng = np.random.default_rng(0)
    frame = features(case, rng)
    y = target(frame, case, rng)
    if name == "categories of a frame":
        frame["visits"] = ("v" + frame["visits"].astype(str)).astype("category")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = case.make().fit(frame, y)
        kernel = make_kernel(estimator, frame, y, task=case.task, threshold=case.threshold)
    return frame, kernel
