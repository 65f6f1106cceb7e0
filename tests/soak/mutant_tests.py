"""Which tests run a line, and how they are asked about a mutant: in forks of a pytest that has read them."""

from __future__ import annotations

import compileall
import contextlib
import functools
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import CO_OPTIMIZED
from itertools import chain, zip_longest
from pathlib import Path
from py_compile import PycInvalidationMode
from types import CodeType, FunctionType
from typing import Any

import mutant_plugin
import pytest
from coverage import Coverage
from limited import in_fork

REPOSITORY = Path(__file__).parents[2]
SOURCE = Path("src") / "scorehouse"
MARKED = "not soak and not foreign"
SLOW_TOO = "tests/python/retraining"  # its quick tests start neither dbt nor a training
COVERED = """
[run]
source_pkgs = scorehouse
data_file = {data}
parallel = true
patch =
    subprocess
    _exit
disable_warnings = no-data-collected,module-not-imported,module-not-measured
"""


@dataclass(frozen=True)
class Mutant:
    """A file with one change, and the line where it begins."""

    file: Path
    line: int
    operator: str
    text: str


class Tree:
    """A copy of this repository, in which files are changed and tests are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.check_output(["git", "-C", str(REPOSITORY), "ls-files", "-z"], text=True)
        for name in filter(None, listed.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
        for library in (REPOSITORY / SOURCE / "program" / "native").glob("_kernel.*"):
            shutil.copy(library, folder / library.relative_to(REPOSITORY))
        # checked by content: two changes of a second may have the same size
        compileall.compile_dir(folder / SOURCE, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        subprocess.run(["git", "-C", str(folder), "init", "--quiet"], check=True)

    @property
    def told(self) -> Path:  # the file in which a process says which test failed first
        return self.folder.parent / "told"

    def pytest(self, *places: str) -> int:
        """Run pytest here, in this process."""
        os.chdir(self.folder)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        sys.path[:0] = [str(self.folder / "src")]
        os.environ["PYTHONPATH"] = str(self.folder / "src")
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(self.folder.parent)
        marked = MARKED if all(place.startswith(SLOW_TOO) for place in places) else f"not slow and {MARKED}"
        quiet = ("-p", "no:cacheprovider", "-p", "mutant_plugin", "-m", marked)
        return int(pytest.main([*quiet, *places]))

    def pytest_in_fork(
        self,
        ask: Callable[[dict[str, pytest.Item]], None],
        places: Iterable[str],
        seconds: float | None = None,
    ) -> int:
        """Let pytest read tests in a process of its own, and give them to `ask`."""

        def run() -> int:
            mutant_plugin.ASKED.append(ask)
            return self.pytest(*places)

        return in_fork(run, seconds)

    @contextlib.contextmanager
    def changed(self, mutant: Mutant) -> Iterator[str]:
        place, made = self.folder / mutant.file, "pytest-of-*/pytest-*/*"
        before, there = place.read_text(), {*self.folder.parent.glob(made)}
        place.write_text(mutant.text)
        try:
            yield before
        finally:
            place.write_text(before)
            for left in {*self.folder.parent.glob(made)} - there:
                shutil.rmtree(left, ignore_errors=True)

    def _first_failure(self, items: Mapping[str, pytest.Item], chosen: list[str]) -> None:
        self.told.write_text(mutant_plugin.first_failure([items[test] for test in chosen if test in items]))

    def asked_in_memory(
        self,
        functions: Functions,
        items: Mapping[str, pytest.Item],
        mutant: Mutant,
        chosen: list[str],
        seconds: float,
    ) -> str | None:
        """The first test that fails, empty if all pass; None where it has to be asked anew."""
        self.told.unlink(missing_ok=True)
        with self.changed(mutant) as before:

            def run() -> int:
                if functions.exchange(self.folder / mutant.file, before, mutant.text):
                    self._first_failure(items, chosen)
                return 0

            in_fork(run, seconds)
        return self.told.read_text() if self.told.exists() else None

    def asked_anew(self, mutant: Mutant, chosen: list[str], seconds: float) -> str:
        """The first test that fails, or why none could run; empty if all pass, or do not end in time."""
        self.told.unlink(missing_ok=True)
        files = dict.fromkeys(test.partition("::")[0] for test in chosen)
        with self.changed(mutant):
            code = self.pytest_in_fork(lambda items: self._first_failure(items, chosen), files, seconds)
        return self.told.read_text() if self.told.exists() else f"exit code {code}" if code >= 0 else ""

    def failing(self, tests: list[str]) -> list[str]:
        """Which of some tests fail without a mutant."""
        self.told.write_text(json.dumps(tests))

        def run(items: dict[str, pytest.Item]) -> None:
            mutant_plugin.first_failure([items[test] for test in tests if test in items], go_on=True)
            self.told.write_text(json.dumps(mutant_plugin.FAILED))

        self.pytest_in_fork(run, dict.fromkeys(test.partition("::")[0] for test in tests))
        return [str(test) for test in json.loads(self.told.read_text())]


def measure(tree: Tree, folder: Path, places: Iterable[str]) -> None:
    """Run the tests of each folder once, and keep what each took and which lines it ran."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in places:
        kept = folder / f"{Path(place).name}.json"
        if kept.exists():
            continue
        with tempfile.TemporaryDirectory(dir=folder) as own:
            settings = Path(own) / "settings"
            settings.write_text(COVERED.format(data=Path(own) / "data"))
            in_fork(functools.partial(_measured, tree, place, Path(own)))
            counted = Coverage(config_file=str(settings))
            counted.combine()
            held = counted.get_data()
            # read here: a fork that opens it would erase it
            lines = {
                f"{SOURCE}/{name.split(f'/{SOURCE}/')[-1]}": held.contexts_by_lineno(name)
                for name in held.measured_files()
            }
            told = json.loads((Path(own) / "told.json").read_text())
            kept.write_text(json.dumps({**told, "lines": lines}))


def _measured(tree: Tree, place: str, kept: Path) -> int:
    counted = Coverage(config_file=str(kept / "settings"))
    counted.start()
    tree.pytest(place)
    counted.stop()
    counted.save()
    seconds = {test: took for test, took in mutant_plugin.SECONDS.items() if test not in mutant_plugin.FAILED}
    (kept / "told.json").write_text(json.dumps({"seconds": seconds, "shared": mutant_plugin.SHARED}))
    return 0


class Tests:
    """What each test took of a processor, and the tests that run each line of a file."""

    def __init__(self, folder: Path, places: Iterable[str]) -> None:
        self.seconds, self.shared = dict[str, float](), dict[str, float]()
        self.of_file: dict[Path, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.imported: dict[Path, set[int]] = defaultdict(set)
        for place in places:
            self._add(json.loads((folder / f"{Path(place).name}.json").read_text()))

    def _add(self, found: dict[str, Any]) -> None:
        of_context = defaultdict(list)
        for test in found["seconds"]:
            of_context[test].append(test)
            of_context[test.partition("::")[0]].append(test)  # what a fixture runs is asked of its whole file
        self.seconds |= found["seconds"]
        self.shared |= found.get("shared", {})
        for name, lines in found["lines"].items():
            for line, contexts in lines.items():
                of_line = self.of_file[Path(name)][int(line)]
                of_line.update(*(of_context.get(context, ()) for context in contexts))
                if "" in contexts:
                    self.imported[Path(name)].add(int(line))

    def is_imported(self, file: Path, line: int) -> bool:
        """Whether a line runs when a module is imported."""
        of_line = self.of_file[file]
        near = next((near for near in range(line, max(0, line - 6), -1) if near in of_line), line)
        return near in self.imported[file]

    def of(self, file: Path, line: int, most: float) -> list[str]:
        """The tests that run a line, or one of its statement above it, of which together take `most` seconds.

        Files take turns; the first test of a file makes what its others share, and one may take longer.
        What runs when a module is imported is asked of all tests that run a function of it.
        """
        of_line = self.of_file[file]
        lines = () if self.is_imported(file, line) else range(line, max(0, line - 6), -1)
        known = next((of_line[near] for near in lines if of_line.get(near)), set().union(*of_line.values()))
        by_file = defaultdict(list)
        for test in sorted(known, key=lambda test: (self.seconds[test], test)):
            by_file[test.partition("::")[0]].append(test)
        chosen, total = defaultdict[str, list[str]](list), 0.0
        files = sorted(by_file, key=lambda name: self.shared.get(name, 0) + self.seconds[by_file[name][0]])
        for test in filter(None, chain(*zip_longest(*map(by_file.__getitem__, files)))):
            file = test.partition("::")[0]
            took = self.seconds[test] + (self.shared.get(file, 0) if chosen and file not in chosen else 0)
            if not chosen or total + took <= most:
                total += took
                chosen[file].append(test)
        return [*chain(*chosen.values())]


class Functions:
    """The functions of a package as they are in memory, whose code can be exchanged."""

    def __init__(self, folder: Path) -> None:
        self.found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
        gc.unfreeze()
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(str(folder)):
                self.found[key_of(one.__code__)].append(one)
        gc.freeze()
        self.files = {name for name, _, _ in self.found}

    def exchange(self, file: Path, before: str, after: str) -> bool:
        """Whether all that a change of a file has changed was exchanged in memory."""
        if str(file) not in self.files:  # it is read when a test imports it
            return True
        old, new = (dict(parts(compile(text, str(file), "exec"))) for text in (before, after))
        changed = [name for name in {*old, *new} if old.get(name) != new.get(name)]
        one_each = (name in old and name in new and self.found.get(name) for name in changed)
        if not all(one_each) or any("<lambda>" in name[1] for name in changed):  # a line may have several
            return False
        for name in changed:
            for function in self.found[name]:
                function.__code__ = new[name]
        return True


def key_of(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def parts(code: CodeType) -> Iterator[tuple[tuple[str, str, int], Any]]:
    """The functions of a module and its classes, and what else these run when they are imported."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    rest = [(type(one), one) for one in code.co_consts if not isinstance(one, CodeType)]
    yield key_of(code), (code.co_code, code.co_names, repr(rest), len(inner))
    for one in inner:
        if one.co_flags & CO_OPTIMIZED:
            yield key_of(one), one
        else:
            yield from parts(one)
