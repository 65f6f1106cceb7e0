"""The seal of the run log: alterations are found, and what runs do by themselves is not accused."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from scorehouse.errors import ConfigurationError
from scorehouse.evidence.canonical import canonical, from_lines, row_digest, to_lines
from scorehouse.evidence.seal import (
    NOTHING,
    PRUNED,
    RUN,
    SEAL,
    Line,
    findings,
    head,
    head_finding,
    link,
    read_seal,
    sealed,
)

Row = dict[str, Any]
START = datetime(2026, 3, 1, 6)


def run_row(seed: random.Random, started: datetime, status: str = "success") -> Row:
    """A row as DuckDB gives it, with values of every type that the run log has."""
    number = uuid.UUID(int=seed.getrandbits(128))
    return {
        "run_id": number,
        "parent_run_id": number,
        "status": status,
        "node": "model.shop.churn_predictions",
        "model_name": "churn",
        "model_version": seed.randint(1, 3),
        "is_live": True,
        "model_digest": f"{seed.getrandbits(256):064x}",
        "configuration": '{"key": ["id"]}',
        "rows_in": seed.randint(0, 10**6),
        "score_mean": seed.random(),
        "input_fingerprint": f"{seed.getrandbits(128):032x}",
        "started_at": started,
        "finished_at": None if status == "started" else started + timedelta(seconds=3.25),
        "error": None,
    }


@pytest.fixture(scope="module")
def history() -> tuple[list[Line], list[Row]]:
    """A hundred runs, in five seals."""
    seed, rows, lines = random.Random(0), [], []
    for batch in range(5):
        day = START + timedelta(days=batch)
        rows += [run_row(seed, day + timedelta(minutes=10 * number)) for number in range(20)]
        lines += sealed(lines, rows, (day + timedelta(hours=5)).replace(tzinfo=UTC))
    return lines, rows


def a_changed_row(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    row = rows[seed.randrange(len(rows))]
    name = seed.choice([column for column in row if column not in ("run_id", "parent_run_id")])
    row[name] = other_value(row[name])


def other_value(old: Any) -> Any:
    if isinstance(old, datetime):
        return old + timedelta(microseconds=1)
    return {str: f"{old}x", int: 7_000_007, float: 0.5, bool: False, type(None): "now a value"}[type(old)]


def a_dropped_row(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    del rows[seed.randrange(len(rows))]


def an_inserted_row(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    rows.append(run_row(seed, START + timedelta(minutes=seed.randrange(60 * 24 * 4))))


def two_rows_that_changed_places(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    one, two = seed.sample(rows, 2)
    one["run_id"], two["run_id"] = two["run_id"], one["run_id"]


def a_row_reopened(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    rows[seed.randrange(len(rows))]["status"] = "started"


def a_changed_line(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    line = lines[seed.randrange(len(lines))]
    name = seed.choice(["digest", "previous", "number", "kind"])
    line[name] = -1 if name == "number" else f"{line[name]}0"


def a_dropped_line(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    del lines[seed.randrange(len(lines))]


def two_lines_that_changed_places(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    one, two = seed.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]


def a_cut_file(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    """Cut behind a seal, so that what is left is a whole chain; the rows are cut with it."""
    ends = [place for place, line in enumerate(lines, 1) if line["kind"] == SEAL][:-1]
    del lines[seed.choice(ends) :]
    kept = {line["run_id"] for line in lines if line["kind"] == RUN}
    rows[:] = [row for row in rows if str(row["run_id"]) in kept]


def a_file_written_anew(seed: random.Random, lines: list[Line], rows: list[Row]) -> None:
    """A row is changed, and the whole chain is computed again as its owner would."""
    a_changed_row(seed, lines, rows)
    digests = {str(row["run_id"]): row_digest(row) for row in rows}
    before = NOTHING
    for place, line in enumerate(lines):
        body = {name: value for name, value in line.items() if name not in ("previous", "digest")}
        if line["kind"] == RUN:
            body["row"] = digests[line["run_id"]]
        lines[place] = link(body, before)
        before = lines[place]["digest"]


ALTERATIONS: list[Callable[[random.Random, list[Line], list[Row]], None]] = [
    a_changed_row,
    a_dropped_row,
    an_inserted_row,
    two_rows_that_changed_places,
    a_row_reopened,
    a_changed_line,
    a_dropped_line,
    two_lines_that_changed_places,
    a_cut_file,
    a_file_written_anew,
]


def test_a_run_that_was_open_is_closed_once() -> None:
    """Rows with the id of an open run as their parent do not enter the past: 1,000 tries."""
    for number in range(200):
        seed = random.Random(number)
        run, before = run_row(seed, START, "started"), run_row(seed, START)
        first = sealed([], [before, run], (START + timedelta(hours=1)).replace(tzinfo=UTC))
        # dbt wrote when it began, by the clock of the database; the run has a clock of its own
        began = START + timedelta(seconds=seed.uniform(-60, 60))
        ended = {**run, "status": "success", "started_at": began, "finished_at": START + timedelta(hours=2)}
        fake = {**ended, "run_id": uuid.UUID(int=seed.getrandbits(128))}
        rows = [before, ended]
        assert findings(first, rows) == []
        for wrong in (
            {**fake, "started_at": START + timedelta(minutes=10)},
            {**fake, "node": "model.shop.other"},
            fake,  # the same version again
        ):
            assert [each.kind for each in findings(first, [*rows, wrong])] == ["inserted"]
        later = [*first, *sealed(first, rows, (START + timedelta(hours=3)).replace(tzinfo=UTC))]
        assert findings(later, rows) == []
        other = {**fake, "model_version": 9}  # whatever version: the run is closed
        assert [each.kind for each in findings(later, [*rows, other])] == ["inserted"]
        assert sealed(later, [*rows, other], datetime(2026, 3, 9, tzinfo=UTC)) == []


@pytest.mark.parametrize("each", [100, pytest.param(1_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: alter.__name__)
def test_alterations_are_found(
    alter: Callable[..., None], each: int, history: tuple[list[Line], list[Row]]
) -> None:
    """So many of each kind. The head was kept elsewhere."""
    kept = head(history[0])
    seed, found = random.Random(alter.__name__), 0
    for _ in range(each):
        lines, rows = [dict(line) for line in history[0]], [dict(row) for row in history[1]]
        alter(seed, lines, rows)
        found += bool(findings(lines, rows) + head_finding(lines, kept))
    assert found == each


def test_without_a_head_a_file_that_was_written_anew_passes(history: tuple[list[Line], list[Row]]) -> None:
    """So the head has to be kept where who owns the warehouse and the file cannot write."""
    lines, rows = [dict(line) for line in history[0]], [dict(row) for row in history[1]]
    a_file_written_anew(random.Random(1), lines, rows)
    assert findings(lines, rows) == []
    assert [each.kind for each in head_finding(lines, head(history[0]))] == ["chain"]


def test_rows_with_the_id_of_another_are_counted(history: tuple[list[Line], list[Row]]) -> None:
    lines, rows = history
    (found,) = findings(lines, [*rows, rows[3], rows[5]])
    assert (found.kind, found.text) == ("inserted", "2 rows have the id of another finished run")


def test_a_head_that_was_kept_is_known(history: tuple[list[Line], list[Row]]) -> None:
    for kept in (NOTHING, *(line["digest"] for line in history[0][::50])):
        assert head_finding(history[0], kept) == []
    assert [each.kind for each in head_finding(history[0], "1" * 64)] == ["chain"]


def test_clocks_may_differ_by_five_minutes(history: tuple[list[Line], list[Row]]) -> None:
    lines, rows = from_lines(to_lines(history[0])), history[1]  # as they are read
    sealed_at = datetime.fromisoformat(lines[-1]["at"]).replace(tzinfo=None)
    for seconds, kinds in ((300, []), (301, ["inserted"])):
        late = run_row(random.Random(3), sealed_at - timedelta(seconds=seconds))
        zoned = {**late, "started_at": late["started_at"].replace(tzinfo=UTC)}
        for row in (late, zoned):
            assert [each.kind for each in findings(lines, [*rows, row])] == kinds


def test_what_runs_do_is_not_accused() -> None:
    """200 logs: parallel runs, runs that were open at a seal and closed later, new columns, pruned runs."""
    for number in range(200):
        seed, rows, lines = random.Random(number), [], []
        for day in range(4):
            for row in rows:
                if row["status"] == "started" and seed.random() < 0.7:
                    row["status"] = seed.choice(["success", "failed"])
                    row["finished_at"] = row["started_at"] + timedelta(seconds=1)
                row.setdefault("a_new_column", None)
            for _ in range(5):
                began = START + timedelta(days=day, minutes=seed.randrange(300))
                rows.append(run_row(seed, began, seed.choice(["success", "started"])))
            seed.shuffle(rows)
            pruned = ""
            if day == 2:
                rows, pruned = rows[3:], "older than a day"
            now = (START + timedelta(days=day, hours=6)).replace(tzinfo=UTC)
            lines += sealed(lines, rows, now, pruned=pruned)
            assert findings(lines, rows) == []


def test_a_run_is_sealed_once_and_in_any_order_of_the_rows(history: tuple[list[Line], list[Row]]) -> None:
    lines, rows = history
    now = datetime(2026, 3, 9, tzinfo=UTC)
    assert sealed(lines, rows, now) == []
    assert sealed([], rows, now) == sealed([], rows[::-1], now)


def test_pruned_and_late_runs_need_a_reason_and_pruned_ones_do_not_come_back(
    history: tuple[list[Line], list[Row]],
) -> None:
    lines, rows = history
    gone, now = rows[0], datetime(2026, 3, 9, tzinfo=UTC)
    late = run_row(random.Random(3), START)
    changed = [*rows[1:], late]
    assert sorted(each.kind for each in findings(lines, changed)) == ["dropped", "inserted"]
    assert sealed(lines, changed, now) == []  # neither is taken into the chain silently
    longer = [*lines, *sealed(lines, changed, now, pruned="400 days", late="restored from a backup")]
    assert findings(longer, changed) == []
    (note,) = [line for line in longer if line["kind"] == PRUNED]
    assert (note["runs"], note["reason"]) == ([str(gone["run_id"])], "400 days")
    assert longer[-1]["late"] == "restored from a backup"
    assert [each.kind for each in findings(longer, [*changed, gone])] == ["inserted"]


def test_drivers_that_spell_values_otherwise_give_one_digest() -> None:
    """As dbt reads PostgreSQL, Spark and Snowflake: decimals, upper case, text for a UUID."""
    row = run_row(random.Random(5), START)
    other = {
        name.upper(): Decimal(str(value)) if isinstance(value, int | float) and value is not True else value
        for name, value in row.items()
    }
    other["RUN_ID"] = str(row["run_id"])
    other["STARTED_AT"] = row["started_at"].replace(tzinfo=UTC)
    assert row_digest(other) == row_digest(row)
    assert row_digest({**row, "score_mean": float("nan")}) != row_digest({**row, "score_mean": None})
    assert canonical({"b": 1, "a": "ä"}) == '{"a":"ä","b":1}'


def test_a_file_that_is_no_seal_is_refused(tmp_path: Any, history: tuple[list[Line], list[Row]]) -> None:
    file = tmp_path / "run_log.dev.jsonl"
    assert read_seal(file, "x") == []
    file.write_bytes(to_lines(history[0]))
    assert read_seal(file, "x") == history[0]
    for text in ('{"kind": "other"}', '{"kind": "run"}', "[]", "{"):
        file.write_text(text + "\n")
        with pytest.raises(ConfigurationError, match="is no seal of a run log"):
            read_seal(file, "x")
