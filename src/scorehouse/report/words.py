"""Numbers, times and names, formatted for readers."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from html import escape
from typing import Any

from jinja2.filters import do_mark_safe

from scorehouse.metrics import METRICS, Use, of_drift

DASH, MINUS = "\u2013", "\u2212"
# The metrics that say that a distribution has moved; the others say what is wrong with its values.
MOVED = of_drift("moved")
# How a window is called on an axis, by its length.
WINDOW_NAMES = {
    "year": "{0:%Y}",
    "quarter": "Q{quarter} {0:%Y}",
    "month": "{0:%b %Y}",
    "days": "{0.day} {0:%b %Y}",
    "run": "{0.day} {0:%b, %H:%M}",
}


def metric_name(metric: str) -> str:
    return METRICS[metric].label if metric in METRICS else metric.replace("_", " ")


def lower_first(text: str) -> str:
    """For use within a sentence; a name in capitals keeps them."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def short_name(metric: str) -> str:
    return (METRICS[metric].short if metric in METRICS else "") or metric_name(metric)


def metric_value(metric: str, value: Any) -> str:
    """The value of a metric: shares as percentages, everything else with four significant digits."""
    return percent(value) if _is_share(metric) else number(value)


def metric_limit(metric: str, value: Any) -> str:
    return percent(value) if _is_share(metric) else limit(value)


def _is_share(metric: str) -> bool:
    return metric in METRICS and Use.SHARE in METRICS[metric].use


def number(value: Any, digits: int = 4) -> str:
    """Whole numbers with thousands separators; others with `digits` significant digits, never as 1e+05."""
    if value is None:
        return DASH
    value = float(value)
    if not math.isfinite(value):
        return "not finite"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", MINUS)
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:
        return f"{value:.1e}".replace("e-0", "e-").replace("-", MINUS)
    small = exponent < 1 - digits  # then two significant digits, where fewer places would show none
    places = 1 - exponent if small else min(max(0, digits - 1 - exponent), digits)
    return f"{value:,.{places}f}".replace("-", MINUS)


EDGE = re.compile(r"((?:<=|>|from|to) )(-?\d+\.\d{4,}(?:e[+-]?\d+)?)")


def part_name(segment: str) -> str:
    """A segment with the edges of its numbers in a few digits: `spend > 1,044`, of `spend > 1044.450573`."""
    return EDGE.sub(lambda found: found[1] + number(found[2]), segment)


def target_option(target: str) -> str:
    """The option that names the target that was read; empty where a file alone was."""
    return f" --target {shlex.quote(target)}" if target else ""


def limit(value: Any) -> str:
    """A threshold, without trailing zeros."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Any) -> str:
    """A share between 0 and 1, as a percentage."""
    if value is None:
        return DASH
    value = float(value)
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    if abs(value) < 0.0005:
        return "< 0.1 %"
    return f"{100 * value:.1f} %" if value < 0.995 else f"{100 * value:.2f} %"


def p_value(value: Any) -> str:
    if value is None:
        return DASH
    return f"< 1e{MINUS}9" if value < 1e-9 else number(value, 2)


def chance(value: Any) -> str:
    """The PSI expected by chance; below a thousandth its exact value does not matter."""
    return "< 0.001" if value is not None and value < 0.001 else number(value, 2)


def rows(count: Any) -> str:
    return DASH if count is None else f"{int(count):,}"


def stamp(value: Any) -> str:
    """A time to the minute."""
    return DASH if value is None else f"{value:%d %b %Y, %H:%M}"


def seconds(value: Any) -> str:
    if value is None:
        return DASH
    return f"{value:.2f} s" if value < 10 else f"{value:,.0f} s"


def ago(days: float) -> str:
    """An age in the most natural unit, rounded down."""
    for unit, length in (("year", 365.25), ("month", 30.44), ("day", 1.0)):
        count = int(days / length)
        if count >= (1 if unit != "month" else 2):
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    hours = int(days * 24)
    return "within the hour" if hours == 0 else f"{hours} hour{'' if hours == 1 else 's'} ago"


def slug(text: str) -> str:
    """A name as part of an anchor: letters and digits stay, others become their code points."""
    return "".join(letter if letter.isalnum() or letter == "_" else f"-{ord(letter):x}-" for letter in text)


def size(count: int) -> str:
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count} bytes"


def window_names(windows: Sequence[tuple[datetime, datetime]]) -> list[str]:
    """Short names of windows, all in the same form: months, days, or times of runs."""
    lengths = {_length(start, end) for start, end in windows}
    form = lengths.pop() if len(lengths) == 1 else "run" if "run" in lengths else "days"
    return [_window_name(form, start) for start, _ in windows]


def window_text(start: datetime, end: datetime) -> str:
    """A window for use in a sentence: a year, quarter or month, or its first and last day (both included)."""
    length, last = _length(start, end), end - timedelta(days=1)
    if length == "run":
        return f"the run of {stamp(start)}"
    if length == "month":
        return f"{start:%B %Y}"
    first = _window_name(length, start)
    return first if length != "days" or last <= start else f"{first} to {last.day} {last:%b %Y}"


def in_window(start: datetime, end: datetime) -> str:
    """The same after its preposition: a day has another one than the longer windows."""
    is_day = _length(start, end) == "days" and end - start <= timedelta(days=1)
    return f"{'on' if is_day else 'in'} {window_text(start, end)}"


def few(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def row_window(row: Mapping[str, Any]) -> str:
    """The window of a row, for use in a sentence."""
    return window_text(row["window_start"], row["window_end"])


def zoned(text: str, row: Mapping[str, Any]) -> str:
    """The name of a window, with its time zone if it has one."""
    return f"{text} ({zone})" if (zone := row.get("time_zone")) else text


def _window_name(length: str, start: datetime) -> str:
    return WINDOW_NAMES[length].format(start, quarter=(start.month + 2) // 3)


def _length(start: datetime, end: datetime) -> str:
    """Whether a window is a `year`, a `quarter`, a `month`, some `days`, or the rows of a `run`."""
    if start.time() != time() or end.time() != time():
        return "run"
    if start.day == end.day == 1:
        months = 12 * (end.year - start.year) + end.month - start.month
        if months == 12 and start.month == 1:
            return "year"
        if months == 3 and start.month % 3 == 1:
            return "quarter"
        if months == 1:
            return "month"
    return "days"


def breakable(text: str) -> str:
    """A text of HTML in which names may break after an underscore, and nowhere else."""
    return re.sub(r"(?<=\w)_(?=\w)", "_<wbr>", text)


def prose(text: str) -> str:
    """A text of the registry as HTML: what stands between backticks is code, and all else is text."""
    return do_mark_safe(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text)))
