"""Counting of changes, limits and values, on rows that are written down here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scorehouse.cli.impact_sections import Section, markdown
from scorehouse.errors import ConfigurationError
from scorehouse.impact.changes import Change, changes
from scorehouse.impact.predict import Values, read_values
from scorehouse.impact.scan import AFTER, BEFORE, Outcome

ROWS = """
select * from (values
    (1, 'a', 'no', 'yes', 1.0, 2.0), (2, 'a', 'yes', 'yes', 1.0, 1.0), (3, null, 'no', null, 1.0, null),
    (4, 'b', 'yes', 'no', 2.0, 1.0), (5, 'b', 'no', 'yes', null, 1.0), (6, 'b', null, null, null, null)
) as t(id, city, decision__before, decision__after, prediction__before, prediction__after)
"""
MOVES = Values("decision", moves=(("no", "yes", 2.0), ("yes", "no", -3.0), ("no", "(rejected)", 0.0)))


@pytest.fixture
def found() -> list[Change]:
    with duckdb.connect() as connection:
        outcomes = [Outcome("decision"), Outcome("prediction", is_number=True)]
        connection.execute(f"create table rows as {ROWS}")
        return changes(connection, outcomes, ["city"], ["id"], table="rows")


def counted(found: list[Change], outcome: str, value: str = "all") -> dict[tuple[str, str], int]:
    return {
        (one.before, one.after): one.keys
        for one in found
        if one.outcome == outcome and one.segment_value == value
    }


def test_changes_are_counted_by_direction_and_segment(found: list[Change]) -> None:
    assert counted(found, "decision") == {
        **{("no", "yes"): 2, ("yes", "yes"): 1, ("no", "(rejected)"): 1},
        **{("yes", "no"): 1, ("(rejected)", "(rejected)"): 1},
    }
    assert counted(found, "decision", "b") == {
        ("yes", "no"): 1,
        ("no", "yes"): 1,
        ("(rejected)", "(rejected)"): 1,
    }
    assert counted(found, "decision", "(missing)") == {("no", "(rejected)"): 1}
    examples = {(one.before, one.after): one.example for one in found if one.outcome == "decision"}
    assert examples["yes", "yes"] is None and examples["yes", "no"] == "4"


def test_a_number_goes_up_or_down_or_stays(found: list[Change]) -> None:
    assert counted(found, "prediction") == {
        **{("scored", "higher"): 1, ("scored", "scored"): 1, ("scored", "lower"): 1},
        **{("scored", "(rejected)"): 1, ("(rejected)", "scored"): 1, ("(rejected)", "(rejected)"): 1},
    }


def test_numbers_that_only_round_otherwise_are_the_same() -> None:
    same = [(1e9, 1e9 + 1e-7), (-2.0, -2.0), (0.0, 0.0), (None, None)]
    others = [(1.0, 1.00000001), (5.0, math.inf), (5.0, math.nan), (0.0, 1e-30), (1.0, None)]
    outcome = Outcome("n", is_number=True)
    with duckdb.connect() as connection:
        connection.execute(f"create table rows (id integer, n{BEFORE} double, n{AFTER} double)")
        for pair in same + others:
            connection.execute("insert into rows values (1, ?, ?)", pair)
        query = f"select {outcome.differs(BEFORE, AFTER)} from rows"
        assert [row[0] for row in connection.execute(query).fetchall()] == [False] * 4 + [True] * 5
        moves = changes(connection, [outcome], [], ["id"], table="rows")
    assert counted(moves, "n")["scored", "scored"] == 3


def test_a_class_of_this_name_is_no_rejection_and_a_segment_has_any_name() -> None:
    names = "was, now, n, part, place, becomes, segment_value, rowid"
    with duckdb.connect() as connection:
        connection.execute(
            f"create table rows ({', '.join(f'{name} int' for name in names.split(', '))}, "
            "decision__before text, decision__after text)"
        )
        connection.execute(
            "insert into rows select i, 7, 7, i % 2, 0, 1, 1, 0, 'rejected', null from range(4) t(i)"
        )
        found = changes(connection, [Outcome("decision")], names.split(", "), ["was"], table="rows")
    assert counted(found, "decision") == {("rejected", "(rejected)"): 4}
    assert {one.segment_value: one.keys for one in found if one.segment == "part"} == {"0": 2, "1": 2}
    assert [one.keys for one in found if one.segment in ("n", "segment_value", "rowid")] == [4, 4, 4]


def test_a_table_of_values_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "worth.csv"
    file.write_bytes("decision,value\nüber,1\n".encode("cp1252"))
    with pytest.raises(ConfigurationError, match="no CSV file in UTF-8"):
        read_values(file, ["decision"], "impact churn")


def test_markdown_shows_text_from_data_as_text() -> None:
    rows = [["<!-- x", "@team a|b", "![x](https://e.test/`)\n# y", "ask", 1234, "2.7%"]]
    made = list(markdown([Section("by <b>", ["keys", "a @b"], rows, ["such as [x](y), @team, <!--"])]))
    assert made[0] == "### by &lt;b>" and made[2] == "| keys | `a @b` |"
    assert made[4] == (r"| `<!-- x` | `@team a\|b` | `![x](https://e.test/') # y` | ask | 1,234 | 2.7% |")
    assert made[6] == "- such as &#91;x](y), `@team,` &lt;!--"


def test_value_counts_moves_once_and_names_gaps(found: list[Change]) -> None:
    MOVES.check(found, "impact churn")
    overall = [one for one in found if one.segment == "all"]
    assert MOVES.total(overall) == 2 * 2.0 - 3.0
    levels = Values("decision", levels=(("no", 0.0), ("yes", 2.0), ("(rejected)", -1.0)))
    assert levels.total(overall) == 2 * 2.0 - 2.0 - 1.0
    with pytest.raises(ConfigurationError, match=r"no value for no -> \(rejected\) \(1 key\) of decision"):
        Values("decision", moves=MOVES.moves[:2]).check(found, "impact churn")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("before,value\nno,1\n", "has the columns before, value; the outcomes are"),
        ("decision,value\nno,1\nno,2\n", "line 3 of worth.csv repeats no"),
        ("decision,value\nno,much\n", "line 2 of worth.csv is 'no,much'"),
        ("decision,value\nno,inf\n", "line 2 of worth.csv is 'no,inf'"),
        ("before,after,value\nno,,1\n", "line 2 of worth.csv is 'no,,1'"),
        ("before,after,value\nno,yes,1,5\n", "line 2 of worth.csv is 'no,yes,1,5'"),
        ("before,after,value\nno,yes\n", "line 2 of worth.csv is 'no,yes,'"),
    ],
)
def test_a_table_of_values_is_read_or_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "worth.csv"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_values(file, ["prediction", "decision"], "impact churn")
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from, to, value\nno, yes, 2\n", Values("decision", moves=(("no", "yes", 2.0),))),
        ("\ufeffPrediction,value\n1,0.5\n", Values("prediction", levels=(("1", 0.5),))),
    ],
)
def test_a_table_of_values_has_two_forms(tmp_path: Path, text: str, expected: Any) -> None:
    file = tmp_path / "worth.csv"
    file.write_text(text, encoding="utf-8")
    assert read_values(file, ["prediction", "decision"], "impact churn") == expected
