"""A plugin of pytest: tells coverage which test runs a line, or of which file of tests a fixture does.

It also keeps what each test took and which failed, and gives the tests that were read to who asks.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import coverage
import pytest

SECONDS: dict[str, float] = defaultdict(float)
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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    SECONDS[report.nodeid] += report.duration
    if report.failed:
        FAILED.append(report.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    for ask in ASKED:
        ask({item.nodeid: item for item in session.items})
    return True if ASKED else None


def first_failure(items: Sequence[pytest.Item], *, go_on: bool = False) -> str:
    """Run tests until one fails, or with `go_on` all; the first that failed, empty where none did."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if FAILED and not go_on:
            break
    return FAILED[0] if FAILED else ""
