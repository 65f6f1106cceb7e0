"""A plugin of pytest that tells coverage which test runs a line, or of which file of tests a fixture does."""

from __future__ import annotations

from collections.abc import Iterator

import coverage
import pytest


def _switch(context: str) -> None:
    if measured := coverage.Coverage.current():
        measured.switch_context(context)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    _switch(item.nodeid.partition("::")[0])
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    _switch(item.nodeid.partition("[")[0])
    return (yield)
