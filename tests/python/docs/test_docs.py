"""The documentation: the reference is current, links lead somewhere, every page is in the site."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb
import pytest
import yaml

import scorehouse
from browser import BROWSER, PATIENCE, Browser
from project import REPOSITORY

DOCS = REPOSITORY / "docs"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")])


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and mkdocs make it."""
    text = re.sub(r"[`*]", "", heading).strip().lower()
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", text))


def anchors(page: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M)}


def broken_links(page: Path) -> list[str]:
    """Local links of a page that lead nowhere."""
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_local_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_the_link_checker_finds_broken_links(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# A heading: of `b`\n")
    page = tmp_path / "a.md"
    page.write_text("[x](b.md) [x](b.md#a-heading-of-b) [x](c.md) [x](b.md#none)\n```\n[x](d.md)\n```\n")
    assert broken_links(page) == ["c.md", "b.md#none"]


def test_the_page_of_score_names_each_argument() -> None:
    page = (DOCS / "reference" / "score.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page, re.M)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    known = set(inspect.signature(scorehouse.score).parameters)
    assert told == known - {"dbt", "session", "features", "model", "unknown"}
    macro = (REPOSITORY / "macros" / "scoring" / "scored.sql").read_text()
    arguments = re.findall(r"^    (\w+)", macro.partition("{% macro scored(")[2].partition(") %}")[0], re.M)
    assert told == set(arguments) - {"name"}


@pytest.mark.slow
def test_the_queries_for_analysts_run(examples: Path) -> None:
    """On the demo's tables; each finds rows, but for rejected ones, which may not be there."""
    (block,) = re.findall(r"```sql\n(.*?)```", (DOCS / "ask.md").read_text(), re.DOTALL)
    unscored, *others = block.strip().removesuffix(";").split(";")
    with duckdb.connect(str(examples), read_only=True) as connection:
        assert connection.sql(unscored).columns[0] == "reject_reason"
        for query in others:
            assert connection.sql(query).fetchall(), query


def test_the_reference_is_generated_from_this_code() -> None:
    command = [sys.executable, str(DOCS / "generate_reference.py"), "--check"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def pages_of(entry: Any) -> set[str]:
    if isinstance(entry, str):
        return {entry}
    parts = entry.values() if isinstance(entry, dict) else entry
    return {page for part in parts for page in pages_of(part)}


def test_every_page_is_in_the_navigation() -> None:
    site = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())
    written = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    outside = {page for page in written if page.startswith("decisions/")}
    assert written - outside == pages_of(site["nav"]), "add the page to `nav` in mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.mark.foreign
def test_the_site_builds_without_a_warning(site: Path) -> None:
    assert (site / "tutorial.html").is_file()


@pytest.mark.foreign
@pytest.mark.skipif(BROWSER is None, reason="needs Debian's package chromium")
def test_the_copy_button_copies_commands_without_prompts_and_output(site: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        browser.size(1280)
        browser.open(site / "how-to/report.html")
        for number, session in enumerate(sessions("how-to/report.md")):
            commands = [line.removeprefix("$ ") for line in session.splitlines() if line.startswith("$ ")]
            copied = copied_by_button(browser, number)
            assert [line for line in copied.splitlines() if line.strip()] == commands
    assert number == 1  # of two sessions


@pytest.mark.foreign
@pytest.mark.skipif(BROWSER is None, reason="needs Debian's package chromium")
def test_no_page_is_wider_than_the_window(site: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        for width in (390, 1400):
            browser.size(width)
            for page in ("index.html", "equality.html", "reference/conformance.html"):
                browser.open(site / page)
                assert browser.value("document.documentElement.scrollWidth") == width, page


@pytest.mark.foreign
@pytest.mark.skipif(BROWSER is None, reason="needs Debian's package chromium")
def test_the_search_finds_the_page_that_explains_a_word(site: Path, tmp_path: Path) -> None:
    """From disk, as `./run site` leaves it, and so without a server too."""
    with Browser(tmp_path / "profile") as browser:
        browser.size(1280)
        browser.open(site / "index.html")
        click(browser, "document.querySelector('.md-search__input')")  # which reads the index
        for word, page in FIRST.items():
            found = first_found(browser, word)
            assert Path(unquote(urlsplit(found).path)) == site / page, word


FIRST = {
    "quickstart": "tutorial.html",
    "install": "tutorial.html",
    "incremental": "how-to/rescore.html",
    "reasons": "how-to/reasons.html",
    "drift": "how-to/monitor.html",
}


def first_found(browser: Browser, word: str) -> str:
    """Type a word into the search: the address of the first result."""
    typed = (
        "(box => {{ box.focus(); box.value = '{}'; "
        "box.dispatchEvent(new KeyboardEvent('keyup', {{bubbles: true}})); }})"
        "(document.querySelector('.md-search__input'))"
    )
    found = "document.querySelector('.md-search-result__link')?.href ?? ''"
    deadline = time.monotonic() + PATIENCE
    for text in ("", word):  # results of another word go first
        while bool(browser.value(found)) != bool(text):
            assert time.monotonic() < deadline, f"the search does not react to {text!r}"
            browser.value(f"document.querySelector('.md-search__input') && {typed.format(text)}")
            time.sleep(0.2)
    return str(browser.value(found))


def click(browser: Browser, element: str) -> None:
    """Click an element that is in sight."""
    x, y = browser.value(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
                         f"({element}.getBoundingClientRect())")  # fmt: skip
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def sessions(page: str) -> list[str]:
    """The console sessions of a page."""
    return re.findall(r"^```console\n(.*?)^```", (DOCS / page).read_text(), re.M | re.S)


def copied_by_button(browser: Browser, number: int) -> str:
    """Click the copy button of a console session, and paste: what the clipboard holds."""
    button = (
        f"document.querySelectorAll('.highlight:has(.gp)')[{number}].querySelector('[data-clipboard-target]')"
    )
    deadline = time.monotonic() + PATIENCE
    while not browser.value(f"{button} !== null"):
        assert time.monotonic() < deadline, "no copy button"
        time.sleep(0.1)
    browser.value(f"{button}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    click(browser, button)
    browser.value(
        "document.querySelector('#paste')?.remove(); "
        "document.body.insertAdjacentHTML('afterbegin', '<textarea id=paste></textarea>'); "
        "document.querySelector('#paste').focus({preventScroll: true})"
    )
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="v", commands=["paste"])
    return str(browser.value("document.querySelector('#paste').value"))
