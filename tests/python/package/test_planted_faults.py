"""The tests notice faults that are planted on purpose: a sample here, all by `./run test faults`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import REPOSITORY

SAMPLE = ("digest of an artifact", "places of others", "overlap lifts the limit")


def judge(*words: str, root: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, root / "tests" / "faults.py", *words], capture_output=True, text=True
    )


def test_every_fault_can_be_planted() -> None:
    """Where this fails, the code that a fault replaces has changed: write the fault anew in faults.toml."""
    ended = judge("--check")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_fault_whose_code_has_changed_is_named(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    shutil.copy(REPOSITORY / "tests" / "faults.py", tmp_path / "tests")
    (tmp_path / "code.py").write_text("a = 1\n")
    entry = '[[fault]]\nbreaks = "the sum"\nfile = "code.py"\nold = "{}"\nnew = "a = ("\nnoticed_by = []\n'
    (tmp_path / "tests" / "faults.toml").write_text(entry.format("b = 2") + entry.format("a = 1"))
    ended = judge("--check", root=tmp_path)
    assert ended.returncode == 2
    stale, broken = ended.stdout.splitlines()
    assert stale == "the sum: 'b = 2' stands 0 times in code.py, and has to stand once"
    assert "is no Python" in broken


@pytest.mark.slow
@pytest.mark.parametrize("word", SAMPLE)
def test_a_sample_is_noticed(word: str) -> None:
    ended = judge(word, "--trust")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 of 1 planted faults noticed" in ended.stdout
