"""Run in the converters' own environment: score Parquet with converted trees; print the seconds.

    python converted_trees.py PEER ARTIFACT FEATURES.parquet OUTPUT.parquet COLUMN ...

The clock runs from reading the first batch to the end of writing; imports and conversion are not in it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 100_000
THREADS = len(os.sched_getaffinity(0))
Predict = Callable[[np.ndarray], Any]


def treelite(estimator: Any, place: Path) -> tuple[Predict, type]:
    """Its interpreter, in the precision of the estimator's own thresholds."""
    import treelite

    if hasattr(estimator, "booster_"):
        made, dtype = treelite.frontend.from_lightgbm(estimator.booster_), np.float64
    else:
        made = treelite.sklearn.import_model(estimator)
        dtype = np.float64 if type(estimator).__name__.startswith("Hist") else np.float32
    return lambda X: treelite.gtil.predict(made, X, nthread=THREADS), dtype


def lignum(estimator: Any, place: Path) -> tuple[Predict, type]:
    import lignum

    saved = place.with_suffix(".txt")
    estimator.booster_.save_model(saved)
    made = lignum.load(str(saved))
    return lambda X: made.predict(X, n_jobs=THREADS), np.float64


def booster(estimator: Any, place: Path) -> tuple[Predict, type]:
    made = estimator.booster_
    return lambda X: made.predict(X, num_threads=THREADS), np.float64


PEERS = {"treelite": treelite, "lignum": lignum, "booster": booster}


def main() -> None:
    peer, artifact, features, output, *columns = sys.argv[1:]
    predict, dtype = PEERS[peer](joblib.load(artifact), Path(output))
    schema = pa.schema([("id", pa.int64()), ("value", pa.float64())])
    started = time.perf_counter()
    with pq.ParquetWriter(output, schema) as writer:
        for batch in pq.ParquetFile(features).iter_batches(BATCH_ROWS, columns=["id", *columns]):
            X = np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in columns])
            found = np.asarray(predict(X.astype(dtype, copy=False))).reshape(len(X), -1)[:, -1]
            values = pa.array(found.astype(np.float64))
            writer.write_batch(pa.RecordBatch.from_arrays([batch.column("id"), values], schema=schema))
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
