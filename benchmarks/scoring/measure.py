"""Run one peer once, in a process of its own, and measure it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
from environments import HERE, python_of
from models import MODELS, TEXTS, Model
from peers import DBT, DBT_PEERS, EMPTY, LIMIT, LOADED, artifact_of

RAW = "raw"
CONVERTED = ("mlflow", "onnx")
# which of the ML models they can read; they read and write Parquet, in an environment of their own
TREES = {"treelite": ("boosting", "forest", "lightgbm"), "lignum": ("lightgbm",), "booster": ("lightgbm",)}
IN_PARQUET = (*TREES, "spark")
PEERS = (RAW, *(peer for peer in DBT_PEERS if peer != LOADED), "orbital", *IN_PARQUET, LIMIT)


class Refused(Exception):
    """The peer cannot do this; the message says why."""


@dataclass(frozen=True)
class Measured:
    """Seconds of the work, and the peak memory (MiB) of the largest process of the run."""

    seconds: float
    peak_mib: float


class Bench:
    """The project of the benchmark, with its peers.

    `folder` holds the project, `environments` the peers' own environments; a run is stopped after `limit`
    seconds.
    """

    def __init__(self, folder: Path, environments: Path, limit: float) -> None:
        self.folder = folder
        self.environments = environments
        self.limit = limit
        self.database = folder / "bench.duckdb"
        self.made = folder / "made"

    def run(self, peer: str, name: str) -> Measured:
        """Measure a peer on the feature table as it is. Raises Refused."""
        if peer == RAW:
            text, peak = self._process([sys.executable, str(HERE / "tasks.py"), RAW, str(self.folder), name])
            return Measured(float(text.split()[-1]), peak)
        if peer == "spark":
            return self._spark(name)
        if peer in TREES:
            return self._trees(peer, name)
        if peer in CONVERTED:
            self._convert(peer, name)
        if peer == "orbital":
            self._orbital(name)
        return self._dbt(EMPTY if peer == EMPTY else f"{peer}_{name}")

    def parity(self, peer: str, name: str, rows: int) -> dict[str, float] | None:
        """How far a peer's values are from the raw call's values on the same rows, if there are any.

        The share of rows with different labels, the largest difference of a score, and rows without one.
        """
        raw = self.made / f"{name}.raw.parquet"
        if peer in (RAW, LIMIT, EMPTY, LOADED) or not raw.exists():
            return None
        if duckdb.sql(f"select count(*) from '{raw}'").fetchall() != [(rows,)]:
            return None
        labels = MODELS[name].method == "predict"
        own = {"scorehouse": "prediction" if labels else "score"}.get(peer, "value")
        written = self.made / f"{name}.{peer}.parquet"
        files = written / "*.parquet" if written.is_dir() else written
        table = f"'{files}'" if peer in IN_PARQUET else f"{peer}_{name}"
        flips = "own <> raw" if labels else "(own > 0.5) <> (raw > 0.5)"
        with duckdb.connect(self.database) as connection:
            connection.execute("set memory_limit = '4GB'")
            row = connection.execute(
                f"select avg(({flips})::integer), max(abs(own - raw)), count(*) from (select l.{own} as own, "
                f"r.value as raw from {table} as l join '{raw}' as r using (id) where l.{own} is not null)"
            ).fetchall()[0]
        return {"other_labels": row[0] or 0.0, "largest": row[1] or 0.0, "missing": rows - row[2]}

    def drop(self, peer: str, name: str) -> None:
        """Remove what a peer wrote, so that the next one has the same space."""
        if peer == "spark":
            shutil.rmtree(self.made / f"{name}.spark.parquet", ignore_errors=True)
        elif peer in TREES:
            (self.made / f"{name}.{peer}.parquet").unlink()
        elif peer not in (RAW, EMPTY):
            with duckdb.connect(self.database) as connection:
                connection.execute(f"drop table if exists {peer}_{name}")

    def _dbt(self, node: str) -> Measured:
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        _, peak = self._process([DBT, "--quiet", "run", "--select", node, *places])
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        (seconds,) = (r["execution_time"] for r in results if r["unique_id"].endswith(f".{node}"))
        return Measured(seconds, peak)

    def _convert(self, peer: str, name: str) -> None:
        if not (self.made / f"{name}.{peer}").exists():
            command = [sys.executable, str(HERE / "tasks.py"), peer, str(self.folder), name]
            self._process(command, failed="not converted: ")

    def _orbital(self, name: str) -> None:
        model, file = MODELS[name], self.folder / "models" / f"orbital_{name}.sql"
        if file.exists():
            return
        value = "output_probability.1" if model.method == "predict_proba" else "output_label"
        kinds = [f"{column}={'text' if column in TEXTS else 'double'}" for column in model.columns]
        script = [self._python("orbital"), str(HERE / "orbital_sql.py"), artifact_of(self.folder, name)]
        self._process([*script, model.table, str(file), value, *kinds], failed="not converted: ")

    def _spark(self, name: str) -> Measured:
        if shutil.which("java") is None:
            raise Refused("there is no Java")
        model, output = MODELS[name], self.made / f"{name}.spark.parquet"
        features = self._parquet(model)
        python = self._python("spark")
        script = [python, str(HERE / "spark_map.py"), artifact_of(self.folder, name)]
        command = [*script, str(features), str(output), model.method, *model.columns]
        text, _ = self._process(command, PYSPARK_PYTHON=python)
        features.unlink()
        seconds, peak_kib = text.split()[-2:]
        return Measured(float(seconds), int(peak_kib) / 1024)

    def _trees(self, peer: str, name: str) -> Measured:
        model, output = MODELS[name], self.made / f"{name}.{peer}.parquet"
        features = self._parquet(model)
        script = [self._python("trees"), str(HERE / "converted_trees.py"), peer]
        try:
            text, peak = self._process(
                [*script, artifact_of(self.folder, name), str(features), str(output), *model.columns]
            )
        finally:
            features.unlink()
        return Measured(float(text.split()[-1]), peak)

    def _parquet(self, model: Model) -> Path:
        """The feature table as a file."""
        features = self.made / "features.parquet"
        with duckdb.connect(self.database) as connection:
            connection.execute(f"copy {model.table} to '{features}' (format parquet)")
        return features

    def _python(self, environment: str) -> str:
        try:
            return python_of(environment, self.environments)
        except subprocess.CalledProcessError as error:
            raise Refused(f"its environment cannot be made: {(error.stderr or '').strip()[-300:]}") from None

    def _process(self, command: list[str], failed: str = "", **variables: str) -> tuple[str, float]:
        """The output of a command and its peak memory in MiB.

        Raises Refused, whose message begins with `failed`, if it fails or is too slow.
        """
        environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **variables}
        process = subprocess.Popen(
            [sys.executable, "-S", str(HERE / "peak.py"), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            text=True,
        )
        try:
            text, _ = process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Refused(f"{failed}stopped after {self.limit:.0f} s") from None
        *lines, peak = [line.strip() for line in text.splitlines() if line.strip()]
        if process.returncode:
            raise Refused(failed + (_told(lines)[:300] if lines else f"exit {process.returncode}"))
        return "\n".join(lines), int(peak) / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _told(lines: list[str]) -> str:
    """The message of the exception that ended a process; it may have several lines."""
    raised = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z_][\w.]*: \S", line)]
    return " ".join(lines[raised[-1] :]) if raised else lines[-1]
