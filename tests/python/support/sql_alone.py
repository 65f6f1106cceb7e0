"""Three nights of messy rows, scored where SQL scores alone and by the runtime on DuckDB.

The ML model is the classifier of `churn.py`. Rows are SQL in every dialect, by macros of this package.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from churn import classifier, training
from project import DbtProject, Row
from scorehouse import register
from scorehouse.registration.groups import grouped

Customer = tuple[str, float | None, str | None, str | None, int]  # id, amount, visits, plan, shop

Told = dict[str, tuple[list[Row], list[Row]]]  # by table: what it holds, and what is logged of it

FIRST: list[Customer] = [
    ("a", 50.0, "3.00", "free", 1),
    ("A", 50.0, "3.00", "free", 1),  # the same score: the key decides, by its bytes
    ("b", 50.0, "3.00", "free", 1),
    ("B", 70.25, "8.00", "paid", 1),
    ("o'neill", 99.0, "8.00", "paid", 2),
    ('say "hi"', 10.5, "0.00", "free", 2),
    ("{{ braces }}", 55.0, "4.00", "paid", 2),
    ("back\\slash", 65.5, "2.00", "paid", 2),
    ("été", 61.0, "7.00", "free", 3),
    ("", 62.0, "6.00", "free", 3),
    ("nan", math.nan, "1.00", "free", 3),
    ("null", None, "1.00", "paid", 3),
    ("no plan", 40.0, "1.00", None, 3),
    ("empty plan", 40.0, "1.00", "", 3),
    ("half a visit", 40.0, "1.50", "free", 3),
]
SECOND: list[Customer] = [
    *(row for row in FIRST if row[0] not in ("A", "o'neill", "nan")),
    ("nan", 80.0, "1.00", "free", 3),  # a number now
    ("new", 91.0, "5.00", "paid", 2),
    ("NEW", 12.0, None, "paid", 2),
]
THIRD: list[Customer] = [
    ("A", 50.0, "3.00", "free", 1),  # comes back as it was
    ("b", 51.0, "3.00", "free", 1),
    *(row for row in SECOND if row[0] not in ("b", "B", "null")),
]
BEST = {"top_n": 1, "per": "shop", "abstain": [0.45, 0.55]}
BANDED = {"threshold": 0.5, "bands": {"low": 1e-05, "it's high": 5e-1}, "labels": ["stay", "call"]}
IN_DOUBT = {"threshold": 0.5, "abstain": [0.45, 0.55]}
BOTH = ["champion", "challenger"]
TABLES: dict[str, dict[str, Any]] = {
    "replaced": {"decision": BANDED},
    "merged": {"rescore": "given", "decision": {"top_n": 2}},
    "newly_flagged": {"rescore": {"rule": "new", "vanished": "flag"}},
    "flagged": {"rescore": {"rule": "changed", "vanished": "flag"}, "decision": BEST},
    "deleted": {"rescore": {"vanished": "delete"}, "decision": BEST},
    "budget": {
        "key": ["id", "state"],
        "rescore": {"rule": "changed", "max_rows": 4},
        "decision": {"threshold": 0.9},
    },
    "as_of_date": {"as_of": "2024-01-31"},
    "by_day": {"as_of": "day", "rescore": {"max_rows": 13}, "decision": {"top_n": 1}},
    "kept": {"rescore": "changed", "decision": {**BEST, "bands": {"all": -1.5}}},
    "long": {"alias": BOTH, "rescore": {"rule": "changed", "vanished": "flag"}, "decision": BEST},
    "long_budget": {"alias": BOTH, "rescore": {"rule": "changed", "vanished": "delete", "max_rows": 4}},
    "long_history": {"version": [2, 1], "as_of": "day", "decision": {"top_n": 1}},
    "wide": {"alias": BOTH, "layout": "wide", "rescore": "changed", "decision": BANDED},
    "stamped": {"rescore": {"updated_at": "updated_at", "vanished": "flag"}, "decision": BEST},
    "stamped_late": {"rescore": {"updated_at": "updated_at", "lookback": "12 hours", "max_rows": 8}},
    "long_stamped": {"alias": BOTH, "rescore": {"rule": "updated_at", "updated_at": "updated_at"}},
    "ranked": {"group": "shop", "rescore": "changed"},
    "ranked_given": {"group": "shop", "rescore": "given"},
    "ranked_flagged": {"group": "shop", "rescore": {"rule": "changed", "vanished": "flag"}, "decision": BEST},
    "ranked_kept": {"group": "shop", "rescore": "new", "decision": {**BEST, "per": None}},
    "long_ranked": {"alias": BOTH, "group": "shop", "rescore": {"vanished": "delete"}},
    "wide_alone": {"alias": ["champion", "nobody"], "layout": "wide", "rescore": "given"},
    "banded": {"decision": BANDED, "reasons": {"top": 2, "where": {"band": ["it's high"], "below": 0.9}}},
    "decided": {"decision": IN_DOUBT, "reasons": {"top": 1, "where": {"decision": ["yes", "abstain"]}}},
}


def _capability(arguments: dict[str, Any]) -> str:
    """What a table shows, among the rows of the card of engines."""
    if len(arguments.get("alias", arguments.get("version", ""))) == 2:
        return "several versions"
    shown = {"group": "scored", "reasons": "reasons", "vanished": "vanished", "as_of": "history"}
    return next((name for word, name in shown.items() if word in str(arguments)), "decisions")


TRIED = [
    pytest.param(name, marks=pytest.mark.capability(_capability(arguments)))
    for name, arguments in TABLES.items()
]
ARGUMENTS = {"key": "id", "passthrough": ["shop"]}
IN_ORDER = "order by started_at, is_live desc"
HELD = "prediction, score, row_status, reject_reason, model_name, model_version, model_digest"
LOGGED = (
    "alias_asked, is_live, model_version, status, write_mode, rescore_rule, rows_in, rows_scored, "
    "rows_rejected, rows_new, rows_changed, rows_stale, rows_unchanged, rows_vanished, rows_left, "
    "decision_policy, decision_settings, reject_reasons"
)


def customers(rows: Sequence[Customer]) -> str:
    """The rows as the select of a dbt model; visits are decimals."""
    selects = []
    for row in rows:
        name, amount, visits, plan, shop = row
        number = "null" if amount is None else f"'{amount}'"
        whole = "null" if visits is None else f"'{visits}'"
        selects.append(
            f"select {_text(name)} as id, cast({number} as {{{{ scorehouse._type_double() }}}}) as amount, "
            f"cast({whole} as numeric(10, 2)) as visits, "
            f"cast({'null' if plan is None else _text(plan)} as {{{{ dbt.type_string() }}}}) as plan, "
            f"{shop} as shop, 'CA' as state, cast('2024-01-0{shop}' as date) as day, "
            f"cast({_stamp(row)} as {{{{ dbt.type_timestamp() }}}}) as updated_at"
        )
    return "\nunion all\n".join(selects)


def _stamp(customer: Customer) -> str:
    """When a row changed last, as its source believes: it does not know of the change of `b`."""
    if customer[0] == "empty plan":
        return "null"
    day = 1 if customer in FIRST or customer[0] == "b" else 2
    return f"'2024-03-0{day} 06:00:00.123456'"


def _text(text: str) -> str:
    return f"{{{{ scorehouse._class_literal({json.dumps(text, ensure_ascii=False)}) }}}}"


def call_of(name: str) -> str:
    """The arguments of `scored()` for one of TABLES."""
    return ", ".join(f"{argument}={value!r}" for argument, value in {**ARGUMENTS, **TABLES[name]}.items())


def ml_model_of(table: str, name: str) -> str:
    """The ML model of one of TABLES: `name`, or the one beside it that ranks."""
    return f"{name}_ranked" if "group" in TABLES[table] else name


def register_others(folder: Path, name: str) -> None:
    """A second version of the ML model, which has learned from other labels, and an ML model that ranks.

    Their seeds have to be loaded, those of the tag `ml_{name}`.
    """
    facts: dict[str, Any] = {"task": "classification", "alias": "challenger", "project_dir": folder}
    register(classifier(90), name, training(), **grouped(facts))
    for alias, bound in zip(BOTH, (70, 90), strict=True):
        facts.update(task="ranking", alias=alias)
        register(classifier(bound), f"{name}_ranked", training(), **grouped(facts))


def _columns(arguments: dict[str, Any]) -> str:
    """The columns that a table has by its arguments, and those of every table."""
    columns = HELD.replace("prediction, score", "score, rank") if "group" in arguments else HELD
    columns += ", decision, band, decision_policy" if "decision" in arguments else ""
    columns += ", is_vanished" if "flag" in str(arguments.get("rescore")) else ""
    if "reasons" in arguments:  # batches are rejected in the kernel's words: 1.50, where SQL has 1.5
        columns = columns.replace("reject_reason, ", "reject_reason is null as is_scored, ")
        columns += ", reason_1, reason_1_contribution, reason_rest, reason_unit"
    if arguments.get("layout") == "wide":
        outputs = ("prediction", "score", "reject_reason", "model_version")
        columns += "".join(f", {name}__{arguments['alias'][1]}" for name in outputs)
    elif _capability(arguments) == "several versions":
        columns = f"model_alias, is_live, {columns}"
    return columns


def held(query: Callable[[str], list[Row]], name: str, schema: str = "") -> list[Row]:
    """What a table holds, and which of its runs scored each row, in the order of its keys."""
    runs = f"select run_id from {schema}scorehouse_run_log where node like '%.{name}' {IN_ORDER}"
    order = [str(run) for (run,) in query(runs)]
    rows = query(f"select id, {_columns(TABLES[name])}, shop, scoring_run_id from {schema}{name}")
    numbered = [(*row[:-1], order.index(str(row[-1]))) for row in rows]
    # in an order that the last bits of a number do not change
    return sorted(numbered, key=lambda row: [round(v, 9) if isinstance(v, float) else v for v in row])


def logged(query: Callable[[str], list[Row]], name: str, schema: str = "") -> list[Row]:
    """What the run log says of each run of a table; its JSON by what it says."""
    rows = query(f"select {LOGGED} from {schema}scorehouse_run_log where node like '%.{name}' {IN_ORDER}")
    return [(*row[:-2], *(json.loads(text or "{}") for text in row[-2:])) for row in rows]


def told(build: Callable[[str], Any], query: Callable[[str], list[Row]], schema: str = "") -> list[Told]:
    """What the tables and the run log hold after each night.

    `build` makes the select that it is given the features, and builds these and TABLES.
    """
    nights = []
    for rows in (FIRST, SECOND, THIRD):
        build(customers(rows))
        nights.append({name: (held(query, name, schema), logged(query, name, schema)) for name in TABLES})
    return nights


def told_by_duckdb(folder: Path, registered: Path, name: str) -> list[Told]:
    """The same on DuckDB, where the runtime scores. `registered` is the project with the ML model `name`."""
    project = DbtProject(folder)
    for part in ("seeds", "artifacts", "macros"):
        shutil.copytree(registered / part, project.folder / part, dirs_exist_ok=True)
    for table, arguments in TABLES.items():
        project.sql_model(table, ml_model_of(table, name), **{**ARGUMENTS, **arguments})

    def build(select: str) -> None:
        project.features(select)
        project.build("--select", f"ml_{name}", f"ml_{name}_ranked", "features", *TABLES).check()

    return told(build, project.query)


def check_nights(
    ours: list[Told], theirs: list[Told], table: str, record: Callable[[str, object], None]
) -> None:
    """That a table, and what the run log says of it, is the same after each night.

    Scores may differ by 1e-9. `record` is given the figures of the card of engines.
    """
    rows, cells, differ, largest = 0, 0, list[tuple[int, object, object]](), 0.0
    for number, (night, other) in enumerate(zip(ours, theirs, strict=True), start=1):
        rows += len(night[table][0])
        for found, wanted in zip(night[table], other[table], strict=True):
            for one, another in zip(found, wanted, strict=True):
                for cell, expected in zip(one, another, strict=True):
                    cells += 1
                    if isinstance(cell, float) and isinstance(expected, float) and math.isfinite(cell):
                        largest = max(largest, abs(cell - expected))
                        differ += [(number, one, another)] * (not abs(cell - expected) <= 1e-9)
                    else:
                        differ += [(number, one, another)] * (cell != expected)
    figures = {"rows": rows, "cells": cells, "differ": len(differ), "largest": largest}
    record("compared", json.dumps(figures))
    assert not differ, f"night, found, wanted: {differ[:2]}"
