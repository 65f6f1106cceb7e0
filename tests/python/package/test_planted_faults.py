"""The tests catch faults that are planted on purpose: a sample here, all by tests/soak/planted_faults.py."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from planted import FAULTS
from planting import Fault, StaleAnchor
from project import REPOSITORY

SCORE = REPOSITORY / "tests" / "soak" / "planted_faults.py"
SAMPLE = ("digest of an artifact", "places of others", "overlap lifts the limit")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted(fault: Fault) -> None:
    """Where this fails, the code that the fault replaces has changed: write the fault anew in planted.py."""
    text = fault.text()
    if fault.file.endswith(".py"):
        ast.parse(text)


def test_a_fault_whose_code_has_changed_is_told() -> None:
    with pytest.raises(StaleAnchor, match="stands 0 times in run"):
        Fault("gone", "run", "no such line", "").text()


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_caught(name: str) -> None:
    ended = subprocess.run([sys.executable, SCORE, "--only", name, "--trust"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 of 1 planted faults caught" in ended.stdout
