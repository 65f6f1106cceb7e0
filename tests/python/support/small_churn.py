"""An ML model of two columns and forty rows, registered in the working folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from scorehouse import register
from scorehouse.registration.groups import grouped

X = pd.DataFrame({"age": np.arange(40.0), "visits": np.arange(40) % 7})


Y = np.arange(40) > 20


def classifier(strength: float = 1.0) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000).fit(X, Y)


def churn(strength: float = 1.0, **facts: Any) -> Any:
    return register(classifier(strength), "churn", X, Y, **grouped({"task": "classification", **facts}))
