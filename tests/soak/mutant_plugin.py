"""A plugin of pytest: tells coverage which test runs a line, or of which file of tests a fixture does.

It also keeps what each test took, in seconds of a processor, and which failed, and gives the tests that were
read to who asks.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import coverage
import pytest

# a fixture of the session that is made once, before forks: what it runs is of no room whose tests have it
MADE_ONCE = "toys"
SECONDS: dict[str, float] = defaultdict(float)
SHARED: dict[str, float] = defaultdict(float)  # by file of tests: what its dearest fixture took
TAKEN = [0.0]  # until the last report
FAILED: list[str] = []
ASKED: list[Callable[[dict[str, pytest.Item]], None]] = []


def _switch(context: str) -> None:
    if measured := coverage.Coverage.current():
        measured.switch_context(context)
        measured.config.context = context  # of the processes that the test starts
        for name in {"COVERAGE_PROCESS_CONFIG", "SCOREHOUSE_COVERAGE"} & set(os.environ):
            os.environ[name] = measured.config.serialize()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    _switch(item.nodeid.partition("::")[0])
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    _switch(item.nodeid)
    return (yield)


def processor_seconds() -> float:
    """What this process has taken, and all that ended below it, commands that began warm among them."""
    _owner, *elsewhere = os.environ.get("SCOREHOUSE_WARM_DBT", "").split(os.pathsep)
    told = Path(elsewhere[0]).parent.glob(f"{Path(elsewhere[0]).name}*.spent") if elsewhere else ()
    return sum(os.times()[:4]) + sum(float(line) for file in told for line in file.read_text().split())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    now = processor_seconds()
    took, TAKEN[0] = now - TAKEN[0], now
    SECONDS[report.nodeid] += took
    if report.when == "setup":
        file = report.nodeid.partition("::")[0]
        SHARED[file] = max(SHARED[file], took)
    if report.failed:
        FAILED.append(report.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    _make_once(session.items)
    TAKEN[0] = processor_seconds()
    for ask in ASKED:
        ask({item.nodeid: item for item in session.items})
    return True if ASKED else None


def _make_once(items: Sequence[pytest.Item]) -> None:
    """Run one of the tests with the fixture, which is then there for the others."""
    item = next((item for item in items if MADE_ONCE in getattr(item, "fixturenames", ())), None)
    other = next((other for other in items if item and other.path != item.path), None)
    if item and other:
        item.ihook.pytest_runtest_protocol(item=item, nextitem=other)
        for held in (SECONDS, SHARED, FAILED):
            held.clear()


def first_failure(items: Sequence[pytest.Item], *, go_on: bool = False) -> str:
    """Run tests until one fails, or with `go_on` all; the first that failed, empty where none did."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if FAILED and not go_on:
            break
    return FAILED[0] if FAILED else ""
