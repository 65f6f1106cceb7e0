"""Write docs/reference/conformance.md, the card of engines: what was tested on each, and how it went.

`python docs/conformance.py FOLDER` reads the JUnit results in a folder, one or more files per engine, such
as `snowflake.xml`, and `python docs/conformance.py --commands` prints the commands that write them. An engine
without a file keeps the results of before, with their day. A test belongs to the capability of its marker
`capability`, or else to the one whose pattern in `conformance.toml` fits its file or its name.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PAGE = Path(__file__).parent / "reference" / "conformance.md"
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- card -->\n", "<!-- end of card -->\n"  # what stands between them in README
KEPT = Path(__file__).with_suffix(".json")
CAPABILITIES = (
    *("parses", "predict", "scored", "score", "run log", "given", "new", "changed", "vanished", "history"),
    *(
        "decisions",
        "several versions",
        "generic tests",
        "monitoring",
        "intervals",
        "on_schema_change",
        "contracts",
    ),
    *("stages", "reasons", "atomic", "refusals"),
)


@dataclass(frozen=True)
class Engine:
    """One column of the card, as `conformance.toml` has it."""

    title: str
    how: str
    commands: tuple[str, ...]
    versions: str
    refused: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    rest: str = "not run"  # what cells without a test and without a word of their own say

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Engine:
        """Lines of a command are joined."""
        commands = tuple(" ".join(command.split()) for command in fields["commands"])
        return cls(**{**fields, "commands": commands})


COLUMNS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
FILES, PATTERNS, WHY = (COLUMNS.pop(name) for name in ("files", "patterns", "why"))
ENGINES = {name: Engine.of(fields) for name, fields in COLUMNS.items()}
INTRODUCTION = """# Conformance

*Yes*: its tests passed. *Refused*: it stops with an error in words. *Stages*: the statements of a version
whose SQL is too long for one.

*Rows compared*: 16 prediction tables of messy rows (NaN, NULL beside an empty text, quotes, braces, decimals,
keys that differ by case) over three nights in which rows change, leave and come back. Each cell, and each of
the run log, was held against DuckDB; it differs if it is another value, or a number further away than 1e-9.
*By contract*: `test_every_engine.py` asks all the same.

*Emulated*: a program plays the warehouse, behind dbt's own adapter, and computes with DuckDB. It proves
syntax, types, names and plumbing, nothing about how the warehouse rounds, plans or locks.
"""


@dataclass(frozen=True, order=True)
class Result:
    """One test: its capability, how it ended, and the reason if it did not pass."""

    capability: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class Run:
    """The results of an engine with how many tests had each, the day of the newest, and what they ran on."""

    day: str
    versions: Mapping[str, str]
    tests: Counter[Result]
    compared: Mapping[str, float] = field(default_factory=dict)  # with DuckDB, in all tests

    @classmethod
    def of(cls, files: Sequence[Path]) -> Run:
        """What JUnit files say."""
        suites = [suite for file in files for suite in ElementTree.parse(file).getroot().iter("testsuite")]
        named = [each for suite in suites for each in suite.findall("properties/property")]
        return cls(
            max(suite.get("timestamp", "")[:10] for suite in suites),
            {each.get("name", ""): each.get("value", "") for each in named},
            Counter(results(*files)),
            compared(*files),
        )


def main(arguments: list[str]) -> int:
    """Write the page, or print the commands."""
    if arguments == ["--commands"]:
        for name, engine in ENGINES.items():
            for number, command in enumerate(engine.commands):
                file = f"target/conformance/{name}{f'_{number + 1}' if number else ''}.xml"
                print(f"{command} --junitxml {file}")
        return 0
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    runs = kept()
    for name in ENGINES:
        files = [file for file in sorted(Path(arguments[0]).glob("*.xml")) if file.stem.split("_")[0] == name]
        if files:
            runs[name] = Run.of(files)
    keep(runs)
    PAGE.write_text(page(runs))
    README.write_text(with_card(README.read_text(), runs))
    return 0


def keep(runs: Mapping[str, Run]) -> None:
    """Write the results of each engine, for later calls."""
    document = {
        name: {
            "day": runs[name].day,
            "versions": runs[name].versions,
            "compared": runs[name].compared,
            "tests": [{**asdict(test), "count": count} for test, count in sorted(runs[name].tests.items())],
        }
        for name in ENGINES
        if name in runs
    }
    KEPT.write_text(json.dumps(document, indent=1) + "\n")


def kept() -> dict[str, Run]:
    """The results of each engine that an earlier call wrote."""
    document = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    runs = {}
    for name, run in document.items():
        tests: Counter[Result] = Counter()
        for test in run["tests"]:
            count = test.pop("count")
            tests[Result(**test)] = count
        runs[name] = Run(run["day"], run["versions"], tests, run.get("compared", {}))
    return runs


def compared(*files: Path) -> dict[str, float]:
    """What tests told of rows that they held against DuckDB's: sums, and the largest difference."""
    total: dict[str, float] = {}
    cases = {
        (case.get("classname"), case.get("name")): case
        for file in files
        for case in ElementTree.parse(file).getroot().iter("testcase")
    }
    for case in cases.values():
        told = [p.get("value", "") for p in case.iter("property") if p.get("name") == "compared"]
        for name, value in json.loads(told[0]).items() if told else ():
            join = max if name == "largest" else sum
            total[name] = join((total.get(name, 0), value))
    return total


def results(*files: Path) -> list[Result]:
    """The tests of JUnit files, without those that belong to no capability; a later run of a test counts."""
    found: dict[str, Result] = {}
    for case in (case for file in files for case in ElementTree.parse(file).getroot().iter("testcase")):
        name = case.get("name", "")
        marked = [p.get("value", "") for p in case.iter("property") if p.get("name") == "capability"]
        capability = marked[0] if marked else guessed(case.get("classname", ""), name)
        if capability:
            found[f"{case.get('classname')}.{name}"] = Result(capability, *outcome(case))
    return list(found.values())


def guessed(place: str, name: str) -> str:
    """The capability that a test's file shows, or that its name names; empty if neither does."""
    if not re.search(PATTERNS["refusals"], name):
        for key, pattern in FILES.items():
            if re.search(pattern, place):
                return key
    return next((key for key, pattern in PATTERNS.items() if re.search(pattern, f"{place}.{name}")), "")


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    """How a test ended, and why."""
    for kind, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (what := case.find(kind)) is not None:
            return word, " ".join((what.get("message") or "").split())[:200]
    return "passed", ""


def page(runs: Mapping[str, Run]) -> str:
    """The card: a table of engines and capabilities, and the reasons."""
    names = list(ENGINES)
    lines = [INTRODUCTION, "| | " + " | ".join(ENGINES[name].title for name in names) + " |"]
    lines += ["|---" * (len(names) + 1) + "|", "| run | " + " | ".join(how(n, runs) for n in names) + " |"]
    lines += ["| versions | " + " | ".join(versions(n, runs) for n in names) + " |"]
    lines += ["| last run | " + " | ".join(runs[n].day if n in runs else "never" for n in names) + " |"]
    for figure in COMPARED:
        cells = (figure_in_words(name, figure, runs) for name in names)
        lines.append(f"| {figure} | " + " | ".join(cells) + " |")
    for capability in CAPABILITIES:
        cells = (in_words(name, capability, runs) for name in names)
        lines.append(f"| {capability} | " + " | ".join(cells) + " |")
    lines += ["", "## Why refused", "", *(f"- {what}: {why}." for what, why in WHY.items())]
    lines += ["", "## What did not pass", "", *(list(reasons(runs)) or ["Nothing."])]
    return "\n".join(lines) + "\n"


WITHOUT = ("refused", "not tried", "not run", "printed")  # how cells begin that show nothing


def with_card(readme: str, runs: Mapping[str, Run]) -> str:
    """README with the short form of the card: a line per engine."""
    lines = ["| engine | run | can | refuses | " + " | ".join(COMPARED) + " |", "|---" * 7 + "|"]
    for name, engine in ENGINES.items():
        if engine.rest == "as DuckDB":
            continue
        cells = [in_words(name, capability, runs) for capability in CAPABILITIES]
        refused = sum(cell.startswith("refused") for cell in cells)
        can = sum(not cell.startswith(WITHOUT) and "failed" not in cell for cell in cells)
        figures = [figure_in_words(name, figure, runs) for figure in COMPARED]
        facts = [engine.title, engine.how, f"{can} of {len(cells)}", str(refused or ""), *figures]
        lines.append("| " + " | ".join(facts) + " |")
    before, _, rest = readme.partition(BEGIN)
    return before + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2]


def how(name: str, runs: Mapping[str, Run]) -> str:
    """How an engine was run."""
    return ENGINES[name].how if name in runs else "no results for this page yet"


def versions(name: str, runs: Mapping[str, Run]) -> str:
    """What the tests of an engine ran on."""
    if name not in runs:
        return "not known"
    return ENGINES[name].versions.format_map(defaultdict(lambda: "(not known)", runs[name].versions))


# rows of the card, by what tests call them
COMPARED = {"rows compared": "rows", "cells that differ": "differ", "largest difference": "largest"}


def figure_in_words(name: str, figure: str, runs: Mapping[str, Run]) -> str:
    """One cell of the comparison with DuckDB, or why there is none."""
    found = runs[name].compared if name in runs else {}
    if not found:
        return ENGINES[name].words.get("compared", "not compared") if figure == "rows compared" else ""
    if figure == "largest difference":
        return f"{found['largest']:.1g}"
    of = f" of {found['cells']:,}" if figure == "cells that differ" else ""
    return f"{found[COMPARED[figure]]:,}{of}"


def in_words(name: str, capability: str, runs: Mapping[str, Run]) -> str:
    """One cell: yes or no, or why neither is known."""
    engine = ENGINES[name]
    found = cell(runs[name].tests, capability) if name in runs else ""
    refused = "refused" if capability in engine.refused else ""
    return found or refused or engine.words.get(capability, engine.rest)


def cell(tests: Counter[Result], capability: str) -> str:
    """Yes if all tests of one cell passed, else how many did not; empty if there is none."""
    counts: Counter[str] = Counter()
    for test, count in tests.items():
        counts[test.outcome] += count if test.capability == capability else 0
    found = [f"{counts[word]} {word}" for word in ("failed", "skipped") if counts[word]]
    return ", ".join(["yes"] * (counts["passed"] > 0) + found)


def reasons(runs: Mapping[str, Run]) -> Iterator[str]:
    """A line per engine, capability and reason."""
    for name in ENGINES:
        for test, count in sorted(runs[name].tests.items()) if name in runs else ():
            if test.outcome != "passed":
                told = f"{count} {test.outcome}. {test.reason}"
                yield f"- {ENGINES[name].title}, {test.capability}: {told}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
