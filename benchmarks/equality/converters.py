"""The converters that are compared, their environments, and one run of one of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from differences import Outcome

HERE = Path(__file__).parent
PATIENCE = 60  # seconds that a converter may take for one estimator
ENVIRONMENT_PATIENCE = 900
REASON_WIDTH = 120
ERROR = re.compile(r"[A-Za-z_][\w.]*: ?\S")  # `ValueError: ...`, or pip's `ERROR: ...`
# an estimator can be opened by the versions that wrote it
SAME = ("scikit-learn", "lightgbm", "xgboost", "numpy", "pandas", "joblib", "duckdb")
NOT_MADE: dict[str, str] = {}  # environments that this run could not make, and why
OURS = {"sql": "scorehouse, SQL on DuckDB", "native": "scorehouse, native", "matrix": "scorehouse, matrix"}


@dataclass(frozen=True)
class Converter:
    """A converter: its title, its environment (empty: this one), and the packages that its row names."""

    title: str
    environment: str
    packages: tuple[str, ...]


CONVERTERS = {
    "onnx32": Converter("ONNX, float32 input", "onnx", ("skl2onnx", "onnxmltools", "onnxruntime")),
    "onnx64": Converter("ONNX, float64 input", "onnx", ("skl2onnx", "onnxmltools", "onnxruntime")),
    "orbital": Converter("orbital, SQL on DuckDB", "orbital", ("orbital",)),
    "treelite32": Converter("treelite (GTIL), float32 input", "trees", ("treelite",)),
    "treelite64": Converter("treelite (GTIL), float64 input", "trees", ("treelite",)),
    "tl2cgen": Converter("TL2cgen, compiled C", "trees", ("tl2cgen", "treelite")),
    "lignum": Converter("lignum", "trees", ("pylignum",)),
    "m2cgen": Converter("m2cgen, Python code", "trees", ("m2cgen",)),
    "hummingbird": Converter("Hummingbird", "hummingbird", ("hummingbird-ml",)),
    "booster": Converter("the library's own saved model", "", ()),
}


class Refused(Exception):
    """Why there is no result, in words."""


def python_of(name: str, folder: Path) -> str:
    """The Python of an environment under `folder`, made if it is missing; Refused if it cannot be."""
    if not name:
        return sys.executable
    environment = folder / f"venv-{name}"
    python = environment / "bin" / "python"
    if (environment / "made").exists():
        return str(python)
    if name in NOT_MADE:
        raise Refused(NOT_MADE[name])
    print(f"making the environment of {name} ...", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
    same = [f"{package}=={version(package)}" for package in SAME]
    # no package is built from source
    install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    install += ["-r", str(HERE / f"requirements-{name}.txt"), *same]
    try:
        _run(install, ENVIRONMENT_PATIENCE, "not installed")
    except Refused as refused:
        NOT_MADE[name] = str(refused)
        raise
    (environment / "made").touch()
    return str(python)


def run(name: str, folder: Path, estimator: str, trees: str) -> Outcome:
    """The results of a converter for an estimator that lies in `folder`; Refused if there are none."""
    python = python_of(CONVERTERS[name].environment, folder)
    command = [python, "-W", "ignore", str(HERE / "convert.py"), name, str(folder), estimator, trees]
    _run(command, PATIENCE, "not converted")
    with np.load(folder / f"{name}-{estimator}.npz") as made:
        return Outcome(made["labels"], made.get("scores"))


def title_of(name: str) -> str:
    """The title with the versions that the environment is pinned to."""
    converter = CONVERTERS[name]
    if not converter.packages:
        return converter.title
    pins = dict(
        line.split("==")
        for line in (HERE / f"requirements-{converter.environment}.txt").read_text().split()
        if "==" in line
    )
    return f"{converter.title} ({', '.join(f'{package} {pins[package]}' for package in converter.packages)})"


def _run(command: Sequence[str], patience: float, what: str) -> None:
    single = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=patience,
            env={**os.environ, **single},
        )
    except subprocess.TimeoutExpired as expired:
        raise Refused(f"{what}: stopped after {patience:.0f} s") from expired
    except subprocess.CalledProcessError as failed:
        raise Refused(f"{what}: {reason_in(failed.stderr)}") from failed


def reason_in(text: str) -> str:
    """What the last error in the output of a process says, on one line of limited width."""
    last = text.rpartition("Traceback (most recent call last)")[2]
    lines = [line.rstrip() for line in last.splitlines() if line.strip()]
    starts = [line for line in lines if ERROR.match(line)]
    reason = (starts or lines[-1:] or ["it ended without a message"])[0].strip()
    return reason if len(reason) <= REASON_WIDTH else f"{reason[: REASON_WIDTH - 4]} ..."
