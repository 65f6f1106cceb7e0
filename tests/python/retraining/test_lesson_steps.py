"""What `scorehouse distil` tells while it goes on: each step, how long the rest takes, each warning once."""

from __future__ import annotations

import warnings

import pytest

from scorehouse.retraining import steps


def test_the_first_clone_tells_how_long_the_others_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(steps.time, "monotonic", lambda: clock[0])
    for seconds, told in ((80.0, "the other clones take about 4 min"), (1.0, "")):
        lesson = steps.Steps(4)
        for _ in range(2):
            with lesson.clone():
                clock[0] += seconds
        clock[0] += 5
        lesson.ended("clones have scored 900 rows")
        first, *others = capsys.readouterr().err.splitlines()
        assert first == f"clone 1 of 4 has learned: {seconds:.0f} s"
        assert [line.partition(";")[0] for line in others[:-2]] == ([told] if told else [])
        assert others[-2:] == [
            f"clone 2 of 4 has learned: {seconds:.0f} s",
            "clones have scored 900 rows: 5 s",
        ]


def test_a_warning_of_each_clone_is_told_once() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with steps.warned_once():
            for _ in range(3):
                warnings.warn("did not converge", stacklevel=1)
                warnings.warn("another", stacklevel=1)
    assert [str(one.message) for one in told] == ["did not converge", "another"]
