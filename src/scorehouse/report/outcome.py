"""One result of dbt's last command: a test, a source, or a node that was built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorehouse.dialect import DUCKDB

BY_DAY = "feature_plausible"  # the test whose rows are days
NOT_JUDGED = re.compile(r"cast\('((?:[^']|'')+)' as [^)]+\) as not_judged")  # of `challenger_not_worse`
LEVELS = {"fail": "bad", "error": "bad", "runtime error": "bad", "warn": "warn"}


@dataclass(frozen=True)
class Outcome:
    """One result of dbt. `kind` is `test`, `source`, `model` and so on; `test` is the macro of a test.

    `failures` is how many rows a test found, and `is_ours` whether the package has its macro; `challenger` is
    the alias that a gate judges. `level` is `ok`, `warn`, `bad`, or `none` where a test had nothing to judge.
    """

    name: str
    kind: str
    test: str
    level: str
    text: str
    sql: str
    about: str = ""  # the name for a person, where it is another
    failures: int | None = None
    is_ours: bool = False
    challenger: str = ""
    tested: str = ""  # the model or source that a test is of
    column: str = ""  # its name behind that of the table, of a test of one
    rows_sql: str = ""  # of a test whose own SQL is lost, as it stops a build in words: what it has looked at


def outcome_of(result: dict[str, Any], node: dict[str, Any], table: str = "") -> Outcome:
    """A result of dbt and its node; `table` is what a test is of, as SQL names it."""
    kind, status = result["unique_id"].partition(".")[0], str(result["status"])
    level = LEVELS.get(status, "ok")
    name = str(node.get("name") or result["unique_id"].rpartition(".")[2])
    if kind == "source":
        name = f"{node.get('source_name', '')}.{name}".lstrip(".")
        newest = result.get("max_loaded_at")
        text = f"newest row {newest}" if newest else str(result.get("error") or status)
        column, relation = node.get("loaded_at_field"), node.get("relation_name")
        sql = f"select max({column})\nfrom {relation}" if column and relation else ""
        return Outcome(name, kind, "", level, text, sql)
    column = str(node.get("column_name") or "").strip('"`')
    # dbt leaves out of a test's name what no file name can have
    if column and f"_{column}_" not in f"_{name}_":
        name = f"{name} of {column}"
    lines = str(result.get("message") or status).strip().splitlines()
    # the first line of an error in our words is dbt's: which node, and where it stands
    message = lines[1 if len(lines) > 1 and lines[0].startswith("Compilation Error") else 0].strip()
    called = node.get("test_metadata") or {}
    macro, is_ours = str(called.get("name") or ""), called.get("namespace") == "scorehouse"
    # dbt makes a name of all arguments, unless the test has its own: it is shown by what it tests
    parents = node.get("depends_on", {}).get("nodes", [])  # dbt attaches no test to a source
    sources = [parent for parent in parents if parent.startswith("source.")]
    tested = str(node.get("attached_node") or next(iter(sources), "")).rpartition(".")[2]
    is_made = bool(tested) and f"_{macro}_{tested}_" in f"_{name}_"
    column = column and f"{tested}.{column}"
    about = f"{macro} of {column or tested}" if is_made else name
    code = str(result.get("compiled_code") or node.get("compiled_code") or "").strip()
    if level == "warn" and (lacking := NOT_JUDGED.search(code)):
        return Outcome(name, kind, macro, "none", "not judged: " + lacking[1].replace("''", "'"), code)
    is_gate, asked = macro == "challenger_not_worse", called.get("kwargs") or {}
    challenger = str(asked.get("challenger") or "challenger") if is_gate else ""
    found = result.get("failures")
    rows = _by_day(table, asked) if is_ours and macro == BY_DAY and level != "ok" and not code else ""
    own = (is_ours, challenger, tested, column, rows)
    return Outcome(name, kind, macro, level, message, code, about, found, *own)


def _by_day(relation: str, asked: Mapping[str, Any]) -> str:
    """What each day of a column holds, the newest first."""
    if not relation:
        return ""
    column, day = (
        asked.get(each) and DUCKDB.quote(str(asked[each]).strip('"`')) for each in ("column_name", "day")
    )
    counted = (
        f"count(*) as n_rows,\n    count({column}) as n_known,\n    count(distinct {column}) as n_values"
    )
    counted += f",\n    min({column}) as lowest,\n    max({column}) as highest\nfrom {relation}"
    if not day:
        return f"select\n    {counted}"
    return f"select\n    cast({day} as date) as day,\n    {counted}\ngroup by 1\norder by 1 desc"
