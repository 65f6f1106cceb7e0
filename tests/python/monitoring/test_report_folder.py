"""The report as a folder: an index that says what to do, a page per ML model, and cards for print."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from monitored import run
from project import REPOSITORY, DbtProject
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.report.page import FILE, KEYS, read_given

CARDS = """
wide:
  intended_use: Call customers who are likely to leave
  next_review: 2020-01-31
  label: Left within 90 days
wide/1: {label: "Left within 60 days, <b>not</b> 90"}
"""


def said_in(page: str) -> str:
    page = re.sub(r"<(style|title)>.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))).split())


@pytest.fixture(scope="module")
def folder(monitored_project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on both ML models, written twice: the second replaces the first."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "cards.yml").write_text(CARDS)
    told = ["report", "--database", monitored_project.database, "--output", folder / "out"]
    assert run(*told).exit_code == 0
    ended = run(*told, "--cards", folder / "cards.yml")
    assert ended.exit_code == 0 and f"written: {folder / 'out' / 'index.html'}" in ended.output
    return folder / "out"


def test_every_link_leads_somewhere(folder: Path) -> None:
    pages = sorted(folder.rglob("*.html"))
    assert [page.relative_to(folder).as_posix() for page in pages] == [
        "cards/bare-1.html", "cards/wide-1.html", "index.html", "models/bare.html", "models/wide.html",
    ]  # fmt: skip
    count = 0
    for page in pages:
        text = page.read_text()
        assert "<script" not in text and "default-src 'none'" in text
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            path, _, anchor = link.partition("#")
            target = (page.parent / path) if path else page
            assert target.is_file(), (page, link)
            assert not anchor or f'id="{anchor}"' in target.read_text(), (page, link)
            count += 1
    assert count > 30


def test_the_index_says_what_to_do_with_the_worst_first(folder: Path) -> None:
    index = (folder / "index.html").read_text()
    rows = re.findall(r'<li class="(\w+)">(.*?)</li>', index.split('class="sentences"')[1], re.S)
    first, second = [(state, said_in(row)) for state, row in rows]
    said = "wide Act performance ROC AUC is worse than allowed"
    assert first[0] == "bad" and first[1].startswith(said)
    assert first[1].count("Owner: tests") == 1
    assert second[0] == "none" and "Owner" not in second[1], second
    assert second[1].startswith("bare Not judged monitor it: scorehouse scaffold monitors bare")


def test_a_card_says_what_is_known_and_what_nobody_has_said(folder: Path) -> None:
    card = said_in((folder / "cards/wide-1.html").read_text())
    for words in (
        "Model card: wide version 1, champion",
        "Intended use Call customers who are likely to leave",
        "Out-of-scope use not given",
        "What the label is Left within 60 days, <b>not</b> 90",  # the version's own line
        "Next review 2020-01-31, overdue",
        "Threshold positive from a score of 0.5",
        "ROC AUC 0.9000 0.9",  # at registration and now
        "region=north",
        "Owner tests",
        "Not given: out-of-scope use, training window, ",
        "Signature",
    ):
        assert words in card, words
    bare = said_in((folder / "cards/bare-1.html").read_text())
    assert "No metric was registered, and no table has the performance." in bare


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("wid: {label: x}", "did you mean 'wide'?"),
        ("wide: {intented_use: x}", "did you mean 'intended_use'?"),
        ("wide: text", "has '' under 'wide'"),
        ("- wide", "has no names"),
        ("wide: [", "cannot be read"),
    ],
)
def test_cards_that_are_refused(
    monitored_project: DbtProject, tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "cards.yml").write_text(text)
    told = ["--database", monitored_project.database, "--output", tmp_path / "out"]
    ended = run("report", *told, "--cards", tmp_path / "cards.yml")
    assert ended.exit_code == 1 and problem in ended.output and "correct the file of --cards" in ended.output
    assert not (tmp_path / "out").exists()


def test_the_index_of_another_site_stays(monitored_project: DbtProject, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>mine")
    ended = run("report", "--database", monitored_project.database, "--output", tmp_path)
    assert ended.exit_code == 1 and "was not written by this command" in ended.output
    assert (tmp_path / "index.html").read_text() == "<p>mine"


def test_a_place_that_cannot_be_written_is_said(monitored_project: DbtProject, tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    ended = run("report", "--database", monitored_project.database, "--output", tmp_path / "a_file" / "out")
    assert ended.exit_code == 1 and "a_file" in ended.output and "correct the path" in ended.output
    assert isinstance(ended.exception, SystemExit), "no traceback"


def test_the_cards_of_the_examples_are_complete() -> None:
    names = registered_names(REPOSITORY)
    given = read_given(REPOSITORY / FILE, names, "report")
    for name in names:
        for version in ModelSeeds(REPOSITORY, name).versions():
            said = {**given[name], **given.get(f"{name}/{version.version}", {})}
            assert set(said) == set(KEYS), f"{name}/{version.version}"
            assert version.description and version.owner


def test_the_own_cards_of_a_project_may_name_what_this_warehouse_has_not(
    monitored_project: DbtProject, tmp_path: Path
) -> None:
    told = [
        "--database",
        monitored_project.database,
        "--output",
        tmp_path / "out",
        "--project-dir",
        REPOSITORY,
    ]
    assert run("report", *told).exit_code == 0
