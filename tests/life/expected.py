"""What must stand in the prediction tables, from the world, the estimators and the registry in git."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from shop import CHURN, MlModel
from world import Row

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Registered:
    """The facts of a version that decide its predictions, as its row in git has them."""

    version: int
    aliases: frozenset[str]
    artifact: str
    sha256: str
    threshold: float | None
    classes: tuple[Any, ...]
    trained_from: str
    trained_to: str
    training_rows: int


def registry(folder: Path, name: str) -> dict[int, Registered]:
    """Every version of an ML model, read from the CSV in the working copy."""
    with open(folder / f"seeds/ml/{name}/ml_{name}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {int(row["version"]): _registered(row) for row in rows}


def champion(folder: Path, name: str, alias: str = "champion") -> Registered:
    """The version with the alias."""
    (version,) = [entry for entry in registry(folder, name).values() if alias in entry.aliases]
    return version


def _registered(row: dict[str, str]) -> Registered:
    return Registered(
        version=int(row["version"]),
        aliases=frozenset(filter(None, row["aliases"].split("|"))),
        artifact=row["artifact"],
        sha256=row["sha256"],
        threshold=float(row["threshold"]) if row["threshold"] else None,
        classes=tuple(json.loads(row["classes"])) if row["classes"] else (),
        trained_from=row["trained_from"],
        trained_to=row["trained_to"],
        training_rows=int(row["training_rows"]),
    )


@dataclass(frozen=True)
class Expected:
    """What a prediction table has to say of a key; `prediction` is None where the row is rejected."""

    prediction: Any
    score: float | None


class Oracle:
    """Scores rows by the estimator itself, which it loads from the artifact that is registered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.estimators: dict[str, Any] = {}
        self.accepted: dict[tuple[Any, ...], bool] = {}

    def expected(self, model: MlModel, rows: dict[Any, Row], version: Registered) -> dict[Any, Expected]:
        """The outcome of each row under a version, by key."""
        accepted = {key: row for key, row in rows.items() if self.accepts(model, version, row)}
        outcome = {key: Expected(None, None) for key in rows}
        if accepted:
            frame = _frame(model, list(accepted.values()))
            outcome |= zip(accepted, self._outcomes(model, frame, version), strict=True)
        return outcome

    def _outcomes(self, model: MlModel, frame: pd.DataFrame, version: Registered) -> list[Expected]:
        estimator = self._estimator(version)
        if model is not CHURN:
            return [Expected(float(value), None) for value in estimator.predict(frame)]
        scores = estimator.predict_proba(frame)[:, 1]
        threshold = 0.5 if version.threshold is None else version.threshold
        return [Expected(version.classes[int(score >= threshold)], float(score)) for score in scores]

    def accepts(self, model: MlModel, version: Registered, row: Row) -> bool:
        """Whether the estimator predicts for a row with these categories and these missing values."""
        values = [row[name] for name in model.features]
        pattern = (version.sha256, *(v if isinstance(v, str) else v is None for v in values))
        if pattern not in self.accepted:
            try:
                self._estimator(version).predict(_frame(model, [row]))
                self.accepted[pattern] = True
            except ValueError:  # as scikit-learn refuses
                self.accepted[pattern] = False
        return self.accepted[pattern]

    def _estimator(self, version: Registered) -> Any:
        if version.sha256 not in self.estimators:
            self.estimators[version.sha256] = joblib.load(self.folder / version.artifact)
        return self.estimators[version.sha256]


def _frame(model: MlModel, rows: Iterable[Row]) -> pd.DataFrame:
    """Features as an estimator takes them: missing numbers as NaN, missing texts as None."""
    columns = {name: [row[name] for row in rows] for name in model.features}
    texts = {name for name, kind in model.subject.columns.items() if kind == "varchar"}
    series = {
        name: pd.Series(values, dtype=object if name in texts else float) for name, values in columns.items()
    }
    return pd.DataFrame(series)


def same(found: Any, wanted: Any) -> bool:
    """Whether a value of the warehouse is what was expected."""
    if isinstance(wanted, float) and found is not None:
        return math.isclose(float(found), wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(found == wanted)
