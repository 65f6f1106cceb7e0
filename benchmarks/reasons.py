"""Measure reasons: rows per second and core against LightGBM's own, and scoring runs with and without them.

    python benchmarks/reasons.py                 # the loops, and runs of a million rows
    python benchmarks/reasons.py --no-loops --models linear --rows 10000000 --repeats 1 # the target's size
    python benchmarks/reasons.py --woodelf /path/to/venv/bin/python
    python benchmarks/reasons.py --no-runs --background 100 --shap /path/to/venv/bin/python

Each loop runs in one thread; rows are counted per second of processor time. `woodelf-explainer` and `shap`
need environments of their own, with lightgbm, pandas and pyarrow: `--woodelf` and `--shap` are their Python.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from commands import DbtProject, run_models
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.reasons import MANY_ROWS, Attribution
from scorehouse.program.native.recipes import recipe_of

ROWS, COLUMNS, TREES, LEAVES = 100_000, 20, 100, 31
SINGLE_ROWS = 200  # too few to make tables for
REPEATS = 3
PREDICT = "select * from {{{{ scorehouse.predict('linear', ref('features'), keep=['id']{more}) }}}} as made"
WOODELF = """
import sys, time, lightgbm, pandas as pd
from woodelf import WoodelfExplainer
model, X = lightgbm.Booster(model_file=sys.argv[1]), pd.read_parquet(sys.argv[2])
explainer = WoodelfExplainer(model)
explainer.shap_values(X.head(1000))
start = time.process_time()
explainer.shap_values(X)
print(len(X) / (time.process_time() - start))
"""
SHAP = """
import sys, time, lightgbm, numpy, pandas as pd, shap
model, X, background = (read(file) for read, file in zip(
    (lambda file: lightgbm.Booster(model_file=file), pd.read_parquet, pd.read_parquet), sys.argv[1:]
))
explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
start = time.process_time()
values = explainer.shap_values(X, check_additivity=False)
print(len(X) / (time.process_time() - start))
numpy.save(sys.argv[4], values)
"""


def data(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with gaps, and a label that hangs on some of them together."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, COLUMNS)), columns=[f"f{i:02d}" for i in range(COLUMNS)])
    z = X.f00 * X.f01 + X.f02.abs() + X.f03 + rng.normal(size=rows)
    return X.mask(rng.random(X.shape) < 0.05), (z > z.median()).to_numpy().astype(int)


def seconds(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The median of a few runs, in processor time, after one that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def fitted() -> tuple[Any, pd.DataFrame]:
    """The model that is explained, and the rows."""
    X, y = data(ROWS)
    model = lightgbm.LGBMClassifier(n_estimators=TREES, num_leaves=LEAVES, n_jobs=1, verbose=-1)
    return model.fit(X, y), X


def attribution(model: Any, background: np.ndarray | None = None) -> Attribution:
    """The loops over the trees of a model, each column a feature."""
    ensemble, recipe = recipe_of(model, lambda _, problem: ValueError(problem))
    model = TreeModel(ensemble, recipe.n_features, recipe.takes_missing, recipe.takes_infinite)
    return Attribution(model, np.arange(COLUMNS), np.arange(1), COLUMNS, background)


def loops(woodelf: str | None) -> dict[str, float]:
    """Rows per second of one core: path-dependent TreeSHAP of one model."""
    model, X = fitted()
    own, numbers = attribution(model), X.to_numpy()
    few = X.head(2_000)
    expected = np.asarray(model.predict(few, pred_contrib=True))[:, :-1]
    found = own.contributions(numbers)
    assert found is not None
    made = {
        "scorehouse": ROWS / seconds(lambda: own.contributions(numbers)),
        "LightGBM pred_contrib": len(few) / seconds(lambda: model.predict(few, pred_contrib=True)),
        "largest difference": float(np.abs(found[: len(few), 0] - expected).max()),
    }
    if woodelf:
        made["woodelf-explainer"] = _woodelf(woodelf, model, X)
    return made


def against(rows: int, shap: str | None) -> dict[str, float]:
    """Rows per second of one core: interventional TreeSHAP of the same model against so many rows."""
    model, X = fitted()
    numbers, background = X.to_numpy(), X.tail(rows)
    own = attribution(model, background.to_numpy())
    start = time.process_time()
    few = own.contributions(numbers[:SINGLE_ROWS])  # without tables, which do not pay yet
    without = time.process_time() - start
    start = time.process_time()
    own.contributions(numbers[:MANY_ROWS])
    first = time.process_time() - start
    found = own.contributions(numbers)
    assert found is not None and few is not None
    raw = np.asarray(model.predict(X, raw_score=True))
    total = raw[-rows:].mean() + found[:, 0].sum(axis=1)
    made = {
        "scorehouse": ROWS / seconds(lambda: own.contributions(numbers)),
        "scorehouse, a few rows": SINGLE_ROWS / without,
        "seconds for the first rows, tables included": first,
        "largest error of base and sum": float(np.abs(total - raw).max()),
        "largest difference of the two ways": float(np.abs(found[:SINGLE_ROWS] - few).max()),
    }
    if shap:
        made["shap"], values = _shap(shap, model, X.head(SINGLE_ROWS), background)
        made["largest difference to shap, which adds in float32"] = float(np.abs(few[:, 0] - values).max())
    return made


def _woodelf(python: str, model: Any, X: pd.DataFrame) -> float:
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("model.txt", "rows.parquet")]
        model.booster_.save_model(files[0])
        X.to_parquet(files[1])
        ended = subprocess.run([python, "-c", WOODELF, *files], capture_output=True, text=True, check=True)
        return float(ended.stdout.split()[-1])


def _shap(python: str, model: Any, X: pd.DataFrame, background: pd.DataFrame) -> tuple[float, np.ndarray]:
    """Rows per second, and the values, of shape (rows, columns)."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("model.txt", "rows.parquet", "background.parquet", "values.npy")
        files = [str(Path(folder) / name) for name in names]
        model.booster_.save_model(files[0])
        X.to_parquet(files[1])
        background.to_parquet(files[2])
        ended = subprocess.run([python, "-c", SHAP, *files], capture_output=True, text=True, check=True)
        return float(ended.stdout.split()[-1]), np.load(files[3])


def runs(rows: int, repeats: int, chosen: list[str]) -> dict[str, float]:
    """Processor seconds of scoring runs of a linear model, or of trees, with and without their reasons."""
    X, y = data(20_000)
    filled = X.fillna(0.0)
    models = {
        "linear": LogisticRegression().fit(filled, y),
        "trees": HistGradientBoostingClassifier(max_iter=TREES, early_stopping=False).fit(filled, y),
    }
    with tempfile.TemporaryDirectory() as folder:
        project = DbtProject(Path(folder) / "house")
        tables: dict[str, dict[str, Any]] = {}
        for name in chosen:
            model = models[name]
            project.register(model, name, filled, y, task="classification")
            limit = float(np.quantile(model.predict_proba(filled)[:, 1], 0.95))
            some = {"top": 3, "where": {"at_least": limit}}
            asked: dict[str, Any] = {"without": None, "top 3": 3, "top 3 of 5 %": some}
            tables |= {f"{name}, {what}": {"model": name, "reasons": each} for what, each in asked.items()}
        drawn = ", ".join(f"sqrt(-2 * ln(random())) * cos(2 * pi() * random()) as {name}" for name in filled)
        project.features(f"select i as id, {drawn} from range({rows}) as t(i)")
        if "linear" in chosen:
            for what, more in {"without": "", "top 3": ", reasons=3"}.items():
                tables[f"linear, SQL alone, {what}"] = {}
                project.features(PREDICT.format(more=more), name=f"table_{len(tables) - 1}")
        for number, arguments in enumerate(tables.values()):
            if arguments:
                project.python_model(f"table_{number}", key="id", **arguments)
        project.dbt("seed").check()
        project.dbt("run", "--select", "features").check()
        found: dict[str, list[float]] = {what: [] for what in tables}
        for _ in range(repeats):
            for number, what in enumerate(tables):
                found[what].append(run_models(project, f"table_{number}")[0])
    return {what: round(statistics.median(taken), 2) for what, taken in found.items()}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the runs")
    parser.add_argument("--woodelf", help="the Python of an environment with woodelf-explainer and lightgbm")
    parser.add_argument(
        "--background", type=int, help="rows to compare with: interventional, not path-dependent"
    )
    parser.add_argument("--shap", help="the Python of an environment with shap and lightgbm")
    parser.add_argument("--no-runs", action="store_true", help="only the loops")
    parser.add_argument("--no-loops", action="store_true", help="only the runs")
    parser.add_argument("--models", nargs="+", default=["linear", "trees"], choices=["linear", "trees"])
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each run")
    options = parser.parse_args()
    made: dict[str, Any] = {}
    if options.background:
        name = f"rows per second and core against {options.background:,} rows"
        made[name] = against(options.background, options.shap)
    elif not options.no_loops:
        made["rows per second and core"] = loops(options.woodelf)
    if not options.no_runs:
        made[f"processor seconds of a run of {options.rows:,} rows"] = runs(
            options.rows, options.repeats, options.models
        )
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
