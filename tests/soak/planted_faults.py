"""Score the tests: plant faults in copies of the package, one at a time, and see which are caught.

    .venv-all/bin/python tests/soak/planted_faults.py                 all faults
    .venv-all/bin/python tests/soak/planted_faults.py --only budget   those whose name has this word
    .venv-all/bin/python tests/soak/planted_faults.py --list

A fault is caught where the tests that it names fail with it; without it they have to pass, which is tried
first. Histories of the oracle that CI draws come first, then those of more seeds. Exits with 1 if a fault was
not caught.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python" / "support"))

from planted import FAULTS
from planting import ORACLE, Fault, plant

MORE_SEEDS = ("1", "2", "3", "4")
PASSED, FAILED = 0, 1
MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")  # a faulty copy counts for nothing


def main() -> int:
    """Try each fault that was asked for, and print one line per fault and the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2, help="faults that are tried at once")
    parser.add_argument(
        "--trust", action="store_true", help="do not try first whether the tests pass without a fault"
    )
    asked = parser.parse_args()
    faults = [fault for fault in FAULTS if asked.only in fault.name]
    if asked.list:
        print("\n".join(fault.name for fault in faults))
        return 0
    catchers = [] if asked.trust else sorted({fault.caught_by for fault in faults})
    with ThreadPoolExecutor(asked.jobs) as pool:
        for tests, sound in zip(catchers, pool.map(is_sound, catchers), strict=True):
            if not sound:
                print(f"fails without a fault, so that it shows nothing: {' '.join(tests)}")
                return 1
        score = sum(pool.map(_report, faults))
    print(f"{score} of {len(faults)} planted faults caught")
    return 0 if score == len(faults) else 1


def is_sound(tests: tuple[str, ...]) -> bool:
    """Whether these tests pass without any fault."""
    with tempfile.TemporaryDirectory() as folder:
        return outcome(plant(None, Path(folder) / "sound"), tests)[0] == PASSED


def _report(fault: Fault) -> bool:
    started = time.monotonic()
    found = caught(fault)
    print(f"{found or 'NOT CAUGHT'}: {fault.name} ({time.monotonic() - started:.0f} s)", flush=True)
    return bool(found)


def caught(fault: Fault) -> str:
    """What caught the fault, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = plant(fault, Path(folder) / "copy")
        for seed in ("", *MORE_SEEDS) if ORACLE in fault.caught_by else ("",):
            code, said = outcome(copy, fault.caught_by, seed)
            if code == FAILED:
                return f"caught by {' '.join(fault.caught_by)}" + (f", seed {seed}" if seed else "")
            if code != PASSED:
                raise RuntimeError(f"{fault.name}: the tests did not run\n{said}")
    return ""


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
