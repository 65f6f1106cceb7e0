"""Run logs that no order of the model's actions leads to are told apart from those that one does."""

from __future__ import annotations

import pytest
from run_logs import REACHED, unlike_the_model

ENDED = [("a", "success"), ("b", "failed"), ("c", "success"), ("d", "skipped")]


@pytest.mark.parametrize(
    ("rows", "in_table", "disturbed"),
    [
        ([], (), 0),
        (ENDED, ("a", "c"), 0),  # some rows of the first run stand
        (ENDED, ("c",), 0),  # the later run has replaced them
        ([*ENDED, ("e", "started")], ("c",), 1),
        ([("b", "failed")], (), 0),
    ],
)
def test_what_the_model_reaches(
    rows: list[tuple[str, str]], in_table: tuple[str, ...], disturbed: int
) -> None:
    assert list(unlike_the_model(rows, in_table, disturbed)) == []


@pytest.mark.parametrize(
    ("rows", "in_table", "problem"),
    [
        (ENDED, ("c", "x"), "which the log does not have"),
        (ENDED, ("b", "c"), "run b has the rows ['failed'] in the log and is in the table"),
        ([*ENDED, ("c", "failed")], ("c",), "run c has the rows ['success', 'failed']"),
        ([*ENDED, ("c", "success")], ("c",), "run c has the rows ['success', 'success']"),
        ([*ENDED, ("e", "started")], ("c", "e"), "run e has the rows ['started'] in the log and is in"),
        ([*ENDED, ("e", "started")], ("c",), "1 runs are called started, and 0 were stopped"),
        ([("a", "success")], (), "run a has the rows ['success'] in the log and is not in the table"),
        ([("a", "done")], (), "run a has the rows ['done']"),
    ],
)
def test_what_it_does_not(rows: list[tuple[str, str]], in_table: tuple[str, ...], problem: str) -> None:
    assert any(problem in told for told in unlike_the_model(rows, in_table, 0))


def test_the_states_are_those_of_the_search() -> None:
    assert len(REACHED) == 53  # as all_models.py prints
