"""Build the examples, and print one line per example instead of dbt's log, which goes to a file.

`./run demo` calls it; arguments are those of `dbt build`. It ends with dbt's exit code.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from show import TABLES, print_table

DATABASE = Path(os.environ.get("SCOREHOUSE_DATABASE", "target/scorehouse.duckdb"))
TARGET = Path(os.environ.get("DBT_TARGET_PATH", "target"))
LOG_FOLDER = TARGET / "demo"
LOG = LOG_FOLDER / "dbt.log"
TESTS = ("test.", "unit_test.")
INTERRUPTED = 130  # as shells say of SIGINT
FAILED = ("error", "fail", "runtime error", "partial success")
REGISTRY = re.compile(r"^seed\.[^.]+\.ml_(?!.*__(?:signature|reference|calibration)$)(.+)$")
RUNS = """
select split_part(prediction_table, '"', 6) as name, model_name, model_version, rows_in, rows_scored,
    rows_rejected, seconds
from scorehouse_run_log
where status = 'success' and invocation_id = ? and name in (select unnest(?))
order by rows_in desc
"""
ENDS = ("LogModelResult", "LogSeedResult", "LogTestResult", "LogNodeNoOpResult", "LogNodeResult")
SCORING = (  # what the examples import once they score, beside dbt
    "import duckdb, pandas, pyarrow.compute, scorehouse.api, scorehouse.engines.duckdb.engine, "
    "sklearn.calibration, sklearn.cluster, sklearn.compose, sklearn.ensemble, sklearn.impute, "
    "sklearn.linear_model, sklearn.pipeline, sklearn.preprocessing"
)
COLUMNS = ("ML model", "version", "prediction table", "rows", "scored", "rejected", "seconds", "verdict")


def main(arguments: list[str]) -> int:
    """Build, then report the results."""
    results = TARGET / "run_results.json"
    results.unlink(missing_ok=True)
    LOG_FOLDER.mkdir(parents=True, exist_ok=True)
    LOG.unlink(missing_ok=True)
    with compiled_ahead():
        code, errors = build(arguments)
    if not results.exists():
        report_failure(errors)
        return code or 1
    ended = json.loads(results.read_text())
    outcomes = ended["results"]
    nodes = json.loads((TARGET / "manifest.json").read_text())
    failed = [outcome for outcome in outcomes if outcome["status"] in FAILED]
    if failed or code:
        report_failure([f"{one['unique_id']}: {one['status']}\n{one['message']}" for one in failed] or errors)
        return code or 1
    if rows := lines(nodes, outcomes, ended["metadata"]["invocation_id"]):
        print_table(COLUMNS, rows)
    tests = Counter(one["status"] for one in outcomes if one["unique_id"].startswith(TESTS))
    print(f"\n{_verdict(tests)} in all.")
    print_warnings(nodes, outcomes)
    print(f"dbt's log: {LOG}")
    return 0


@contextmanager
def compiled_ahead() -> Iterator[None]:
    """In a fresh environment, import what scoring needs in another process, while dbt reads the project.

    What installs leaves compiling to the first import. dbt reads on one core, and this uses the other.
    """
    found = importlib.util.find_spec("sklearn")
    origin = found.origin if found and not sys.dont_write_bytecode else None
    if origin is None or Path(importlib.util.cache_from_source(origin)).exists():
        yield
        return
    ahead = subprocess.Popen(
        [sys.executable, "-c", SCORING], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        ahead.kill()
        ahead.wait()


def build(arguments: list[str]) -> tuple[int, list[str]]:
    """Run `dbt build`; returns its exit code, and the errors that it reported before any node ran."""
    dbt = Path(sys.executable).with_name("dbt")
    quiet = ["--log-format", "json", "--log-format-file", "text", "--log-level-file", "info"]
    command = [str(dbt), *quiet, "--log-path", str(LOG_FOLDER), "build", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    errors: list[str] = []
    try:
        with Progress() as progress:
            for event in events(process.stdout):
                if event["level"] == "error":
                    errors.append(event["msg"])
                progress.show(event)
        return process.wait(), errors
    except KeyboardInterrupt:  # a terminal sends it to dbt too, and others may not
        end(process)
        return INTERRUPTED, ["interrupted, and dbt with it; to begin again: ./run demo"]


def end(process: subprocess.Popen[str]) -> None:
    """Let a process end by itself, else by a signal: what scores leaves its table as it was."""
    for signal_it in (lambda: None, process.terminate, process.kill):
        signal_it()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return


def events(lines_of_dbt: Iterable[str]) -> Iterator[dict[str, str]]:
    """dbt's events; a line that is not an event, such as a traceback, counts as an error."""
    for line in lines_of_dbt:
        try:
            event = json.loads(line)
            info = event["info"]
        except (ValueError, TypeError, KeyError):
            if line.strip():
                yield {"level": "error", "msg": line.rstrip(), "total": ""}
            continue
        data = event.get("data") or {}
        node = (data.get("node_info") or {}).get("resource_type")
        ended = data.get("total") and info["name"] in ENDS and node != "operation"
        yield {"level": info["level"], "msg": str(info["msg"]), "total": str(data["total"]) if ended else ""}


class Progress:
    """On a terminal, one line that is overwritten; elsewhere, one line every 15 seconds."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.terminal = sys.stdout.isatty()
        self.told = self.start
        self.ended = 0

    def __enter__(self) -> Progress:
        self._say("dbt reads the project")
        return self

    def __exit__(self, *_: object) -> None:
        if self.terminal:
            print("\r\033[K", end="", flush=True)

    def show(self, event: dict[str, str]) -> None:
        """Report dbt's progress when a node has ended."""
        if not event["total"]:
            return
        self.ended += 1
        now = time.monotonic()
        if self.terminal or now - self.told >= 15:
            self.told = now
            self._say(f"{self.ended} of {event['total']} seeds, models and tests")

    def _say(self, text: str) -> None:
        text = f"  {time.monotonic() - self.start:3.0f} s  {text}"
        print(f"\r\033[K{text}" if self.terminal else text, end="" if self.terminal else "\n", flush=True)


def report_failure(messages: list[str]) -> None:
    """Print everything that dbt said about failures, and the path of its log."""
    print(f"\ndbt build failed; {len(messages)} messages, in full:\n", file=sys.stderr)
    print("\n\n".join(messages), file=sys.stderr)
    print(f"\ndbt's log: {LOG}", file=sys.stderr)


def lines(manifest: dict[str, Any], outcomes: list[dict[str, Any]], invocation: str) -> list[list[Any]]:
    """One line per example that this build scored: its rows, its version, and its test results."""
    if not any(outcome["unique_id"].rpartition(".")[2] in TABLES for outcome in outcomes):
        return []
    verdicts = verdicts_by_ml_model(manifest, outcomes)
    with duckdb.connect(DATABASE, read_only=True) as connection:
        rows = connection.execute(RUNS, [invocation, list(TABLES)]).fetchall()
    return [
        [
            model,
            version,
            table,
            rows_in,
            scored,
            rejected,
            f"{seconds:.1f}",
            verdicts.get(model, "not tested"),
        ]
        for table, model, version, rows_in, scored, rejected, seconds in rows
    ]


def verdicts_by_ml_model(manifest: dict[str, Any], outcomes: list[dict[str, Any]]) -> dict[str, str]:
    """`42 tests passed, 1 warned`, counting the tests that depend on this ML model and on no other."""
    parents = manifest["parent_map"]
    known: dict[str, frozenset[str]] = {}

    def models_of(node: str) -> frozenset[str]:
        if node not in known:
            own = REGISTRY.match(node)
            above = [models_of(parent) for parent in parents.get(node, ())]
            known[node] = frozenset([own[1]] if own else []).union(*above)
        return known[node]

    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        found = models_of(outcome["unique_id"])
        if outcome["unique_id"].startswith(TESTS) and len(found) == 1:
            counts[next(iter(found))][outcome["status"]] += 1
    return {name: _verdict(count) for name, count in counts.items()}


def _verdict(counts: Counter[str]) -> str:
    return f"{counts['pass']} tests passed" + (f", {counts['warn']} warned" if counts["warn"] else "")


def print_warnings(manifest: dict[str, Any], outcomes: list[dict[str, Any]]) -> None:
    """Print each warning, and why it is intended if its test says so (`meta: {intended: ...}`)."""
    for outcome in outcomes:
        if outcome["status"] != "warn":
            continue
        node = manifest["nodes"][outcome["unique_id"]]
        why = (node.get("config", {}).get("meta") or {}).get("intended")
        print(f"\nWarning of {node['name']}: {outcome['message']}")
        said = f"Intended: {' '.join(why.split())}" if why else "Not intended: look into dbt's log."
        print(textwrap.fill(said, 100, initial_indent="  ", subsequent_indent="  "))
    print()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
