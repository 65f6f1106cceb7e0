"""What a rehearsal found, as numbers: how often each light cries wolf, and how soon each fault is found."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import exp, lgamma, sqrt
from statistics import median

from scorehouse.rehearsal.planting import Trial, Window
from scorehouse.report.warehouse import Row

DAY = timedelta(days=1)
Z = 1.959963984540054  # of 95 %
SEEN = 0.5  # share of the windows of one monitor, from which on a fault counts as found
VERDICTS = ("ok", "small_drift", "drift", "below", "uncertain", "info")  # "info": of performance
ByFault = dict[tuple[str, str], list[Trial]]


@dataclass(frozen=True)
class Planted:
    """Of the faults that a light could find: how many there are, and how many it finds, after which median of
    days. `unseen` are the others, as their features and kinds."""

    faults: int = 0
    found: int = 0
    days: float | None = None
    unseen: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Light:
    """How often one light of a monitor came on in the past, with the 95 % interval (Wilson) of its rate.

    A feature with all its lights has no metric, and a monitor with all its features no feature either.
    `windows` go from `first` to `last`, of the median length `days`; in those that are not `judged` it was
    grey, such as `blind`. `values` are those of the windows, without those that had none.
    """

    monitor: str
    feature: str
    metric: str
    windows: int
    alarms: int
    low: float
    high: float
    judged: int
    first: datetime
    last: datetime
    days: float
    values: tuple[float, ...] = ()
    planted: Planted = Planted()

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
    return Light(
        *(monitor, feature, metric, len(on), alarms, *wilson(alarms, len(on))),
        judged=len({(row["window_start"], row["window_end"]) for row in rows if row["status"] in VERDICTS}),
        first=min(start for start, _ in on),
        last=max(end for _, end in on),
        days=median((end - start) / DAY for start, end in on),
        values=tuple(row["value"] for row in rows if row["value"] is not None),
    )


def lights_of(monitor: str, rows: Sequence[Row], alarms: Sequence[bool]) -> list[Light]:
    """The monitor as a whole, each feature with all its lights, then each light that ever has a value."""
    by_light: dict[tuple[str, str], list[int]] = defaultdict(list)
    known = {(row.get("feature") or "", row["metric"]) for row in rows if row["value"] is not None}
    for place, row in enumerate(rows):
        light = row.get("feature") or "", row["metric"]
        if light in known:
            for key in dict.fromkeys((("", ""), (light[0], ""), light)):
                by_light[key].append(place)
    return [
        light_of(monitor, *light, [rows[place] for place in places], [alarms[place] for place in places])
        for light, places in sorted(by_light.items(), key=lambda pair: (pair[0][1] != "", pair[0][0] != ""))
    ]


def planted_of(light: Light, trials: Mapping[str, ByFault]) -> Planted:
    """What a light finds of the faults planted for its monitor; `trials` are by monitor and fault."""
    delays, unseen = [], []
    for (fault, feature), own in trials.get(light.monitor, {}).items():
        if light.feature not in ("", feature):
            continue
        found = [
            (one.window, light.metric in one.alarms if light.metric else bool(one.alarms)) for one in own
        ]
        if sum(is_found for _, is_found in found) < SEEN * len(found):
            unseen.append((feature, fault))
        else:
            delays.append(_delay(found))
    days = [delay for delay in delays if delay is not None]
    faults = len(delays) + len(unseen)
    return Planted(faults, len(delays), median(days) if days else None, tuple(sorted(unseen)))


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


def by_monitor(trials: Iterable[Trial]) -> dict[str, ByFault]:
    """The trials of each monitor, by fault and feature."""
    found: dict[str, ByFault] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        found[trial.monitor][trial.fault, trial.feature].append(trial)
    return found


def found_of(trials: Mapping[str, ByFault], changed: dict[tuple[str, str], float]) -> list[Found]:
    """One line per fault and feature, unseen faults first; `trials` are those of `by_monitor`."""
    by_fault: dict[tuple[str, str], dict[str, list[Trial]]] = defaultdict(dict)
    for monitor, faults in trials.items():
        for key, own in faults.items():
            by_fault[key][monitor] = own
    lines = []
    for key, monitors in by_fault.items():
        windows = {
            name: (sum(bool(one.alarms) for one in each), len(each)) for name, each in monitors.items()
        }
        tried = ([(one.window, bool(one.alarms)) for one in each] for each in monitors.values())
        delays = [delay for each in tried if (delay := _delay(each)) is not None]
        lines.append(Found(*key, changed[key], windows, min(delays, default=None)))
    return sorted(lines, key=lambda line: (line.share, line.fault, line.feature))


def _delay(tried: Iterable[tuple[Window, bool]]) -> float | None:
    """The median of days until a fault is found, by windows and whether they find it; None if most do not."""
    delays, end = [], None
    for window, is_found in sorted(tried, reverse=True):
        if is_found:
            end = window[1]
        delays.append((end - window[0]) / DAY if end else float("inf"))
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
