"""The page: all chapters in one self-contained HTML file."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jinja2

from scorehouse.report import words
from scorehouse.report.gather import run_status, table_name
from scorehouse.report.sections import Chapter

DISTANCES = ("psi", "js", "tvd", "l_inf", "hellinger", "chi2")


def page(chapters: list[Chapter], *, title: str, database: str, made_at: datetime) -> str:
    """The HTML of the report."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scorehouse.report"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        stamp=words.stamp,
        rows=words.rows,
        number=words.number,
        percent=words.percent,
        p_value=words.p_value,
        chance=words.chance,
        seconds=words.seconds,
        size=words.size,
        metric_name=words.metric_name,
        table_name=table_name,
        run_status=run_status,
        winner=words.winner,
        round_rows=lambda value: words.rows(None if value is None else round(value)),
        reason=lambda pair: f"{pair[0]} ({pair[1]:,})",
    )
    facts: dict[str, Any] = {
        "title": title,
        "database": database,
        "made_at": made_at,
        "release": version("scorehouse"),
        "chapters": chapters,
        "distances": DISTANCES,
        "css": _stylesheet(),
    }
    return environment.get_template("report.html").render(facts)


def _stylesheet() -> str:
    return files("scorehouse.report").joinpath("templates/report.css").read_text(encoding="utf-8")
