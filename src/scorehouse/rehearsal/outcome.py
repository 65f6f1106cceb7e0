"""What a rehearsal found, as numbers: how often each light cries wolf, and how soon each fault is found."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from math import exp, lgamma, sqrt
from statistics import median

from scorehouse.rehearsal.planting import Trial, Window
from scorehouse.report.warehouse import Row

DAY = timedelta(days=1)
Z = 1.959963984540054  # of 95 %
SEEN = 0.5  # share of the windows of one monitor, from which on a fault counts as found


@dataclass(frozen=True)
class Light:
    """How often one light of a monitor came on in the past, with the 95 % interval (Wilson) of its rate.

    `values` are those of the windows, without those that had none. A monitor as a whole has no metric.
    """

    monitor: str
    feature: str
    metric: str
    windows: int
    alarms: int
    low: float
    high: float
    values: tuple[float, ...] = ()

    def cries_wolf(self, allowed: float) -> bool:
        """Whether it certainly comes on in more than this share of windows."""
        return self.low > allowed


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share, scale = part / whole, 1 + Z**2 / whole
    half = Z * sqrt(share * (1 - share) / whole + (Z / (2 * whole)) ** 2)
    middle = share + Z**2 / (2 * whole)
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def predicted(part: int, whole: int, later: int) -> tuple[int, int]:
    """The 95 % interval of how many of `later` windows have an alarm, if `part` of `whole` had one.

    The quantiles of a beta-binomial distribution, with Jeffreys' prior.
    """
    a, b = part + 0.5, whole - part + 0.5

    def log_beta(x: float, y: float) -> float:
        return lgamma(x) + lgamma(y) - lgamma(x + y)

    shares = [
        exp(log_beta(k + a, later - k + b) - log_beta(a, b) - log_beta(k + 1, later - k + 1)) / (later + 1)
        for k in range(later + 1)
    ]
    up_to = list(accumulate(shares))
    return bisect_left(up_to, 0.025), bisect_left(up_to, 0.975)


def light_of(monitor: str, feature: str, metric: str, rows: Sequence[Row], is_alarm: Iterable[bool]) -> Light:
    """The light over these rows; several rows of one window, such as those of two versions, are one."""
    on: dict[Window, bool] = defaultdict(bool)
    for row, alarm in zip(rows, is_alarm, strict=True):
        on[row["window_start"], row["window_end"]] |= alarm
    alarms = sum(on.values())
    low, high = wilson(alarms, len(on))
    values = tuple(row["value"] for row in rows if row["value"] is not None)
    return Light(monitor, feature, metric, len(on), alarms, low, high, values)


def lights_of(monitor: str, rows: Sequence[Row], alarms: Sequence[bool]) -> list[Light]:
    """The monitor as a whole, then each of its lights; rows without a window or a verdict do not count."""
    by_light: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        by_light[row.get("feature") or "", row["metric"]].append(place)
    whole = [light_of(monitor, "", "", rows, alarms)] if rows else []
    return whole + [
        light_of(monitor, *light, [rows[place] for place in places], [alarms[place] for place in places])
        for light, places in by_light.items()
    ]


@dataclass(frozen=True)
class Found:
    """In how many windows of each monitor a fault of a feature is found, and after how many days.

    `windows` has, by monitor, those that find it and those that were tried. `days` go from the beginning of a
    fault, which begins with a window, to the end of the first window of any monitor that finds it: the
    median over all beginnings, or None if most are never found. `changed` is the share of rows it changes.
    """

    fault: str
    feature: str
    changed: float
    windows: dict[str, tuple[int, int]]
    days: float | None

    @property
    def share(self) -> float:
        """Of the windows of the monitor that finds it most often."""
        return max(found / tried for found, tried in self.windows.values())

    @property
    def best(self) -> str:
        """The monitor that finds it most often."""
        return max(self.windows, key=lambda name: self.windows[name][0] / self.windows[name][1])

    @property
    def seen(self) -> bool:
        return self.share >= SEEN


def found_of(trials: Iterable[Trial], changed: dict[tuple[str, str], float]) -> list[Found]:
    """One line per fault and feature, unseen faults first."""
    by_fault: dict[tuple[str, str], dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        by_fault[trial.fault, trial.feature][trial.monitor].append(trial)
    lines = []
    for key, monitors in by_fault.items():
        windows = {
            name: (sum(bool(one.alarms) for one in each), len(each)) for name, each in monitors.items()
        }
        delays = [delay for each in monitors.values() if (delay := _delay(each)) is not None]
        lines.append(Found(*key, changed[key], windows, min(delays, default=None)))
    return sorted(lines, key=lambda line: (line.share, line.fault, line.feature))


def _delay(trials: Sequence[Trial]) -> float | None:
    """The median of days until one monitor finds a fault; None if it misses most that begin."""
    ordered = sorted(trials, key=lambda trial: trial.window)
    delays, end = [], None
    for trial in reversed(ordered):
        if trial.alarms:
            end = trial.window[1]
        delays.append((end - trial.window[0]) / DAY if end else float("inf"))
    middle = median(delays)
    return middle if middle < float("inf") else None


@dataclass(frozen=True)
class HoldOut:
    """Alarms of a monitor that its earlier windows predict for the later ones, and those that came."""

    monitor: str
    before: tuple[int, int]  # alarms and windows
    after: tuple[int, int]
    low: int
    high: int

    @property
    def inside(self) -> bool:
        return self.low <= self.after[0] <= self.high


def hold_out(monitor: str, rows: Sequence[Row], alarms: Sequence[bool], days: int) -> HoldOut | None:
    """What the windows that end `days` before the newest end predict; None if one side has no window."""
    cut = max(row["window_end"] for row in rows) - days * DAY
    sides: dict[bool, list[int]] = {False: [], True: []}
    for place, row in enumerate(rows):
        sides[row["window_end"] > cut].append(place)
    if not sides[False] or not sides[True]:
        return None
    before, after = (
        light_of(monitor, "", "", [rows[place] for place in side], [alarms[place] for place in side])
        for side in sides.values()
    )
    counts = [(one.alarms, one.windows) for one in (before, after)]
    return HoldOut(monitor, counts[0], counts[1], *predicted(*counts[0], after.windows))
