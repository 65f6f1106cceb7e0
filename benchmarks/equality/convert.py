"""Run in the environment of a converter: convert a fitted estimator, and score the rows with the result.

python convert.py CONVERTER FOLDER ESTIMATOR TREES

Labels are the converter's own where it gives some, else those of a probability above one half.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

Made = tuple[Any, Any]  # labels and scores, or None for one of them


def main() -> None:
    converter, folder, name, trees = sys.argv[1:]
    joblib = importlib.import_module("joblib")
    estimator = joblib.load(Path(folder) / f"{name}.joblib")
    X = np.load(Path(folder) / f"{name}.npy")
    function, dtype = CONVERTERS[converter]
    labels, scores = function(estimator, X.astype(dtype), trees, Path(folder) / f"{converter}-{name}")
    if labels is None:
        labels = np.where(np.isnan(scores), np.nan, np.asarray(scores) > 0.5)
    results = {"labels": np.asarray(labels, dtype=np.float64)}
    if scores is not None and hasattr(estimator, "predict_proba"):
        results["scores"] = np.asarray(scores, dtype=np.float64).ravel()
    np.savez(Path(folder) / f"{converter}-{name}.npz", **results)


def onnx(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    _know_boosters()
    tensor = FloatTensorType if X.dtype == np.float32 else DoubleTensorType
    has_scores = hasattr(estimator, "predict_proba")
    made = convert_sklearn(
        estimator,
        initial_types=[("X", tensor([None, X.shape[1]]))],
        options={id(estimator): {"zipmap": False}} if has_scores else None,
        target_opset={"": 21, "ai.onnx.ml": 3},
    )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), settings)
    labels, second, *_ = session.run(None, {"X": X})
    return labels, second[:, 1] if has_scores else None


def _know_boosters() -> None:
    """Register the converters of LightGBM and XGBoost with skl2onnx, as onnxmltools documents it."""
    from lightgbm import LGBMClassifier
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes as shapes
    from xgboost import XGBClassifier

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for kind, convert in ((LGBMClassifier, convert_lightgbm), (XGBClassifier, convert_xgboost)):
        update_registered_converter(kind, f"Audit{kind.__name__}", shapes, convert, options=options)


def orbital(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    import duckdb
    import orbital
    import pandas as pd
    from orbital import types
    from sklearn.pipeline import make_pipeline

    names = [f"f{number}" for number in range(X.shape[1])]
    features: dict[str, Any] = {name: types.DoubleColumnType() for name in names}
    features["id"] = types.Int64ColumnType(passthrough=True)
    pipeline = estimator if hasattr(estimator, "steps") else make_pipeline(estimator)
    parsed = orbital.parse_pipeline(pipeline, features)
    projection = orbital.ResultsProjection(["id"])
    sql = orbital.export_sql("rows", parsed, dialect="duckdb", projection=projection, separate_trees=True)
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.register("frame", pd.DataFrame(X, columns=names).assign(id=np.arange(len(X))))
        missing = ", ".join(f"case when isnan({name}) then null else {name} end as {name}" for name in names)
        connection.execute(f"create table rows as select {missing}, id from frame")
        found = connection.sql(f"select * from ({sql}) order by id").df()
    labels = found.get("output_label")
    score = next(name for name in found if name.startswith("output_prob") and name.endswith("1"))
    return labels, found[score].astype(float).to_numpy()


def _treelite(estimator: Any, trees: str) -> Any:
    """The model in treelite's format; raises NotImplementedError for what has no trees."""
    import treelite

    if trees == "lightgbm":
        return treelite.frontend.from_lightgbm(estimator.booster_)
    if trees == "xgboost":
        return treelite.frontend.from_xgboost(estimator.get_booster())
    _needs(trees)
    return treelite.sklearn.import_model(estimator)


def treelite(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    import treelite

    return None, _positive(treelite.gtil.predict(_treelite(estimator, trees), X, nthread=1), len(X))


def tl2cgen(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    import tl2cgen

    library = place.with_suffix(".so")
    made = _treelite(estimator, trees)
    tl2cgen.export_lib(made, toolchain="gcc", libpath=library, params={"parallel_comp": 8}, nthread=1)
    dtype = np.float32 if trees == "xgboost" else np.float64  # that of its thresholds
    matrix = tl2cgen.DMatrix(X.astype(dtype), dtype=np.dtype(dtype).name)
    return None, _positive(tl2cgen.Predictor(library, nthread=1).predict(matrix), len(X))


def _positive(found: Any, rows: int) -> np.ndarray:
    """The probability of the second class, from one column or two."""
    return np.asarray(found).reshape(rows, -1)[:, -1]


def m2cgen(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    import m2cgen

    sys.setrecursionlimit(100_000)
    scope: dict[str, Any] = {}
    exec(m2cgen.export_to_python(estimator), scope)
    return None, np.array([scope["score"](row)[1] for row in X.tolist()])


def lignum(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    import lignum

    return None, lignum.load(_saved(estimator, trees, place)).predict(X, n_jobs=1)


def booster(estimator: Any, X: np.ndarray, trees: str, place: Path) -> Made:
    saved = _saved(estimator, trees, place)
    if trees == "lightgbm":
        from lightgbm import Booster

        return None, Booster(model_file=saved).predict(X, num_threads=1)
    import xgboost

    return None, xgboost.Booster(model_file=saved).predict(xgboost.DMatrix(X, nthread=1))


def _saved(estimator: Any, trees: str, place: Path) -> str:
    """The file that the library itself writes of its model."""
    if trees == "lightgbm":
        estimator.booster_.save_model(place.with_suffix(".txt"))
        return str(place.with_suffix(".txt"))
    if trees == "xgboost":
        estimator.get_booster().save_model(place.with_suffix(".json"))
        return str(place.with_suffix(".json"))
    raise NotImplementedError("it reads models of LightGBM and XGBoost, not of scikit-learn")


def _needs(trees: str) -> None:
    if not trees:
        raise NotImplementedError("it converts trees alone")


CONVERTERS = {
    "onnx32": (onnx, np.float32),
    "onnx64": (onnx, np.float64),
    "orbital": (orbital, np.float64),
    "treelite32": (treelite, np.float32),
    "treelite64": (treelite, np.float64),
    "tl2cgen": (tl2cgen, np.float64),
    "m2cgen": (m2cgen, np.float64),
    "lignum": (lignum, np.float64),
    "booster": (booster, np.float64),
}

if __name__ == "__main__":
    main()
