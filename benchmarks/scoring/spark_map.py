"""Run in Spark's own environment: score Parquet with mapInArrow on local[2]; print seconds and peak KiB.

    python spark_map.py ARTIFACT FEATURES.parquet OUTPUT.parquet METHOD COLUMN ...

The clock starts when the session is up and has run its first Python worker.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import joblib
import pyarrow as pa
from pyspark.sql import SparkSession


def _peak_kib(process: int) -> int:
    """The peak memory of the JVM; 0 if the system does not report it."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    artifact, features, output, method, *columns = sys.argv[1:]
    kind = "double" if method == "predict_proba" else "int"

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        estimator = joblib.load(artifact)
        for batch in batches:
            found = getattr(estimator, method)(batch.select(columns).to_pandas())
            values = pa.array(found[:, 1] if found.ndim > 1 else found)
            values = values.cast(pa.float64() if kind == "double" else pa.int32())
            yield pa.RecordBatch.from_arrays([batch.column("id"), values], names=["id", "value"])

    settings = {
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.range(2, numPartitions=2).mapInArrow(lambda batches: batches, "id long").collect()
    started = time.perf_counter()
    rows = session.read.parquet(features)
    rows.mapInArrow(score, f"id long, value {kind}").write.mode("overwrite").parquet(output)
    seconds = time.perf_counter() - started
    print(seconds, _peak_kib(session.sparkContext._gateway.proc.pid))
    session.stop()


if __name__ == "__main__":
    main()
