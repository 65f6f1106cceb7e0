"""The kernel of a case of the compiler's tests, fitted and registered, and those of the examples."""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from compile_case import features, target
from compile_cases import CASES
from compile_tables import with_gaps
from project import REPOSITORY, kernel_in, registered
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version


def kernel_of(name: str, cases: Path, **facts: Any) -> tuple[pd.DataFrame, Kernel]:
    """Fit and register the estimator of a case; `facts` are more arguments of registration.

    In the folder `cases`, whose processes share what one of them has registered. Each test loads it anew.
    """
    place = cases / hashlib.sha256(repr((name, sorted(facts.items()))).encode()).hexdigest()[:16]
    kept = place.with_suffix(".joblib")
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder = Path(tempfile.mkdtemp(dir=cases))
            unfinished = folder / "made.joblib"
            joblib.dump((folder, *_registered(name, folder, **facts)), unfinished)
            unfinished.rename(kept)
    folder, frame, version = joblib.load(kept)
    return frame, kernel_in(folder, version)


def _registered(name: str, folder: Path, **facts: Any) -> tuple[pd.DataFrame, Version]:
    case = CASES[name]
    rng = np.random.default_rng(0)
    frame = features(case, rng)
    y = target(frame, case, rng)
    if name.endswith("categories of a frame"):
        frame["visits"] = ("v" + frame["visits"].astype(str)).astype("category")
    if name.startswith("skrub"):
        frame = with_gaps(frame, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        more: dict[str, Any] = {}
        if name.endswith("Ranker"):
            more = {"group_id": [0] * len(frame)} if name == "CatBoostRanker" else {"group": [len(frame)]}
        if name == "LightGBM numbers as categories":
            frame["visits"] = (frame["visits"] - 1).mask(frame["visits"] > 8) + 0.5  # which it cuts off
            more = {"categorical_feature": ["visits"]}
        estimator = case.make().fit(frame, y, **more)
        labels = None if case.is_shared else y
        facts |= {"task": case.task, "threshold": case.threshold}
        return frame, registered(folder, estimator, frame, labels, **facts)


def example_kernel(name: str, number: int) -> Kernel:
    """The kernel of a version that this repository has registered."""
    versions = ModelSeeds(REPOSITORY, name).versions()
    version = next(v for v in versions if v.version == number)
    estimator, signature, _ = artifact.load(REPOSITORY, version, LoadPolicy.from_variable({}), "test")
    return Kernel(estimator, version, signature, strict=frozenset(), call="test")
