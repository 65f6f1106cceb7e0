"""`./run` before there is a `.venv`: its help, its exit codes, and what it says of a Python it cannot use."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without `.venv`, in a folder whose name has a space."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("run", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder / name)
    shutil.copytree(PROJECT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(
    clone: Path, *args: str, python: Path | str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Call `./run` from another folder, with nothing in the environment but PATH, PYTHON and the settings."""
    env = {"PATH": os.environ["PATH"], **settings}
    if python is not None:
        env["PYTHON"] = str(python)
    return subprocess.run(
        [clone / "run", *args], cwd="/", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def disguised_python(folder: Path, disguise: str) -> Path:
    """This Python, after `disguise` has been run in it."""
    script = folder / "python 3"
    program = f"import sys; {disguise}; exec(sys.argv[1])"
    script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{program}' \"$2\"\n")
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("args", [(), ("help",), ("--help",)])
def test_help_lists_every_command_and_needs_no_python(clone: Path, args: tuple[str, ...]) -> None:
    result = run(clone, *args, python="/nowhere/python")
    assert result.returncode == 0
    for command in ("demo", "build", "train", "test", "docs", "lint", "format", "lock", "clean", "help"):
        assert f"\n  {command} " in result.stdout
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nope",), "unknown command 'nope'; ./run help lists the commands"),
        (("docs", "--nope"), "docs: unknown option --nope; --port N and --no-serve are known"),
        (("docs", "--port"), "docs: --port needs a number"),
        (("clean", "--nope"), "clean: unknown option --nope; --all is known"),
    ],
)
def test_a_wrong_call_exits_with_2_and_says_what_is_known(
    clone: Path, args: tuple[str, ...], message: str
) -> None:
    result = run(clone, *args)
    assert (result.returncode, result.stderr) == (2, f"run: {message}\n")


@pytest.mark.parametrize(
    ("disguise", "reason"),
    [
        ("sys.version_info = (3, 10, 13)", "is Python 3.10, too old: 3.11 to 3.14 is needed"),
        (
            "sys.version_info = (3, 15, 0)",
            "is Python 3.15, too new: dbt-core runs on 3.11 to 3.14",
        ),
        (
            'sys.version_info = (3, 12, 1); sys.modules["venv"] = None',
            "is Python 3.12 without its venv module; on Debian or Ubuntu: apt-get install python3.12-venv",
        ),
        (
            'sys.version_info = (3, 12, 1); sys.modules["ensurepip"] = None',
            "is Python 3.12 without its ensurepip module; "
            "on Debian or Ubuntu: apt-get install python3.12-venv",
        ),
        ("sys.exit(1)", "does not run"),
    ],
)
def test_an_unfit_python_is_refused_with_its_reason(clone: Path, disguise: str, reason: str) -> None:
    python = disguised_python(clone, disguise)
    result = run(clone, "demo", python=python)
    assert result.returncode == 1
    assert f"run: no Python that can make .venv:\n  {python} {reason}\n" in result.stderr
    assert "Install Python 3.11 to 3.14, or name one: PYTHON=" in result.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("version", "asked", "on_top"),
    [
        ("(3, 13, 0)", "", ""),
        ("(3, 14, 0)", "", "requirements-dbt112.lock"),
        ("(3, 14, 0)", "requirements-duckdb15.lock", "requirements-dbt112.lock requirements-duckdb15.lock"),
        ("(3, 14, 0)", "requirements-dbt112.lock", "requirements-dbt112.lock"),
    ],
)
def test_python_3_14_gets_the_dbt_that_it_can_import(
    clone: Path, version: str, asked: str, on_top: str
) -> None:
    python = disguised_python(clone, f"sys.version_info = {version}")
    script = f"use_environment .venv requirements.lock {asked}; python=$PYTHON; suit_python; echo $on_top"
    said = subprocess.run(
        ["bash", "-c", f". tools/environment.sh; {script}"],
        cwd=clone,
        env={**os.environ, "root": str(clone), "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    assert (said.stdout.strip(), said.stderr) == (on_top, "")


def test_a_python_that_is_not_there_is_named(clone: Path) -> None:
    result = run(clone, "build", python="/nowhere/python")
    assert result.returncode == 1
    assert "/nowhere/python was not found" in result.stderr


@pytest.mark.slow
def test_an_installation_says_what_it_does_and_wants_the_hash_of_each_package(clone: Path) -> None:
    wheel = clone / "wheels/unhashed-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        facts = "Metadata-Version: 2.1\nName: unhashed\nVersion: 1.0\n"
        archive.writestr("unhashed-1.0.dist-info/METADATA", facts)
        archive.writestr("unhashed-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("unhashed-1.0.dist-info/RECORD", "")
    (clone / "requirements.lock").write_text("unhashed==1.0\n")
    result = run(clone, "demo", python=sys.executable, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheel.parent.as_uri())
    assert result.returncode == 1
    assert "setting up .venv with " in result.stderr and "    0 s  starting pip\n" in result.stderr
    assert "ERROR: Hashes are required in --require-hashes mode" in result.stderr
    assert "run: the packages could not be installed in .venv: pip's message above says why" in result.stderr
    assert "unhashed" in (clone / "target/setup.log").read_text()


def test_the_lower_ends_of_ranges_are_pinned_in_the_oldest_lock() -> None:
    lock = runpy.run_path(str(PROJECT / "tools/lock.py"))
    pins = lock["lower_bounds"](PROJECT / "pyproject.toml")
    assert len(pins) > 10 and all(re.fullmatch(r"[\w-]+==[\d.]+", pin) for pin in pins)
    held = (PROJECT / "requirements-oldest.lock").read_text()
    for name, wanted in (pin.split("==") for pin in pins):
        (version,) = re.findall(rf"^{name}==([\w.]+) ", held, re.MULTILINE)
        assert Version(version) == Version(wanted), name


LOCKS = sorted(PROJECT.glob("requirements*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_the_hashes_of_every_file_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text and "index-url" not in text and "trusted-host" not in text
    pins = re.findall(r"^([\w.-]+)==[\w.!+]+((?: \\\n    --hash=sha256:[0-9a-f]{64})*)", text, re.MULTILINE)
    is_on_top = lock.name in runpy.run_path(str(PROJECT / "tools/lock.py"))["ON_TOP"]
    assert len(pins) > (0 if is_on_top else 5) and [name for name, hashes in pins if not hashes] == []
    compiled = {"numpy", "deltalake", "sqlalchemy", "duckdb"}
    counts = [hashes.count("sha256") for name, hashes in pins if name in compiled]
    assert counts or is_on_top
    assert min(counts, default=6) > 5, "wheels of one platform alone"


def test_clean_removes_what_was_built_and_keeps_the_environment(clone: Path) -> None:
    for folder in ("target", "logs", ".venv", "src/__pycache__", ".venv/__pycache__"):
        (clone / folder).mkdir(parents=True)
    assert run(clone, "clean").returncode == 0
    assert not any((clone / folder).exists() for folder in ("target", "logs", "src/__pycache__"))
    assert (clone / ".venv/__pycache__").exists()
    assert run(clone, "clean", "--all").returncode == 0
    assert not (clone / ".venv").exists()
