"""The certificate of contributions: no false accusation, and a registration without them that is whole."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from project import registered_kernel
from scorehouse.certificate import certify
from scorehouse.cli.main import main
from scorehouse.registry.version import CERTIFICATE

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(300, 2)), columns=["a", "b"]).assign(city="only one")
Y = (X["a"] + RNG.normal(size=300) > 0).astype(int)
NUMBERS = X[["a", "b"]]


def behind(encoder: Any) -> Any:
    return make_pipeline(
        make_column_transformer((encoder, ["city"]), remainder="passthrough"), LogisticRegression()
    )


def xgboost(**settings: Any) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=3, n_jobs=1, **settings)


def lightgbm(**settings: Any) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1, **settings)


CASES = {
    "one category": (lambda: behind(OneHotEncoder()), X),
    "one category, a number": (lambda: behind(OrdinalEncoder()), X),
    "one category, its target": (lambda: behind(TargetEncoder()), X),
    "xgboost": (xgboost, NUMBERS),
    "lightgbm": (lightgbm, NUMBERS),
    "lightgbm, one leaf": (lambda: lightgbm(min_child_samples=400), NUMBERS),
}
HEAVY = {
    name: [
        pytest.mark.heavy,
        pytest.mark.skipif(find_spec(name.split(",")[0]) is None, reason="needs the extra `boosters`"),
    ]
    for name in CASES
    if name.startswith(("xgboost", "lightgbm"))
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=HEAVY.get(name, ())) for name in CASES])
def test_contributions_are_certified(name: str, tmp_path: Path) -> None:
    make, frame = CASES[name]
    kernel = registered_kernel(tmp_path, make().fit(frame, Y), frame, Y, task="classification")
    assert "reasons" in kernel.version.program[CERTIFICATE]["certified"], kernel.version.program


def test_a_version_without_them_has_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQL of a linear model, whose macro had the contributions too."""
    monkeypatch.setitem(certify.__globals__, "contributions_differ", lambda *_: ["unit: another"])
    kernel = registered_kernel(
        tmp_path, LogisticRegression().fit(NUMBERS, Y), NUMBERS, Y, task="classification"
    )
    assert kernel.version.program["refused"]["reasons"] == "it is not the estimator: reasons: unit: another"
    assert "sql" in kernel.version.program
    ended = CliRunner().invoke(main, ["check", "--project-dir", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
