"""Judge the tests: plant each fault of tests/faults.toml in a copy of the package; is it noticed?

    ./run test faults                 all faults; first, that their tests pass without a fault
    ./run test faults budget          those whose line `breaks` has this word
    ./run test faults --trust budget  the same, without trying first that the tests pass without a fault
    ./run test faults --check         only whether each fault can still be planted: seconds
    ./run test faults --list

Exits with 1 if a fault was not noticed, and with 2 if one cannot be planted: its `old` has to stand once in
its file. Write such a fault anew for the code of today.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LIST = REPOSITORY / "tests" / "faults.toml"
# What a fault may be planted in, and the tests, whose folder tells pytest where the package is.
COPIED = ("src", "macros", "models", "tests")
LEFT_OUT = (".git", "target", "logs", "dbt_packages")
ORACLE = "tests/python/scoring/test_rescore_oracle.py"
MORE_SEEDS = ("1", "2", "3", "4")
PASSED, FAILED = 0, 1
MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")  # a faulty copy counts for nothing


@dataclass(frozen=True)
class Fault:
    """One entry of faults.toml, whose head describes the fields."""

    breaks: str
    file: str
    old: str
    new: str
    noticed_by: tuple[str, ...]

    def cannot_be_planted(self) -> str:
        """Why this fault cannot be planted, or nothing."""
        place = REPOSITORY / self.file
        if not place.is_file():
            return f"{self.breaks}: there is no {self.file}"
        if (count := place.read_text().count(self.old)) != 1:
            return f"{self.breaks}: {self.old!r} stands {count} times in {self.file}, and has to stand once"
        if missing := [word for word in self.noticed_by if word.startswith("tests/") and not exists(word)]:
            return f"{self.breaks}: there is no {missing[0]}"
        if self.file.endswith(".py"):
            try:
                ast.parse(self.planted())
            except SyntaxError as error:
                return f"{self.breaks}: with the fault, {self.file} is no Python: {error}"
        return ""

    def planted(self) -> str:
        """The text of the file with the fault in it."""
        return (REPOSITORY / self.file).read_text().replace(self.old, self.new)


def exists(test: str) -> bool:
    """Whether the file of a pytest argument exists."""
    return (REPOSITORY / test.partition("::")[0]).exists()


def faults() -> list[Fault]:
    """All that are listed, in their order."""
    listed = tomllib.loads(LIST.read_text())["fault"]
    return [Fault(**{**one, "noticed_by": tuple(one["noticed_by"])}) for one in listed]


def main() -> int:
    """Try each fault that was asked for, and print one line per fault and the count."""
    parser = argparse.ArgumentParser(
        prog="./run test faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("word", nargs="*", help="words that the line `breaks` must have")
    parser.add_argument("--list", action="store_true", help="print the faults, a line each")
    parser.add_argument("--check", action="store_true", help="only whether each can be planted")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults that are tried at once")
    parser.add_argument("--trust", action="store_true", help="do not try first whether the tests pass")
    options = parser.parse_args()
    chosen = [fault for fault in faults() if all(word in fault.breaks for word in options.word)]
    if options.list:
        print("\n".join(fault.breaks for fault in chosen))
        return 0
    if stale := list(filter(None, (fault.cannot_be_planted() for fault in chosen))):
        print("\n".join(stale))
        return 2
    if options.check or not chosen:
        print(f"{len(chosen)} faults can be planted")
        return 0 if chosen else 2
    with ThreadPoolExecutor(options.jobs) as pool:
        tests = [] if options.trust else sorted({fault.noticed_by for fault in chosen})
        for arguments, sound in zip(tests, pool.map(is_sound, tests), strict=True):
            if not sound:
                print(f"fails without a fault, so that it shows nothing: {' '.join(arguments)}")
                return 1
        noticed = sum(pool.map(reported, chosen))
    print(f"{noticed} of {len(chosen)} planted faults noticed")
    return 0 if noticed == len(chosen) else 1


def is_sound(tests: tuple[str, ...]) -> bool:
    """Whether these tests pass without any fault."""
    with tempfile.TemporaryDirectory() as folder:
        return outcome(copy_with(None, Path(folder) / "copy"), tests)[0] == PASSED


def reported(fault: Fault) -> bool:
    """Whether the tests notice the fault; prints a line."""
    started = time.monotonic()
    seen = noticed(fault)
    print(f"{seen or 'NOT NOTICED'}: {fault.breaks} ({time.monotonic() - started:.0f} s)", flush=True)
    return bool(seen)


def noticed(fault: Fault) -> str:
    """What noticed the fault, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_with(fault, Path(folder) / "copy")
        for seed in ("", *MORE_SEEDS) if ORACLE in fault.noticed_by else ("",):
            code, printed = outcome(copy, fault.noticed_by, seed)
            if code == FAILED:
                return f"noticed by {' '.join(fault.noticed_by)}" + (f", seed {seed}" if seed else "")
            if code != PASSED:
                raise RuntimeError(f"{fault.breaks}: the tests did not run\n{printed}")
    return ""


def copy_with(fault: Fault | None, folder: Path) -> Path:
    """A copy of the repository with this fault, or with none."""
    folder.mkdir()
    for place in sorted(REPOSITORY.iterdir()):
        if place.name in COPIED:
            shutil.copytree(place, folder / place.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif place.name not in LEFT_OUT and not place.name.startswith(".venv"):
            (folder / place.name).symlink_to(place)
    if fault:
        (folder / fault.file).write_text(fault.planted())
    return folder


def outcome(copy: Path, tests: tuple[str, ...], seed: str = "") -> tuple[int, str]:
    """pytest's exit code and output, on a copy."""
    settings = {
        "PYTHONPATH": str(copy / "src"),
        "SCOREHOUSE_ORACLE_SEEDS": seed,
        "SCOREHOUSE_ORACLE_NO_SHRINK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "--no-header", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={name: value for name, value in os.environ.items() if name not in MEASURING} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return ended.returncode, ended.stdout


if __name__ == "__main__":
    sys.exit(main())
