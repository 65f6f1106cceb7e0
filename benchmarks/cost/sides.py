"""One side of the benchmark of cost: score a Parquet file with a model, and write the values as Parquet.

    python sides.py SIDE MODEL FEATURES.parquet OUTPUT.parquet COLUMN ...

Each is what its own documentation shows. MODEL is a joblib file, for `onnx` an ONNX file, for `sql` a query.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BATCH_ROWS = 65_536


def pandas(model: str, features: str, output: str, columns: list[str]) -> None:
    """All rows in one frame."""
    import joblib
    import pandas as pd

    frame = pd.read_parquet(features, columns=["id", *columns])
    values = joblib.load(model).predict_proba(frame[columns])[:, 1]
    pd.DataFrame({"id": frame["id"], "value": values}).to_parquet(output)


def onnx(model: str, features: str, output: str, columns: list[str]) -> None:
    """ONNX Runtime on batches of the file."""
    import numpy as np
    import onnxruntime
    import pyarrow as pa
    import pyarrow.parquet as pq

    runtime = onnxruntime.InferenceSession(model)
    source, wanted = runtime.get_inputs()[0].name, runtime.get_outputs()[1].name
    schema = pa.schema([("id", pa.int64()), ("value", pa.float32())])
    with pq.ParquetWriter(output, schema) as writer:
        for batch in pq.ParquetFile(features).iter_batches(BATCH_ROWS, columns=["id", *columns]):
            X = np.column_stack([batch.column(name).to_numpy() for name in columns]).astype(np.float32)
            (found,) = runtime.run([wanted], {source: X})
            made = pa.RecordBatch.from_arrays([batch.column("id"), pa.array(found[:, 1])], schema=schema)
            writer.write_batch(made)


def ray(model: str, features: str, output: str, columns: list[str]) -> None:
    """Ray Data: an actor per core loads the model once."""
    import os

    import joblib
    from ray import init
    from ray.data import read_parquet

    class Scorer:
        def __init__(self) -> None:
            self.estimator = joblib.load(model)

        def __call__(self, frame: Any) -> Any:
            values = self.estimator.predict_proba(frame[columns])[:, 1]
            return frame[["id"]].assign(value=values)

    actors = len(os.sched_getaffinity(0))
    init(num_cpus=2 * actors, log_to_driver=False)  # with one per core, what reads and writes waits for ever
    rows = read_parquet(features, columns=["id", *columns])
    scored = rows.map_batches(Scorer, batch_size=BATCH_ROWS, batch_format="pandas", concurrency=actors)
    scored.write_parquet(output)


def spark(model: str, features: str, output: str, columns: list[str]) -> None:
    """Spark on this machine: mapInPandas, with the model loaded once per task."""
    import joblib
    from pyspark.sql import SparkSession

    def score(frames: Iterator[Any]) -> Iterator[Any]:
        estimator = joblib.load(model)
        for frame in frames:
            yield frame[["id"]].assign(value=estimator.predict_proba(frame[columns])[:, 1])

    builder = SparkSession.builder.master("local[*]").config("spark.driver.memory", "4g")
    builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH_ROWS))
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    rows = session.read.parquet(features).select("id", *columns)
    rows.mapInPandas(score, "id long, value double").write.mode("overwrite").parquet(output)
    session.stop()


def sql(model: str, features: str, output: str, columns: list[str]) -> None:
    """A converter's SQL in DuckDB."""
    import duckdb

    duckdb.sql(f"create view features as select * from '{features}'")
    duckdb.sql(Path(model).read_text()).write_parquet(output)


SIDES = {"pandas": pandas, "onnx": onnx, "ray": ray, "spark": spark, "sql": sql}

if __name__ == "__main__":
    side, *places = sys.argv[1:5]
    SIDES[side](*places, sys.argv[5:])
