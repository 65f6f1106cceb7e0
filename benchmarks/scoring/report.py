"""The benchmark page in the docs: tables of medians and a plot, made from the results alone."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cases import SETS
from measure import RAW
from models import MODELS
from peers import EMPTY, LIMIT, LOADED
from plot import bars

Result = dict[str, Any]
ONLY_DRAWN = ("forest", "kmeans", "network")  # whose peers the picture has, and no table
NAMES = {
    RAW: "the estimator's own call, in memory",
    "scorehouse": "**scorehouse**",
    "pandas": "dbt model by hand, pandas",
    "arrow": "dbt model by hand, Arrow stream",
    "udf": "DuckDB Python UDF",
    "mlflow": "MLflow pyfunc on batches",
    "onnx": "ONNX Runtime on batches",
    "orbital": "orbital, SQL",
    "treelite": "treelite on batches of Parquet",
    "lignum": "lignum on batches of Parquet",
    "booster": "LightGBM's own Booster on batches of Parquet",
    "spark": "Spark local[2], mapInArrow",
    LIMIT: "limit: a sum of the features, written",
    EMPTY: "empty dbt Python model",
    LOADED: "dbt Python model that only loads the artifact",
}
SIZES = next(one.sizes for one in SETS if one.name == "bars")
# targets for the speed relative to the pandas dbt model and to the raw call
TARGETS = {
    "logistic": (5.0, 1 / 1.4),
    "flights": (9.0, None),
    "boosting": (6.0, 4.0),
    "forest": (5.0, 4.0),
    "lightgbm": (None, 3.0),
    "kmeans": (None, 1.0),
    "network": (None, 1.5),
}
HEAD = """# Benchmark of batch scoring

{result}

Made by `python benchmarks/scoring` (see `--help`) on
{machine}.
Peers ran one after another, each in a process of its own. Seconds are dbt's time for the node; for the raw
call, of the call alone, on a frame in memory; for Spark, of the job in a running session. Memory is the peak
of the largest process; for Spark, of the JVM. All values are medians of *n* runs. The load of the machine
before the runs had a median of {load:.1f} and a maximum of {worst:.1f}.

scorehouse reads, checks, scores by proven backends, hashes the features, writes audit columns and logs the
run; its peers write the key and one value. *Loading the artifact* is the time of a dbt Python model that does
nothing else, most of it to import scikit-learn. The project set the targets for itself, on two cores.

How far the results of converters are from the estimator's own is [a page of its own](equality.md).
"""


def write_report(found: list[Result], machine: dict[str, str], docs: Path) -> None:
    """Write `benchmarks.md` and `benchmarks.svg` into the folder `docs`."""
    measured = [result for result in found if "seconds" in result]
    if not measured:
        return
    loads = [result["load"] for result in measured]
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    head = HEAD.format(result=_result(found), machine=facts, load=statistics.median(loads), worst=max(loads))
    parts = [head]
    parts += [_bars(found), _peers(found), _growth(found), _small(found)]
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "benchmarks.md").write_text("\n".join(part for part in parts if part))
    (docs / "benchmarks.svg").write_text(bars(_rates(found)))


class Medians:
    """Medians of the results of one set, by ML model and peer."""

    def __init__(self, found: Iterable[Result], name: str) -> None:
        self.results = [result for result in found if result["set"] == name]
        self.models = [m for m in MODELS if any(r["model"] == m for r in self.results)]

    def of(self, model: str, peer: str) -> list[Result]:
        """Measured runs."""
        return [r for r in self.results if (r["model"], r["peer"]) == (model, peer) and "seconds" in r]

    def seconds(self, model: str, peer: str) -> float | None:
        """Median seconds, if it was measured."""
        runs = self.of(model, peer)
        return statistics.median(r["seconds"] for r in runs) if runs else None

    def mib(self, model: str, peer: str) -> float | None:
        """Median peak memory in MiB, if it was measured."""
        runs = self.of(model, peer)
        return statistics.median(r["peak_mib"] for r in runs) if runs else None

    def rows(self, model: str) -> int:
        """Rows scored."""
        return int(next(r["rows"] for r in self.results if r["model"] == model))

    def first(self, model: str, peer: str, fact: str) -> Any:
        """A fact from the first run that has it; not every run does."""
        runs = (r for r in self.results if (r["model"], r["peer"]) == (model, peer) and fact in r)
        return next((r[fact] for r in runs), None)


def ratio(left: float | None, right: float | None) -> float | None:
    """left / right, if both were measured."""
    return None if left is None or not right else left / right


def _result(found: list[Result]) -> str:
    """What was won, in one sentence."""
    medians = Medians(found, "bars")
    names = [m for m in medians.models if medians.of(m, "pandas") and medians.of(m, "scorehouse")]
    if not names:
        return ""
    faster = sorted(_of(medians.seconds(m, "pandas"), medians.seconds(m, "scorehouse")) for m in names)
    memory = [_of(medians.mib(m, "pandas"), medians.mib(m, "scorehouse")) for m in names]
    labels = [medians.first(m, "scorehouse", "parity") for m in names]
    equal = " with the same labels" if not any(p["other_labels"] for p in labels if p) else ""
    rows = sorted(medians.rows(m) for m in names)
    return textwrap.fill(
        f"**On the same machine, scorehouse scores {faster[0]:.1f} to {faster[-1]:.1f} times as fast as a "
        f"dbt Python model written by hand with pandas (median {statistics.median(faster):.1f}, {len(names)} "
        f"ML models, {rows[0]:,} to {rows[-1]:,} rows),{equal} and {min(memory):.0f} to {max(memory):.0f} "
        "times less memory.**",
        110,
    )


def _of(left: float | None, right: float | None) -> float:
    """left / right; both were measured."""
    assert left and right
    return left / right


def _cell(value: float | None, text: str = "{:.2f}") -> str:
    return "" if value is None else text.format(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = "|".join("---" if i == 0 else "--:" for i in range(len(head)))
    above, *lines = (f"| {' | '.join(row)} |" for row in [head, *rows])
    return "\n".join([above, f"|{ruler}|", *lines]) + "\n"


def _bars(found: list[Result]) -> str:
    medians = Medians(found, "bars")
    if not medians.models:
        return ""
    rows = []
    for model in medians.models:
        ours = medians.seconds(model, "scorehouse")
        pandas, raw = medians.seconds(model, "pandas"), medians.seconds(model, RAW)
        # a target applies only to the size that it was set for
        least = TARGETS.get(model, (None, None)) if medians.rows(model) == SIZES[model] else (None, None)
        told = []
        for found_ratio, target in zip((ratio(pandas, ours), ratio(raw, ours)), least, strict=True):
            goal = "" if target is None else f" (target {target:.2f}: {_judged(found_ratio, target)})"
            told.append(_cell(found_ratio) + goal)
        name = f"{MODELS[model].title}, {medians.rows(model):,} rows"
        loaded = medians.seconds(model, LOADED)
        limit = ratio(ours, medians.seconds(model, LIMIT))
        runs = str(len(medians.of(model, "scorehouse")))
        mib = _cell(medians.mib(model, "scorehouse"), "{:,.0f}")
        rows.append([name, _cell(ours), _cell(loaded), *told, _cell(limit, "{:.1f}"), mib, runs])
    head = ["", "seconds", "loading the artifact", "speed relative to the pandas dbt model"]
    head.append("speed relative to the raw call")
    return "## How fast\n\n" + _table([*head, "seconds relative to the limit", "peak MiB", "n"], rows)


def _judged(found: float | None, target: float) -> str:
    if found is None:
        return "not measured"
    return "reached" if found >= target else "missed"


def _peers(found: list[Result]) -> str:
    medians = Medians(found, "peers")
    if not medians.models:
        return ""
    parts = ["## Compared with its peers\n", "![Rows per second by peer](benchmarks.svg)\n"]
    for model in medians.models:
        if model in ONLY_DRAWN:
            continue
        parts.append(f"**{MODELS[model].title}, {medians.rows(model):,} rows**\n")
        parts.append(_peers_of(medians, model))
    return "\n".join(parts)


def _peers_of(medians: Medians, model: str) -> str:
    rows = []
    raw = medians.seconds(model, RAW)
    for peer, name in NAMES.items():
        seconds = medians.seconds(model, peer)
        if seconds is None:
            why = medians.first(model, peer, "refused")
            if why:
                rows.append([name, "", "", "", _plain(why)])
            continue
        parity = medians.first(model, peer, "parity")
        mib = _cell(medians.mib(model, peer), "{:,.0f}")
        of_raw = _cell(ratio(seconds, raw)) if peer != RAW else ""
        rows.append([name, f"{seconds:.2f}", of_raw, mib, _parity(parity)])
    head = ["", "seconds", "seconds relative to the raw call", "peak MiB"]
    return _table([*head, "values compared with the raw call"], rows)


def _plain(text: str) -> str:
    plain = text.replace("|", "/").replace("<", "(").replace(">", ")")
    return textwrap.shorten(plain, 160, placeholder=" ...")


def _parity(parity: dict[str, float] | None) -> str:
    if parity is None:
        return ""
    told = f"{parity['other_labels']:.2%} different labels" if parity["other_labels"] else ""
    if parity["largest"]:
        told = f"{told or 'same labels'}, off by at most {parity['largest']:.1g}"
    return (told or "equal") + (f", {parity['missing']:,} rows missing" if parity["missing"] else "")


def _growth(found: list[Result]) -> str:
    small, large = Medians(found, "growth 3 M"), Medians(found, "growth 30 M")
    rows = []
    for model in (m for m in small.models if m in large.models):
        mine = [(one.seconds(model, "scorehouse"), one.mib(model, "scorehouse")) for one in (small, large)]
        (seconds, mib), (more, more_mib) = mine
        limit = ratio(large.seconds(model, LIMIT), small.seconds(model, LIMIT))
        growth = ratio(more, seconds)
        each = [_cell(seconds), _cell(more), _cell(growth, "{:.1f}"), _cell(limit, "{:.1f}")]
        memory = [_cell(mib, "{:,.0f}"), _cell(more_mib, "{:,.0f}"), _cell(ratio(more_mib, mib))]
        rows.append([MODELS[model].title, *each, *memory])
    if not rows:
        return ""
    counts = f"{small.rows(small.models[0]):,} and {large.rows(large.models[0]):,} rows"
    sizes = [f"{one.rows(one.models[0]):,} rows" for one in (small, large)]
    each = [f"{what}, {size}" for what in ("seconds", "peak MiB") for size in sizes]
    head = ["", *each[:2], "growth", "growth of the limit", *each[2:], "growth"]
    return f"## From {counts}\n\n" + _table(head, rows)


def _small(found: list[Result]) -> str:
    medians = Medians(found, "small")
    rows = []
    for model in medians.models:
        empty, ours = medians.seconds(model, EMPTY), medians.seconds(model, "scorehouse")
        above = None if empty is None or ours is None else ours - empty
        others = [_cell(medians.seconds(model, peer)) for peer in (LOADED, "pandas")]
        rows.append([MODELS[model].title, _cell(empty), _cell(ours), _cell(above), *others])
    if not rows:
        return ""
    head = ["", NAMES[EMPTY], "scorehouse", "above the empty model", NAMES[LOADED], NAMES["pandas"]]
    return f"## Small tables: {medians.rows(medians.models[0]):,} rows, seconds\n\n" + _table(head, rows)


def _rates(found: list[Result]) -> dict[str, dict[str, float]]:
    """Rows per second by title of the ML model and name of the peer."""
    medians = Medians(found, "peers")
    rates: dict[str, dict[str, float]] = {}
    for model in medians.models:
        for peer, name in NAMES.items():
            seconds = medians.seconds(model, peer)
            if seconds and peer not in (EMPTY, LOADED):
                rates.setdefault(MODELS[model].title, {})[name.strip("*")] = medians.rows(model) / seconds
    return rates
