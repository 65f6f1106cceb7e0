"""The year of flights: the command on two months of a tenth of the flights, beside the published page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from project import REPOSITORY

COMMAND = REPOSITORY / "benchmarks" / "year_of_flights"
PAGE = REPOSITORY / "docs" / "explanation" / "year_of_flights.md"
SVG = "{http://www.w3.org/2000/svg}"
Table = dict[str, list[str]]


def tables(text: str) -> list[tuple[list[str], Table]]:
    """The head and the rows, by their first cell, of each Markdown table with an empty line around it."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line.strip("| ").split(" | ") for line in block.strip().splitlines() if line.startswith("|")]
        if len(lines) > 2:
            found.append((lines[0], {row[0]: row[1:] for row in lines[2:]}))
    return found


def published() -> list[tuple[list[str], Table]]:
    return tables(PAGE.read_text().partition("<!-- tables: begin -->")[2])


def number(cell: str) -> float:
    return float(cell.partition(" ")[0].replace(",", "").replace("\u2212", "-"))


def test_the_page_has_what_the_year_was_like() -> None:
    """Nine months, each row with all its cells, and rows that add up."""
    (_, year), (_, months) = published()
    assert list(months) == ["April", "May", "June", "July", "August", "September", "October", "November",
                            "December"]  # fmt: skip
    assert [number(cell) for cell in year["trainings after March"]][::2] == [0, 8]
    trained = [cells for cells in months.values() if cells[-1].startswith("trained")]
    assert number(year["trainings after March"][1]) == len(trained)
    picture = ElementTree.parse(PAGE.with_suffix(".svg")).getroot()
    assert len(list(picture.iter(f"{SVG}circle"))) == 9 * (3 + 2)
    assert len(list(picture.iter(f"{SVG}polygon"))) == len(trained) + 8
    assert "prefers-color-scheme: dark" in PAGE.with_suffix(".svg").read_text()


@pytest.mark.soak
def test_the_command_gives_the_tables_of_the_page(tmp_path: Path) -> None:
    words = ["--last-month", "5", "--share", "0.1", "--folder", str(tmp_path / "year")]
    ended = subprocess.run([sys.executable, COMMAND, *words], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (head, year), (months_head, months) = tables(ended.stdout)
    (page_head, page_year), (page_months_head, _) = published()
    assert (head, list(year), months_head) == (page_head, list(page_year), page_months_head)
    assert list(months) == ["April", "May"]
    assert [number(cell) for cell in year["trainings after March"]][::2] == [0, 1]
    frozen, _, monthly = (number(cell) for cell in year["log loss"])
    april, may = (number(cells[0]) for cells in months.values())
    assert min(april, may) < frozen < max(april, may) and 0.1 < monthly < 0.5
    assert months["April"][2] == "0" and number(months["May"][2]) != 0  # another version scores from May on
    scored, _, again = (number(cell) for cell in year["rows scored, in shadow too"])
    assert 5_000 < scored == again < 6_500
    drawn = ElementTree.parse(tmp_path / "year" / "year_of_flights.svg").getroot()
    assert len(list(drawn.iter(f"{SVG}circle"))) == 2 * (3 + 2)
