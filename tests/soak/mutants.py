"""How many small changes of the code the quick tests notice, room by room: a seeded sample, by cosmic-ray.

    ./run test mutants --room kernel --count 70 --seed 2
    ./run test mutants --room kernel --keep kernel.jsonl --map /tmp/map

A mutant is one operator, number, comparison or keyword changed. The quick tests of its room are run once with
line coverage, processes that they start included; those that run the line of a mutant are asked, the quickest
first, until one of them fails. Prints each mutant that survived, and the share that was killed with its 95 %
interval (Wilson). What differs in annotations or decorators alone is no mutant. Seconds are those of a
processor (limited.py), so that a draw at idle priority beside other work gives the same figure.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import json
import math
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from mutant_tests import REPOSITORY, SOURCE, Functions, Mutant, Tests, Tree, measure

# which tests are asked of each room, by folders of tests/python: those of others would notice more
ROOMS = {
    "scoring": ("scoring",),
    "registry": ("registration", "evidence"),
    "kernel": ("kernel",),
    "evidence": ("evidence",),
    "retraining": ("retraining",),
    "engines": ("engines", "scoring"),
}
# what needs an engine that is not here: Spark, DuckLake
NOT_HERE = ("engines/spark/", "engines/duckdb/feed.py", "engines/duckdb/lake.py")
# imported once, before a mutant is
LIBRARIES = (
    *("hypothesis", "pandas", "pyarrow.compute", "pyarrow.parquet", "duckdb", "pydantic", "yaml", "jinja2"),
    *("sklearn.ensemble", "sklearn.pipeline", "sklearn.linear_model", "sklearn.compose", "joblib"),
)
# decorators and exceptions that are left out change what no test has to notice
LEFT_OUT = ("RemoveDecorator", "ExceptionReplacer", "VariableReplacer", "VariableInserter")


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


def what_runs(text: str) -> str:
    """The code without its annotations and decorators, as text to compare."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = []
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
    files = [file for file in files if not file.relative_to(SOURCE).as_posix().startswith(NOT_HERE)]
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
            if text is None or what_runs(text) == what_runs(before):
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
    parser.add_argument("--most", type=float, default=6.0, help="processor seconds of tests for one mutant")
    parser.add_argument(
        "--map", type=Path, help="a folder with the lines that each test runs; what it lacks is measured"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        help="a file to which a line of JSON per mutant is added; what it has is not tried again",
    )
    asked = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree, kept = Tree(Path(folder) / "tree"), asked.keep or Path(folder) / "kept.jsonl"
        place = asked.map or Path(folder) / "map"
        for room in asked.room or ROOMS:
            drawn = [*mutants(room, asked.count, asked.seed)]
            places = [f"tests/python/{name}" for name in ROOMS[room]]
            measure(tree, place, places)
            judge(tree, Tests(place, places), places, drawn, asked.most, kept)
            by = [known(one, kept)["by"] for one in drawn]
            if unsound := tree.failing([test for test in dict.fromkeys(by) if "::" in test]):
                print(f"  these fail without a mutant, too, and show nothing: {unsound}")
            killed = [bool(test) and test not in unsound for test in by]
            for one in (one for one, is_killed in zip(drawn, killed, strict=True) if not is_killed):
                survived = f"survived {known(one, kept)['tests']} tests"
                print(f"  {one.file}:{one.line} {survived}: {changed_line(one)}")
            low, high = interval(sum(killed), len(killed))
            share = sum(killed) / len(killed)
            print(
                f"{room}: {sum(killed)} of {len(killed)} killed, {share:.0%} ({low:.0%} to {high:.0%})",
                flush=True,
            )
    return 0


def facts(mutant: Mutant) -> dict[str, Any]:
    text = changed_line(mutant)
    return {"file": str(mutant.file), "line": mutant.line, "operator": mutant.operator, "text": text}


def known(mutant: Mutant, keep: Path) -> dict[str, Any]:
    """What was found of a mutant before; empty if nothing was."""
    own = facts(mutant)
    lines = map(json.loads, keep.read_text().splitlines() if keep.exists() else ())
    return next((line for line in lines if own.items() <= line.items()), {})


def judge(tree: Tree, tests: Tests, places: list[str], drawn: list[Mutant], most: float, keep: Path) -> None:
    """Add a line for each mutant to a file, with the test that notices it.

    Most are put into the functions in memory; what runs when a module is imported needs a pytest of its own.
    """

    def asked(mutant: Mutant, ask: Callable[[Mutant, list[str], float], str | None]) -> None:
        started, chosen = time.monotonic(), tests.of(mutant.file, mutant.line, most)
        by = ask(mutant, chosen, 60 + 4 * most) if chosen else ""
        if by is None:
            return
        took = round(time.monotonic() - started, 1)
        found = facts(mutant) | {"killed": bool(by), "by": by, "tests": len(chosen), "seconds": took}
        with keep.open("a") as file:
            file.write(json.dumps(found) + "\n")

    def in_memory(items: Mapping[str, Any]) -> None:
        functions = Functions(tree.folder / SOURCE)
        for one in drawn:
            if not known(one, keep) and not tests.is_imported(one.file, one.line):
                asked(one, lambda *of: tree.asked_in_memory(functions, items, *of))

    tree.pytest_in_fork(in_memory, places)
    for one in drawn:
        if not known(one, keep):
            asked(one, tree.asked_anew)


if __name__ == "__main__":
    sys.exit(main())
