"""Print the test files that a change touches, for `./run test --changed`.

    python tools/changed_tests.py [REVISION]

A change is what differs from REVISION (default: where this branch left `main`, or HEAD on it), with files
that git does not track yet. A changed test file is run. For any other file, files that name it are looked at,
then those that name these, until a test is among them: Python imports a module, SQL and YAML name a macro.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = "tests/python/"
RINGS = 4  # how far a test may be from what has changed
WIDE = 40  # what more tests name, as `errors.py`, is a change for all tests


def main() -> int:
    changed = list(changed_files(*sys.argv[1:2]))
    tests = {file: tests_of(file) for file in changed}
    print("\n".join(sorted(set().union(*tests.values()))))
    for file in (file for file, found in tests.items() if not found and name_of(file)):
        print(f"no test is near {file}, or too many: ./run test", file=sys.stderr)
    return 0


def changed_files(revision: str | None = None) -> Iterator[str]:
    """Changed and new files, as git names them."""
    if revision is None:
        on_main = git("branch", "--show-current") == ["main"]
        (revision,) = ["HEAD"] if on_main else git("merge-base", "HEAD", "main") or ["HEAD"]
    yield from git("diff", "--name-only", "--diff-filter=d", revision)
    yield from git("ls-files", "--others", "--exclude-standard")


def git(*words: str) -> list[str]:
    ended = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return ended.stdout.split()


def tests_of(file: str) -> set[str]:
    """The nearest tests of a file."""
    if is_test(file):
        return {file}
    ring, seen = {file}, {file}
    for _ in range(RINGS):
        ring = {other for name in filter(None, map(name_of, ring)) for other in naming(name)} - seen
        seen |= ring
        tests = {other for other in ring if is_test(other)}
        if tests:
            return tests if len(tests) <= WIDE else set()
    return set()


def is_test(file: str) -> bool:
    return file.startswith(TESTS) and Path(file).name.startswith("test_")


def name_of(file: str) -> str | None:
    """What other files call it: the path of a module, the name of a macro; None for a file without a name."""
    path = Path(file)
    if file.startswith("src/") and path.suffix == ".py":
        return ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")
    if file.startswith("tests/") and path.suffix == ".py":
        return f"support.{path.stem}"
    return path.stem if path.suffix == ".sql" else None


def naming(name: str) -> set[str]:
    """The files that name a macro, or import a module: by its path, or from its package or folder."""
    package, _, last = name.rpartition(".")
    files = {file for file, words in words_of_files().items() if last in words}
    if not package:
        return files
    way = rf"{re.escape(name)}\b|from {re.escape(package)} import [^\n]*\b{last}\b"
    if package == "support":
        way = rf"^ *(from|import) {last}\b"
    return {file for file in files if file.endswith(".py") and re.search(way, read(file), re.MULTILINE)}


@cache
def words_of_files() -> dict[str, frozenset[str]]:
    """Every Python file and macro, with its words."""
    listed = git("ls-files", "src", "macros", "tests", "--cached", "--others", "--exclude-standard")
    files = [file for file in listed if file.endswith((".py", ".sql")) and (ROOT / file).is_file()]
    return {file: frozenset(re.findall(r"\w+", read(file))) for file in files}


@cache
def read(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
