"""dbt's documentation site in a real browser: from a prediction table to its ML model, and back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import PATIENCE, Browser
from project import REPOSITORY

pytestmark = pytest.mark.foreign

BROWSER = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=20000",
)
PREDICTIONS = "model/model.scorehouse.churn_predictions"
ML_MODEL = "seed/seed.scorehouse.ml_churn"
# What a reader does and sees: a click on the tab of this name, once the page is drawn, where it is asked
# for; and the width that each picture has when it has come.
READER = """<script>
let clicked = CLICK === "no";
setInterval(() => {
    const tabs = [...document.querySelectorAll("reference-list[references=parents] a")];
    const tab = tabs.find((link) => link.textContent.trim() === "Seeds");
    if (tab && !clicked) { tab.click(); clicked = true; }
    for (const image of document.querySelectorAll(".app-details img")) {
        image.setAttribute("data-width", image.naturalWidth);
    }
}, 100);
</script></body>"""


@dataclass
class Page(HTMLParser):
    """A page as the browser drew it: links of the site, and the text of its main part."""

    links: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    pictures: dict[str, int] = field(default_factory=dict)  # source -> width as it was loaded
    depth: int = 0  # inside the main part, below which everything counts
    silent: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if self.depth or "app-details" in (values.get("class") or "").split():
            self.depth += tag == "div"
            if tag == "a" and (values.get("href") or "").startswith("#!/"):
                self.links.add(str(values["href"]).removeprefix("#!/").partition("#")[0].partition("?")[0])
            if tag == "img":
                self.pictures[str(values["src"])] = int(values.get("data-width") or 0)
        self.silent += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= bool(self.depth) and tag == "div"
        self.silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self.depth and not self.silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


Open = Callable[..., Page]
# The lineage graph that is drawn: visible nodes, and the visible edges between them.
GRAPH = """(() => {
    const holder = [...document.querySelectorAll("*")].find((element) => element._cyreg);
    if (!holder) return null;
    const drawn = (parts) => parts.filter((part) => part.visible());
    const graph = holder._cyreg.cy;
    return [drawn(graph.nodes()).map((node) => node.id()),
            drawn(graph.edges()).map((edge) => [edge.source().id(), edge.target().id()])];
})()"""


@pytest.fixture(scope="module")
def site(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site: one file, generated from a build."""
    if BROWSER is None:
        pytest.skip("needs Debian's package chromium")
    folder = tmp_path_factory.mktemp("site")
    dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet"]
    places = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    settings = {
        "SCOREHOUSE_DATABASE": str(examples),
        "DBT_PROFILES_DIR": str(REPOSITORY),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    generate = [*dbt, "docs", "generate", "--static", "--select", "+churn_predictions+", *places]
    subprocess.run(generate, cwd=REPOSITORY, env={**os.environ, **settings}, check=True)

    return folder / "target/static_index.html"


@pytest.fixture(scope="module")
def open_page(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Opens a page of the site by its path."""
    page = site.read_text()
    sites = {}
    for click in ("yes", "no"):
        sites[click] = site.with_name(f"read_{click}.html")
        sites[click].write_text(READER.replace("CLICK", f'"{click}"').join(page.rsplit("</body>", 1)))

    def opened(path: str, *, click_seeds: bool = False) -> Page:
        profile = tmp_path_factory.mktemp("browser")
        address = f"file://{sites['yes' if click_seeds else 'no']}#!/{path}"
        command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", "--dump-dom", address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        page = Page()
        page.feed(ended.stdout)
        return page

    return opened


def test_the_way_from_a_prediction_table_to_its_model_card_and_back(open_page: Open) -> None:
    assert "model/model.scorehouse.churn_scoring_features" in open_page(PREDICTIONS).links
    assert ML_MODEL in open_page(PREDICTIONS, click_seeds=True).links
    card = open_page(ML_MODEL)
    assert PREDICTIONS in card.links


def test_the_lineage_graph_leads_from_the_source_by_the_ml_model_to_the_exposure(
    site: Path, tmp_path: Path
) -> None:
    with Browser(tmp_path) as browser:
        browser.size(1300)
        address = f"{site.as_uri()}#!/{PREDICTIONS}?g_v=1&g_i=%2Bchurn_predictions%2B"
        browser.call("Page.navigate", url=address)
        deadline = time.monotonic() + PATIENCE
        while not (drawn := browser.value(GRAPH)) or not drawn[1]:
            assert time.monotonic() < deadline, "the graph is not drawn"
            time.sleep(0.1)
    nodes, edges = drawn
    table, ml_model = PREDICTIONS.removeprefix("model/"), ML_MODEL.removeprefix("seed/")
    assert [ml_model, table] in edges
    assert ["model.scorehouse.churn_scoring_features", table] in edges
    assert ["model.scorehouse.churn_watchlist", "exposure.scorehouse.retention_calls"] in edges
    assert {"source.scorehouse.online_retail.retail", "model.scorehouse.churn_drift"} <= set(nodes)
    assert not [node for node in nodes if "flight" in node], "another ML model's tables"


def test_the_model_card_says_what_a_reviewer_asks(open_page: Open) -> None:
    text = open_page(ML_MODEL).text
    assert "ML model churn" in text and "classification" in text
    assert "Chance that a customer buys nothing in the next 90 days" in text
    assert "Owner: examples" in text
    assert "2010-03-01 to 2010-12-01" in text and "auc 0.7949" in text
    assert re.search(r"recency_days \s*integer \s*1 to 365 \s*rejected \s*accepted \s*[\d.]+%", text)
    assert re.search(r"1 \s*champion \s*2010-03-01", text)
    assert "a missing value in 10 of 12 features" in text


def test_the_pictures_of_the_model_card_are_seen(open_page: Open) -> None:
    assert open_page(ML_MODEL).pictures == {
        "assets/ml/churn/1/importance.svg": 640,
        "assets/ml/churn/1/calibration.svg": 640,
    }


def test_the_exposure_leads_back_to_the_table_that_it_reads(open_page: Open) -> None:
    page = open_page("exposure/exposure.scorehouse.retention_calls")
    assert "model/model.scorehouse.churn_watchlist" in page.links
    assert "CRM team" in page.text


def test_columns_of_the_prediction_table_are_described(open_page: Open) -> None:
    text = open_page(PREDICTIONS).text
    for column in ("score", "row_status", "reject_reason", "model_digest", "scoring_run_id", "feature_hash"):
        assert column in text
    assert "SHA-256 of the artifact that scored the row." in text


def seen_text(browser: Browser, address: str, awaited: str) -> str:
    """What a reader sees of a page, once these words of it are drawn."""
    browser.call("Page.navigate", url=address)
    deadline = time.monotonic() + PATIENCE
    while awaited not in (text := str(browser.value("document.body?.innerText") or "")):
        assert time.monotonic() < deadline, f"{awaited!r} is not drawn: {text[:500]}"
        time.sleep(0.2)
    return text


def test_the_site_opens_on_our_page_and_shows_no_backtick(site: Path, tmp_path: Path) -> None:
    """dbt renders Markdown in the description of a table; in its list of columns it does not."""
    with Browser(tmp_path) as browser:
        browser.size(1400)
        home = seen_text(browser, site.as_uri(), "Where a score comes from.")
        assert "scorehouse: the examples" in home and "Welcome" not in home and "`" not in home
    with Browser(tmp_path) as browser:
        table = seen_text(browser, f"{site.as_uri()}#!/model/model.scorehouse.flight_drift", "column=value")
        assert "`" not in table.partition("CODE")[0]
