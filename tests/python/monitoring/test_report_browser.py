"""The report in a real browser: it opens at once, asks nobody for anything, and serves every reader."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from browser import BROWSER, Browser
from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.report.charts import Bin, histogram

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(BROWSER is None, reason="needs Debian's package chromium"),
]

# Contrast of two colours as WCAG 2 defines it, of every text that is seen against what lies behind it.
CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3]));
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map(
    (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  ).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const chain = []; for (let e = element; e; e = e.parentElement) chain.unshift(e);
    return chain.reduce((c, e) => over(rgba(getComputedStyle(e).backgroundColor), c), [255, 255, 255]);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), poor = [];
  let count = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest('title, .skip')) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element), svg = element.closest('svg');
    const back = behind(svg ? svg.parentElement : element);
    const ink = over(rgba(svg ? style.fill : style.color), back);
    const [high, low] = [light(ink), light(back)].sort((a, b) => b - a);
    count += 1;
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.push(`${texts.currentNode.data.trim()} ${ratio.toFixed(2)}`);
  }
  return {count, poor};
})()
"""
WIDER = """
[...document.querySelectorAll('body *')].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !element.closest('.scroll, pre, svg');
}).map((element) => element.outerHTML.slice(0, 90))
"""


OPENED = "document.querySelectorAll('details').forEach((one) => { one.open = true })"

# Labels of charts, seen, that have less than three pixels between them.
CROWDED = """
(() => {
  const seen = [...document.querySelectorAll('svg text')].filter(
    (text) => text.textContent.trim() && text.checkVisibility({opacityProperty: true})
  ).map((text) => [text.textContent, text.getBoundingClientRect()]).filter(([, box]) => box.width);
  const close = ([, a], [, b]) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5
    && Math.min(a.right, b.right) - Math.max(a.left, b.left) > -3;
  const pairs = seen.flatMap((one, n) => seen.slice(n + 1).filter((other) => close(one, other))
    .map((other) => one[0] + ' | ' + other[0]));
  return {count: seen.length, pairs};
})()
"""
LABELS = [  # names of bins whose letters are of every width
    ["≤ 0.021", "0.021 to 0.030", "0.030 to 0.039", "0.039 to 0.051", "0.051 to 0.070", "0.070 to 0.11",
     "0.11 to 0.19", "0.19 to 0.48", "0.48 to 0.99", "> 0.99"],
    ["≤ 1.2e-05", "1.2e-05 to 3.4e-05", "3.4e-05 to 0.00012", "0.00012 to 0.0045", "> 0.0045"],
    ["≤ 1.7", "1.7 to 2.5", "2.5 to 4.2", "4.2 to 6.9", "6.9 to 10", "10 to 15", "15 to 23", "> 23"],
    ["WWWWWWWW", "MMMMMMMM", "lilililili", "premium customers", "mmmm"],
    ["北京市朝阳区", "上海市", "广州市天河区", "深圳", "杭州市"],
    [str(number * 1000) for number in range(31)],
]  # fmt: skip


# Pieces of names, up to their underscores, that stand in more than one line.
BROKEN = """
(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
  let count = 0;
  while (texts.nextNode()) {
    const node = texts.currentNode, element = node.parentElement;
    if (element.closest('svg, pre, title, .skip') || !element.checkVisibility()) continue;
    for (const piece of node.data.matchAll(/[A-Za-z0-9]+_?/g)) {
      const range = document.createRange();
      range.setStart(node, piece.index); range.setEnd(node, piece.index + piece[0].length);
      count += piece[0].endsWith('_');
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.push(piece[0]);
    }
  }
  return {count, broken};
})()
"""


@pytest.fixture(scope="module")
def report(monitored_project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    told = ["--database", str(monitored_project.database), "--output", str(file)]
    ended = CliRunner().invoke(main, ["report", *told])
    assert ended.exit_code == 0, ended.output
    return file


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as opened:
        yield opened


def settled(browser: Browser, expression: str) -> Any:
    """The value once two readings agree: a phone's page is laid out anew when its width is known."""
    before = None
    for _ in range(50):
        found = browser.value(expression)
        if found == before:
            return found
        before = found
        time.sleep(0.1)
    raise AssertionError("the page does not come to rest")


@pytest.mark.parametrize("page", ["index.html", "models/wide.html", "cards/wide-1.html"])
def test_each_page_of_the_folder_serves_every_reader(
    browser: Browser, monitored_project: DbtProject, tmp_path: Path, page: str
) -> None:
    told = ["--database", str(monitored_project.database), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(main, ["report", *told]).exit_code == 0
    for width, scheme in ((320, "light"), (390, "dark"), (1280, "dark"), (1280, "light")):
        browser.size(width)
        browser.scheme(scheme)
        browser.open(tmp_path / "out" / page)
        browser.value(OPENED)
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value(WIDER) == [] and browser.value(CONTRAST)["poor"] == []
    levels = browser.value("[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => +one.tagName[1])")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value(WIDER.replace(".closest('.scroll, pre, svg')", ".closest('pre, svg')")) == []


@pytest.mark.parametrize(("width", "lines"), [(390, 2), (1280, 1)])
def test_a_fingerprint_does_not_stretch_other_facts(
    browser: Browser, report: Path, width: int, lines: int
) -> None:
    browser.size(width)
    browser.open(report)
    there = settled(browser, "document.querySelectorAll('.facts .whole code')[0].getClientRects().length")
    assert there <= lines


def test_it_opens_at_once_and_asks_nobody(browser: Browser, report: Path) -> None:
    browser.size(1280)
    seconds = min(browser.open(report) for _ in range(3))
    assert browser.value("document.querySelectorAll('#wide-drift tbody tr').length") >= 80  # two tables of 40
    assert browser.value("document.querySelectorAll('svg').length") > 85
    assert seconds < 10  # a machine may be busy; a page that computes would take longer still
    assert browser.of_kind("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled") == []
    asked = {request["request"]["url"] for request in browser.of_kind("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}


def test_what_the_check_of_requests_would_see(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<img src='http://127.0.0.1:9/x.png'><script>throw new Error('seen')</script>")
    browser.open(page)
    asked = {request["request"]["url"] for request in browser.of_kind("Network.requestWillBeSent")}
    assert "http://127.0.0.1:9/x.png" in asked
    assert browser.of_kind("Runtime.exceptionThrown")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, report: Path, width: int) -> None:
    browser.size(width)
    browser.open(report)
    browser.value(OPENED)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(WIDER) == []


def test_a_phone_breaks_names_at_underscores(
    browser: Browser, monitored_project: DbtProject, tmp_path: Path
) -> None:
    database = Path(shutil.copy(monitored_project.database, tmp_path / "copy.duckdb"))
    table = "predictions_of_wide_customers_of_the_whole_country_by_region"
    with duckdb.connect(str(database)) as connection:
        connection.sql(
            f"update scorehouse_run_log set status = 'failed', error = 'no {table}', "
            f"prediction_table = 'house.main.{table}' where model_name = 'wide'"
        )
    told = ["--database", str(database), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(main, ["report", *told]).exit_code == 0
    browser.size(390)
    for page in ("index.html", "models/wide.html"):
        browser.open(tmp_path / "out" / page)
        found = settled(browser, BROKEN)
        assert found["count"] > 5
        assert found["broken"] == []


@pytest.mark.parametrize("width", [390, 1400])
def test_labels_of_charts_stand_apart(browser: Browser, report: Path, width: int) -> None:
    browser.size(width)
    browser.open(report)
    browser.value(OPENED)
    found = settled(browser, CROWDED)
    assert found["count"] > 20
    assert found["pairs"] == []


@pytest.mark.parametrize("width", [390, 1400])
def test_bins_of_any_name_stand_apart(browser: Browser, tmp_path: Path, width: int) -> None:
    page = tmp_path / "page.html"
    drawn = [histogram([Bin(name, 0.1, 0.1) for name in names], names[0]) for names in LABELS]
    figures = "".join(f"<figure>{one}</figure>" for one in drawn)
    style = files("scorehouse.report").joinpath("templates/report.css").read_text()
    page.write_text(
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<style>{style}</style><main>"
        f"<div class=charts>{figures}</div><div class='charts details'>{figures}</div></main>"
    )
    browser.size(width)
    browser.open(page)
    found = settled(browser, CROWDED)
    assert found["count"] > 6 * len(LABELS)
    assert found["pairs"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, report: Path, scheme: str) -> None:
    browser.size(1280)
    browser.scheme(scheme)
    browser.open(report)
    browser.value(OPENED)
    page = browser.value("getComputedStyle(document.body).backgroundColor")
    assert page == ("rgb(244, 246, 248)" if scheme == "light" else "rgb(16, 21, 27)")
    found = browser.value(CONTRAST)
    assert found["count"] > 800
    assert found["poor"] == []


def test_the_keyboard_reaches_everything(browser: Browser, report: Path) -> None:
    browser.size(1280)
    browser.open(report)
    browser.press("Tab")
    assert browser.value("document.activeElement.className") == "skip"
    assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("Enter")
    assert browser.value("location.hash") == "#main"
    seen = []
    for _ in range(400):
        browser.press("Tab")
        name = browser.value("document.activeElement.tagName")
        if name == "BODY":
            break
        seen.append(name)
        outline = browser.value("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", seen
    wanted = browser.value(
        "[...document.querySelectorAll('main a, main summary, main [tabindex=\"0\"]')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    assert len(seen) == wanted and {"A", "SUMMARY", "DIV"} <= set(seen)


def test_the_head_leads_to_every_chapter(browser: Browser, report: Path) -> None:
    browser.size(390)
    browser.open(report)
    for _ in range(3):  # past the skip link, to the second ML model
        browser.press("Tab")
    assert browser.value("document.activeElement.closest('nav') !== null")
    browser.press("Enter")
    assert browser.value("location.hash") == "#bare"
    bar = browser.value("document.querySelector('nav').getBoundingClientRect().bottom")
    assert 0 < bar <= browser.value("document.querySelector('#bare h2').getBoundingClientRect().top")


def test_a_summary_opens_by_the_keyboard(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.value("document.querySelector('.alerts summary').focus()")
    browser.press("Enter")
    assert browser.value("document.querySelector('.alerts details').open") is True
    assert browser.value("document.querySelector('.alerts pre').checkVisibility()") is True


def test_a_light_opens_its_section_which_is_closed_while_the_light_is_off(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    sections = "[...document.querySelectorAll('#wide details.card > div')]"
    off = browser.value(sections + ".filter((one) => !one.parentElement.open).map((one) => one.id)")
    on = "[...document.querySelectorAll('#wide .lights :is(.warn, .bad)')].map((one) => one.hash.slice(1))"
    assert off and "wide-drift" not in off and not set(off) & set(browser.value(on))
    for section in off:
        browser.value(f"location.hash = '{section}'")
        assert settled(browser, f"document.getElementById('{section}').parentElement.open") is True


def test_the_structure_is_told_to_those_who_do_not_see_it(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.value("document.documentElement.lang") == "en"
    levels = browser.value("[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => +one.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.value("[...document.querySelectorAll('svg')].every((one) => one.ariaLabel)")
    assert browser.value("[...document.querySelectorAll('th')].every((one) => one.scope)")
    unnamed = "[...document.querySelectorAll('[role=region]')].filter((one) => !one.ariaLabel).length"
    assert browser.value(unnamed) == 0
    doubled = "(() => { const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);"
    assert browser.value(doubled + " return ids.length - new Set(ids).size })()") == 0
    links = "[...document.querySelectorAll('a[href^=\"#\"]')]"
    assert browser.value(links + ".filter((one) => !document.querySelector(one.hash)).length") == 0


def test_a_phone_shows_no_cell_over_another(browser: Browser, report: Path) -> None:
    browser.size(390)
    browser.open(report)
    browser.value(OPENED)
    assert browser.value("document.querySelectorAll('.stack td').length") > 100
    crowded = (
        "[...document.querySelectorAll('.stack td')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
    )
    assert browser.value(crowded + ".map((one) => one.outerHTML.slice(0, 90))") == []


def test_paper_shows_columns_folded_rows_and_legends(browser: Browser, report: Path) -> None:
    browser.size(1030)  # landscape A4, without margins
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.open(report)
    assert browser.value(WIDER.replace(".closest('.scroll, pre, svg')", ".closest('pre, svg')")) == []
    rows = "[...document.querySelectorAll('details td, .alerts li')]"
    assert browser.value(rows + ".length") > 100
    assert browser.value(rows + ".filter((one) => !one.checkVisibility()).length") == 0
    kept = "[...document.querySelectorAll('.legend i, .meter i, .badge')]"
    adjusted = ".filter((one) => getComputedStyle(one).printColorAdjust !== 'exact').length"
    assert browser.value(kept + adjusted) == 0
    assert browser.call("Page.printToPDF")["data"]


@pytest.fixture(scope="module")
def troubled(monitored_project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an ML model whose scoring a test has stopped, with a long reason."""
    folder = tmp_path_factory.mktemp("troubled")
    database = Path(shutil.copy(monitored_project.database, folder / "copy.duckdb"))
    reason = "test feature_plausible of wide_features.x0: " + "x0 is in another unit on 2026-12-01; " * 9
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "update scorehouse_run_log set status = 'skipped', error = ? where model_name = 'wide'", [reason]
        )
    told = ["--database", str(database), "--output", str(folder / "out")]
    assert CliRunner().invoke(main, ["report", *told]).exit_code == 0
    return folder / "out" / "models" / "wide.html"


# The bottom of what a page shows before its first part that can be folded.
BEFORE_DETAILS = "document.querySelector('details.card').getBoundingClientRect().top + scrollY"


@pytest.mark.parametrize(("width", "height", "screens"), [(390, 844, 4), (1280, 800, 2)])
def test_the_details_begin_after_a_few_screens(
    browser: Browser, troubled: Path, width: int, height: int, screens: int
) -> None:
    browser.size(width, height)
    browser.open(troubled)
    assert settled(browser, BEFORE_DETAILS) <= screens * height
    first = "document.querySelector('.alerts summary')"
    seen = browser.value(first + ".innerText")
    assert "is in another unit" in seen and "What to do: " in seen
    assert browser.value("document.querySelector('.said').innerText.length") < 250  # says no reason twice
    folded = "[...document.querySelectorAll('.alerts .told')]"
    assert browser.value(folded + ".filter((one) => one.checkVisibility()).length") == 0
    assert browser.value(folded + ".length") > 0
    browser.value(OPENED)
    assert browser.value(folded + ".filter((one) => !one.checkVisibility()).length") == 0
    assert browser.value(WIDER) == []


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs Debian's package poppler-utils")
def test_paper_has_no_page_that_is_half_empty(browser: Browser, troubled: Path, tmp_path: Path) -> None:
    browser.open(troubled)
    printed = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
    (tmp_path / "page.pdf").write_bytes(base64.b64decode(printed))
    drawn = ["pdftoppm", "-r", "40", "-gray", str(tmp_path / "page.pdf"), str(tmp_path / "page")]
    subprocess.run(drawn, check=True)
    pages = [used(page.read_bytes()) for page in sorted(tmp_path.glob("page-*.pgm"))]
    assert len(pages) > 3 and min(pages[:-1]) >= 0.5, pages


def used(picture: bytes) -> float:
    """The share of a page's height down to its last ink, without margins of 12 mm at 40 dots per inch."""
    _, size, _, dots = picture.split(b"\n", 3)
    width, height = map(int, size.split())
    inked = [line for line in range(height) if min(dots[line * width : (line + 1) * width]) < 200]
    margin = 12 / 25.4 * 40
    return (max(inked, default=0) - margin) / (height - 2 * margin)
