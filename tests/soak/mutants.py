"""How many small changes of the code the tests notice, room by room: a seeded sample, made by cosmic-ray.

    ./run test mutants --room kernel --count 70
    ./run test mutants --room kernel --count 70 --part 1/2

A mutant is one operator, number, comparison or keyword changed in a function. The tests that run its line, in
the process of pytest, are known by line coverage; the quickest come first, until one of them fails. Prints
each mutant that survived, and the share that was killed with its 95 % interval (Wilson). What differs in
annotations alone is no mutant.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import CoverageData

REPOSITORY = Path(__file__).parents[2]
SOURCE = Path("src") / "scorehouse"
# which tests are asked of each room, by folders of tests/python
ROOMS = {
    "kernel": ("kernel", "scoring"),
    "scoring": ("scoring",),
    "registry": ("registration",),
    "engines": ("engines", "scoring"),
    "retraining": ("retraining",),
    "evidence": ("evidence",),
}
CONTEXTS = "mutant_contexts"  # tells coverage which test runs
MARKED = "not soak and not heavy and not foreign"
MOST_SECONDS = 120.0  # of the tests that are run for one mutant, by what they took before
# decorators and exceptions that are left out change what no test has to notice
LEFT_OUT = ("RemoveDecorator", "ExceptionReplacer", "VariableReplacer", "VariableInserter")
COVERED = """
[run]
source_pkgs = scorehouse
data_file = {data}
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
        subprocess.run(["git", "-C", str(folder), "init", "--quiet"], check=True)

    def pytest(self, *words: str, through: tuple[str, ...] = (), seconds: float | None = None) -> int:
        """The exit code of pytest here; that of a failure where it does not end in time."""
        command = [sys.executable, *through, "-m", "pytest", "-p", "no:cacheprovider", *words]
        variables = {"PYTHONPATH": str(self.folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            return 1


@dataclass(frozen=True)
class Tests:
    """What each test function took, and the functions that run each line of a file."""

    seconds: dict[str, float]
    of_line: dict[tuple[Path, int], list[str]]

    @classmethod
    def measured(cls, tree: Tree, room: str) -> Tests:
        """All tests that are asked of a room, run once."""
        data, settings, report = (tree.folder / name for name in (".data", ".settings", "report.xml"))
        settings.write_text(COVERED.format(data=data))
        folders = [f"tests/python/{name}" for name in ROOMS[room]]
        through = ("-m", "coverage", "run", f"--rcfile={settings}")
        (tree.folder / f"{CONTEXTS}.py").write_text(Path(__file__).with_name(f"{CONTEXTS}.py").read_text())
        words = ("-p", CONTEXTS, "-m", MARKED, f"--junitxml={report}")
        code = tree.pytest(*words, *folders, through=through)
        if code:
            raise SystemExit(f"the tests of {room} do not pass without a mutant: exit code {code}")
        seconds: dict[str, float] = defaultdict(float)
        for case in ET.parse(report).iter("testcase"):
            module, function = str(case.get("classname")), str(case.get("name")).partition("[")[0]
            seconds[f"{module.replace('.', '/')}.py::{function}"] += float(case.get("time") or 0.0)
        by_context = defaultdict(set)
        for test in seconds:
            by_context[test] = {test}
            by_context[test.partition("::")[0]].add(test)  # what a fixture runs is asked of its whole file
        held = CoverageData(str(data))
        held.read()
        of_line: dict[tuple[Path, int], list[str]] = {}
        for file in held.measured_files():
            place = Path(file).relative_to(tree.folder)
            for line, contexts in held.contexts_by_lineno(file).items():
                known = {test for one in contexts for test in by_context[one]}
                of_line[place, line] = sorted(known, key=seconds.__getitem__)
        return cls(dict(seconds), of_line)

    def of(self, mutant: Mutant) -> list[str]:
        """The quickest tests that run the line of a mutant, or one of its statement above it.

        What runs when a module is imported is asked of all tests that run a function of it.
        """
        lines = range(mutant.line, max(0, mutant.line - 6), -1)
        found = next((tests for line in lines if (tests := self.of_line.get((mutant.file, line)))), [])
        if not found:
            every = {
                test for (file, _), tests in self.of_line.items() if file == mutant.file for test in tests
            }
            found = sorted(every, key=self.seconds.__getitem__)
        chosen, total = found[:1], 0.0
        for test in found[1:]:
            total += self.seconds[test]
            if total > MOST_SECONDS:
                break
            chosen.append(test)
        return chosen


OPERATORS = {
    name: get_operator(name)() for name in operator_names() if not any(word in name for word in LEFT_OUT)
}


class Places(Visitor):
    """By line and column: the operators that change something there, and which occurrence of theirs it is."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
        self.counts = Counter[str]()

    def visit(self, node: Any) -> Any:
        for name, operator in OPERATORS.items():
            for start, _ in operator.mutation_positions(node):
                self.found[start].append((name, self.counts[name]))
                self.counts[name] += 1
        return node


def places(file: Path) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """Where a file can be changed."""
    visitor = Places()
    visitor.walk(get_ast((REPOSITORY / file).read_text()))
    return visitor.found


def without_annotations(text: str) -> str:
    """The code without its annotations, as text to compare."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            for argument in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs):
                argument.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def mutants(room: str, count: int, seed: int) -> Iterator[Mutant]:
    """A sample of the mutants of a room: places are drawn first, then one of the changes of a place."""
    draw = random.Random(f"{room} {seed}")
    files = sorted(path.relative_to(REPOSITORY) for path in (REPOSITORY / SOURCE / room).rglob("*.py"))
    known = {file: places(file) for file in files}
    everywhere = [(file, place) for file in files for place in sorted(known[file])]
    draw.shuffle(everywhere)
    for file, place in everywhere:
        if not count:
            return
        before = (REPOSITORY / file).read_text()
        name, occurrence = draw.choice(known[file][place])
        text = mutate_code(before, OPERATORS[name], occurrence)
        try:
            if text is None or without_annotations(text) == without_annotations(before):
                continue
        except SyntaxError:
            continue
        count -= 1
        yield Mutant(file, place[0], name.partition("/")[2], text)


def changed_line(mutant: Mutant) -> str:
    """The line of a mutant, after the change."""
    lines = ((REPOSITORY / mutant.file).read_text().splitlines(), mutant.text.splitlines())
    new = [line[1:].strip() for line in difflib.ndiff(*lines) if line.startswith("+")]
    return " / ".join(new) or "a line is gone"


def interval(killed: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's formula."""
    z, share = 1.959964, killed / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle - half, middle + half


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--room", choices=ROOMS, action="append", help="default: all, one after the other")
    parser.add_argument("--count", type=int, default=70, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--part", default="1/1", help="which part of them, such as 1/2 in one of two processes"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        help="a file to which a line of JSON per mutant is added; what it has is not tried again",
    )
    asked = parser.parse_args()
    part, parts = map(int, asked.part.split("/"))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Tree(Path(folder))
        for room in asked.room or ROOMS:
            tests = Tests.measured(tree, room)
            killed = [
                judged(tree, tests, one, asked.keep)
                for one in [*mutants(room, asked.count, asked.seed)][part - 1 :: parts]
            ]
            low, high = interval(sum(killed), len(killed))
            share = sum(killed) / len(killed)
            print(
                f"{room}: {sum(killed)} of {len(killed)} killed, {share:.0%} ({low:.0%} to {high:.0%})",
                flush=True,
            )
    return 0


def judged(tree: Tree, tests: Tests, mutant: Mutant, keep: Path | None) -> bool:
    """Whether a test notices a mutant; what none notices is printed."""
    own = {
        "file": str(mutant.file),
        "line": mutant.line,
        "operator": mutant.operator,
        "text": changed_line(mutant),
    }
    for line in keep.read_text().splitlines() if keep and keep.exists() else ():
        known = json.loads(line)
        if own.items() <= known.items():
            return bool(known["killed"])
    chosen, place = tests.of(mutant), tree.folder / mutant.file
    before, started = place.read_text(), time.monotonic()
    place.write_text(mutant.text)
    try:
        expected = sum(tests.seconds[test] for test in chosen)
        killed = bool(chosen) and tree.pytest("-x", *chosen, seconds=60 + 4 * expected) != 0
    finally:
        place.write_text(before)
    if not killed:
        print(f"  {mutant.file}:{mutant.line} survived {len(chosen)} tests: {own['text']}", flush=True)
    if keep:
        facts = own | {
            "killed": killed,
            "tests": len(chosen),
            "seconds": round(time.monotonic() - started, 1),
        }
        with keep.open("a") as file:
            file.write(json.dumps(facts) + "\n")
    return killed


if __name__ == "__main__":
    sys.exit(main())
