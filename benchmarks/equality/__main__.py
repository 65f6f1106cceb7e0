"""How far the results of converted estimators are from the estimators' own.

    python benchmarks/equality --folder target/equality

Needs the extras `boosters` and `dev`, and pip's access to a package index: each converter gets an
environment of its own under the folder. Writes docs/equality.md.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from converters import CONVERTERS, OURS, Refused, run, title_of
from differences import Outcome, compared, of_kind
from fitted import ESTIMATORS, REPOSITORY, TRAINING_ROWS, Fitted, thresholds, training
from hard import KINDS, hard_rows
from ours import outcomes
from page import Result, page
from threadpoolctl import threadpool_limits

VERSIONS = ("scorehouse", "scikit-learn", "lightgbm", "xgboost", "numpy", "duckdb")


def audited(name: str, fitted: Fitted, folder: Path) -> list[Result]:
    """Fit an estimator, and compare with it what each converter makes of it."""
    X, y = training(fitted.takes_missing)
    estimator = fitted.make().fit(X.to_numpy(), None if fitted.task == "clustering" else y)
    rows, kinds = hard_rows(
        X.to_numpy(), thresholds(estimator, fitted.trees), estimator.predict, fitted.takes_missing
    )
    joblib.dump(estimator, folder / f"{name}.joblib")
    np.save(folder / f"{name}.npy", rows)
    expected = _outcome(estimator, rows)
    print(f"{name}: {len(rows):,} rows", file=sys.stderr, flush=True)
    found: dict[str, Outcome | str] = {
        f"**{OURS[backend]}**": made for backend, made in outcomes(estimator, X, y, fitted.task, rows).items()
    }
    for converter in CONVERTERS:
        try:
            found[title_of(converter)] = run(converter, folder, name, fitted.trees)
        except Refused as refused:
            found[title_of(converter)] = str(refused)
    return [_result(title, name, expected, made, kinds) for title, made in found.items()]


def _outcome(estimator: Any, rows: np.ndarray) -> Outcome:
    has_scores = hasattr(estimator, "predict_proba")
    return Outcome(estimator.predict(rows), estimator.predict_proba(rows)[:, 1] if has_scores else None)


def _result(title: str, name: str, expected: Outcome, made: Outcome | str, kinds: np.ndarray) -> Result:
    if isinstance(made, str):
        return Result(title, name, refused=made)
    by_kind = {
        KINDS[kind]: compared(of_kind(expected, kinds == kind), of_kind(made, kinds == kind))
        for kind in np.unique(kinds).tolist()
    }
    return Result(title, name, compared(expected, made), by_kind)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "target" / "equality")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "equality.md")
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS))
    asked = parser.parse_args(arguments)
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # such as a network that has not converged
    results = []
    with threadpool_limits(1):
        for name in asked.estimators:
            results += audited(name, ESTIMATORS[name], folder)
    versions = ", ".join(f"{package} {version(package)}" for package in VERSIONS)
    asked.page.write_text(page(results, date.today().isoformat(), versions, TRAINING_ROWS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
