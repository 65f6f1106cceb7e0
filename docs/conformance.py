"""Write docs/reference/conformance.md, the card of engines: what was tested on each, and how it went.

`python docs/conformance.py FOLDER` reads the JUnit results in a folder, one or more files per engine, such
as `snowflake.xml`, and `python docs/conformance.py --commands` prints the commands that write them. A test
belongs to the capability of its marker `capability`, or else to the one whose pattern below fits its name.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).parent / "reference" / "conformance.md"
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
    *("atomic", "refusals"),
)
PATTERNS = {
    "refusals": r"refus",  # first, since their names say what is refused
    "parses": r"parsed_without|is_parsed",
    "several versions": r"challenger|champion|versions",
    "vanished": r"vanish|gone",
    "history": r"histor|as_of|past",
    "decisions": r"decision|decide|band",
    "given": r"\[given",
    "new": r"\[new",
    "changed": r"\[changed|nothing_changed|another_type_is_another_input|changed_features",
    "atomic": r"fails|failed|killed|changes_nothing",
    "on_schema_change": r"changed_list_of_columns|schema_change",
    "contracts": r"contract",
    "monitoring": r"monitor|numbers_are_those|tests_find_the_same|retraining|drift|profile",
    "run log": r"logged|run_log|runs_are|pruned",
    "predict": r"equals_the_kernel|predict\b|predict_",
    "generic tests": r"generic|one_prediction",
    "scored": r"scored|first_build|scores_are|empty",
}


@dataclass(frozen=True)
class Engine:
    """One column of the card: its title, how it was run, the command, and what it refuses in words."""

    title: str
    how: str
    command: str
    refused: tuple[str, ...] = ()


IN_SQL = ("score", "vanished", "history", "decisions", "several versions")  # which SQL alone cannot do yet
ENGINES = {
    "duckdb": Engine(
        "DuckDB", "itself", "./run test tests/python/engines/test_every_engine.py -m 'not foreign'"
    ),
    "postgres": Engine(
        "PostgreSQL",
        "itself; Redshift prints its dialect",
        "./run test all tests/python/engines/test_postgres_door.py "
        "tests/python/engines/test_postgres_refusals.py "
        "tests/python/engines/test_postgres_monitoring.py tests/python/engines/test_postgres_parity.py",
        refused=IN_SQL,
    ),
    "spark": Engine(
        "Spark",
        "itself; Databricks prints its dialect",
        "./run test spark tests/python/engines/test_every_engine.py -m foreign",
    ),
    "dbt2": Engine(
        "dbt v2 on DuckDB",
        "itself, a preview",
        "./run test dbt2 tests/python/engines/test_dbt2.py",
        refused=IN_SQL,
    ),
    "snowflake": Engine(
        "Snowflake",
        "emulated by fakesnow",
        "./run test snowflake tests/python/engines/test_warehouses.py",
        refused=IN_SQL,
    ),
    "bigquery": Engine(
        "BigQuery",
        "emulated by bqemulator",
        "./run test bigquery tests/python/engines/test_warehouses.py",
        refused=IN_SQL,
    ),
}
INTRODUCTION = """# Conformance

What was tested on each engine, and how it went: the number of tests that passed, and in words what did not.
*Refused* says that the engine cannot do it and stops with an error in words; an empty cell has no test.
`python docs/conformance.py` writes this page from the results of the test runs below.

*Emulated* says that a program plays the warehouse and computes with DuckDB: the cell proves syntax, types,
names and plumbing, by dbt's own adapter. It proves nothing about how the warehouse rounds, plans or locks.
"""


@dataclass(frozen=True)
class Result:
    """One test: its capability, how it ended, and the reason if it did not pass."""

    capability: str
    outcome: str
    reason: str


def main(arguments: list[str]) -> int:
    """Write the page, or print the commands."""
    if arguments == ["--commands"]:
        for name, engine in ENGINES.items():
            print(f"{engine.command} --junitxml target/conformance/{name}.xml")
        return 0
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    files = {name: sorted(Path(arguments[0]).glob(f"{name}*.xml")) for name in ENGINES}
    found = {name: results(*some) for name, some in files.items() if some}
    PAGE.write_text(page(found))
    return 0


def results(*files: Path) -> list[Result]:
    """The tests of JUnit files, without those that belong to no capability; a later run of a test counts."""
    found: dict[str, Result] = {}
    for case in (case for file in files for case in ElementTree.parse(file).getroot().iter("testcase")):
        name = case.get("name", "")
        marked = [p.get("value", "") for p in case.iter("property") if p.get("name") == "capability"]
        capability = marked[0] if marked else guessed(f"{case.get('classname', '')}.{name}")
        if capability:
            found[f"{case.get('classname')}.{name}"] = Result(capability, *outcome(case))
    return list(found.values())


def guessed(name: str) -> str:
    """The capability whose pattern fits a test's name; empty if none does."""
    return next((key for key, pattern in PATTERNS.items() if re.search(pattern, name)), "")


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    """How a test ended, and why."""
    for kind, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (what := case.find(kind)) is not None:
            return word, " ".join((what.get("message") or "").split())[:200]
    return "passed", ""


def page(found: dict[str, list[Result]]) -> str:
    """The card: a table of engines and capabilities, the reasons, and the commands."""
    names = list(ENGINES)
    lines = [INTRODUCTION, "| | " + " | ".join(ENGINES[name].title for name in names) + " |"]
    lines += ["|---" * (len(names) + 1) + "|", "| run | " + " | ".join(how(n, found) for n in names) + " |"]
    for capability in CAPABILITIES:
        cells = [
            cell([one for one in found.get(name, []) if one.capability == capability])
            or ("refused" if capability in ENGINES[name].refused else "")
            for name in names
        ]
        lines.append(f"| {capability} | " + " | ".join(cells) + " |")
    lines += ["", "## What did not pass", "", *(list(reasons(found)) or ["Nothing."])]
    lines += ["", "## The runs", ""]
    lines += [f"- {ENGINES[name].title}: `{ENGINES[name].command}`" for name in names]
    return "\n".join(lines) + "\n"


def how(name: str, found: dict[str, list[Result]]) -> str:
    """How an engine was run."""
    return ENGINES[name].how if name in found else "no results for this page yet; the command is below"


def cell(tests: list[Result]) -> str:
    """The counts of one cell."""
    counts = Counter(one.outcome for one in tests)
    return ", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "skipped") if counts[word])


def reasons(found: dict[str, list[Result]]) -> Iterator[str]:
    """A line per engine, capability and reason."""
    for name, tests in found.items():
        counted = Counter(
            (one.capability, one.outcome, one.reason) for one in tests if one.outcome != "passed"
        )
        for (capability, word, reason), count in counted.items():
            yield f"- {ENGINES[name].title}, {capability}: {count} {word}. {reason}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
