"""Tasks in a process of their own that are not dbt models: the raw call, and conversions for peers.

python tasks.py raw FOLDER MODEL        prints the seconds of the estimator's own call in memory
python tasks.py mlflow FOLDER MODEL     saves the estimator as an MLflow model
python tasks.py onnx FOLDER MODEL       converts it to ONNX
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from models import MODELS, TEXTS, Model
from peers import artifact_of


def artifact(folder: Path, name: str) -> Any:
    """The estimator that registration wrote."""
    return joblib.load(artifact_of(folder, name))


def raw(folder: Path, name: str) -> None:
    """Time the estimator's own call on all rows, and store its values to compare peers with them."""
    model = MODELS[name]
    with duckdb.connect(folder / "bench.duckdb", read_only=True) as connection:
        features = connection.sql(f"select id, {', '.join(model.columns)} from {model.table}").df()
    estimator, frame = artifact(folder, name), features[model.columns]
    started = time.perf_counter()
    found = getattr(estimator, model.method)(frame)
    seconds = time.perf_counter() - started
    values = found[:, 1] if found.ndim > 1 else found
    table = pa.table({"id": features["id"].to_numpy(), "value": np.asarray(values)})
    pq.write_table(table, folder / "made" / f"{name}.raw.parquet")
    print(seconds)


def mlflow(folder: Path, name: str) -> None:
    """Save the estimator in MLflow's own format."""
    from mlflow.sklearn import save_model

    save_model(
        artifact(folder, name),
        str(folder / "made" / f"{name}.mlflow"),
        serialization_format="cloudpickle",
        pyfunc_predict_fn=MODELS[name].method,
        pip_requirements=["scikit-learn"],
    )


def onnx(folder: Path, name: str) -> None:
    """Convert with skl2onnx, in float32 as in its documentation."""
    from skl2onnx import to_onnx

    model = MODELS[name]
    estimator = artifact(folder, name)
    options = {"zipmap": False} if model.method == "predict_proba" else None
    made = to_onnx(estimator, initial_types=_onnx_types(model), options=options)
    (folder / "made" / f"{name}.onnx").write_bytes(made.SerializeToString())


def _onnx_types(model: Model) -> list[tuple[str, Any]]:
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if model.is_drawn:
        return [("X", FloatTensorType([None, len(model.columns)]))]
    kinds = {column: StringTensorType if column in TEXTS else FloatTensorType for column in model.columns}
    return [(column, kind([None, 1])) for column, kind in kinds.items()]


TASKS = {"raw": raw, "mlflow": mlflow, "onnx": onnx}

if __name__ == "__main__":
    TASKS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
