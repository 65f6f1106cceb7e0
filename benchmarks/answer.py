"""Whether the changes that `scorehouse answer` names flip the decision, are allowed, and what each costs.

    python benchmarks/answer.py

On flights and on customers, a linear model and a boosting answer for the first 250 of 1,000 rows. Each change
that is said to flip is scored again through `scorehouse.load`, and looked at: only features that are marked
as changeable, in their direction, within the values of training, whole where they are. Milliseconds are
those of the clock in one process, after the first answer, without reading the row; the table is the whole
command with `--keys`, its start included.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import duckdb
import numpy as np
import yaml
from commands import DBT, run_command
from decided import ALL, DECISION, Decided, make_project

import scorehouse
from project import DbtProject
from scorehouse.answer.answer import Answer, Answerer
from scorehouse.answer.settings import read_answers
from scorehouse.explain.row import LoggedRow, find_rows
from scorehouse.explain.story import Explainer
from scorehouse.program.choose import ProgramFiles
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds

CHANGEABLE = {
    "flights": {"sched_dep_time": "both", "flight": "both", "distance": "down", "wind_speed": "down"},
    "customers": {"recency": "down", "orders_90d": "up", "spend_90d": "up", "products": "up"},
}
HEAD = ("version", "persons", "changes", "flip on replay", "outside the allowed", "mean, ms", "95 %, ms")
CALL = "benchmark"


def answered(
    project: DbtProject, one: Decided, rows: Sequence[LoggedRow]
) -> tuple[list[Answer], list[float]]:
    """The answer for each row, and its milliseconds."""
    versions = ModelSeeds(project.folder, one.name).registered(CALL)
    files = ProgramFiles(project.folder, load_policy(project.folder))
    explainer = Explainer(rows[0].run, versions, files, CALL)
    answers = read_answers(project.folder, one.name, explainer.kernel.signature, "en", CALL)
    answerer = Answerer(explainer, answers)
    answerer.answer(rows[0])
    found, spent = [], []
    for row in rows:
        begun = time.perf_counter()
        found.append(answerer.answer(row))
        spent.append((time.perf_counter() - begun) * 1_000)
    return found, spent


def is_allowed(one: Decided, own: dict[str, Any], change: Any, spans: dict[str, tuple[float, float]]) -> bool:
    """Whether a change of a feature is one that answers.yml allows."""
    if (direction := CHANGEABLE[one.data].get(change.feature)) is None:
        return False
    value, becomes = own[change.feature], change.becomes
    low, high = spans[change.feature]
    is_whole = not isinstance(value, int) or isinstance(becomes, int)
    forward = value is None or direction == "both" or (becomes > value) == (direction == "up")
    return forward and is_whole and min(low, value or low) <= becomes <= high


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persons", type=int, default=1_000, help="in the table of the command")
    parser.add_argument("--replayed", type=int, default=250, help="of them answered in this process, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "house", 20_000, 20_000, versions=1)
        marked = {one.name: {"changeable": CHANGEABLE[one.data]} for one in ALL}
        project.write("answers.yml", yaml.safe_dump(marked))
        print(f"| {' | '.join((*HEAD, 'all in a table, s'))} |\n|{'---|' * (len(HEAD) + 1)}")
        for one in ALL:
            chosen = f"select id from {one.table} where row_status = 'scored' order by hash(id) limit "
            keys = [{"id": str(key)} for (key,) in project.query(f"{chosen}{asked.persons}")]
            with duckdb.connect(str(project.database), read_only=True) as connection:
                found = find_rows(
                    connection, "scorehouse_run_log", one.name, one.table, keys[: asked.replayed], CALL
                )
                rows = [row for row in found if row is not None]
                answers, spent = answered(project, one, rows)
            model = scorehouse.load(one.name, project.folder, decision=DECISION)
            own = [
                {name: row.features.column(name)[0].as_py() for name in model.signature.names} for row in rows
            ]
            spans = {
                name: project.query(f"select min({name}), max({name}) from {one.data}")[0]
                for name in CHANGEABLE[one.data]
            }
            pairs = [
                (of, answer)
                for of, answer in zip(own, answers, strict=True)
                if answer.alternative and answer.alternative.flips
            ]
            changed = [
                of | {each.feature: each.becomes for each in answer.alternative.changes}
                for of, answer in pairs
                if answer.alternative
            ]
            scored = model.predict(changed) if changed else []
            flips = sum(
                again["decision"] != answer.story.decided
                for again, (_, answer) in zip(scored, pairs, strict=True)
            )
            outside = sum(
                not all(is_allowed(one, of, each, spans) for each in answer.alternative.changes)
                for of, answer in pairs
                if answer.alternative
            )
            listed = project.folder / "asked.csv"
            with listed.open("w", newline="") as file:
                writer = csv.DictWriter(file, ["id"])
                writer.writeheader()
                writer.writerows(keys)
            output = ("--output", str(project.folder / "answers.csv"), "--target", "dev")
            command = (str(Path(DBT).with_name("scorehouse")), "answer", one.name, "--table", one.table)
            _, clock = run_command(project, *command, "--keys", str(listed), *output, stdout=DEVNULL)
            print(
                f"| {one.data}, {one.estimator} | {len(rows):,} | {len(pairs):,} | {flips:,} | {outside:,} "
                f"| {np.mean(spent):.0f} | {np.percentile(spent, 95):.0f} | {clock:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
