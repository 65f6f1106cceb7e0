"""scorehouse scores warehouse tables with machine-learning models, as dbt models.

Each public name is imported when it is first used: `import scorehouse.errors` and the command line load
neither pandas nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scorehouse.load_lock import loading

if TYPE_CHECKING:
    from scorehouse.api import score, score_query
    from scorehouse.dates import CalendarParts, DaysSinceEpoch
    from scorehouse.errors import ScorehouseError
    from scorehouse.online.online_scorer import load
    from scorehouse.quantiles import MultiQuantileRegressor
    from scorehouse.registration.groups import Calibration, Card, Reference, Storage
    from scorehouse.registration.promote import promote
    from scorehouse.registration.register import register
    from scorehouse.replay.backend_check import backend_sample, replay_sample
    from scorehouse.segmented import SegmentedClassifier, SegmentedRegressor
    from scorehouse.training import days_since_epoch, read_training

__version__ = "0.1.0"

__all__ = [
    "CalendarParts",
    "Calibration",
    "Card",
    "DaysSinceEpoch",
    "MultiQuantileRegressor",
    "Reference",
    "ScorehouseError",
    "SegmentedClassifier",
    "SegmentedRegressor",
    "Storage",
    "__version__",
    "backend_sample",
    "days_since_epoch",
    "load",
    "promote",
    "read_training",
    "register",
    "replay_sample",
    "score",
    "score_query",
]
_MODULES = {
    "api": ("score", "score_query"),
    "dates": ("CalendarParts", "DaysSinceEpoch"),
    "errors": ("ScorehouseError",),
    "online.online_scorer": ("load",),
    "quantiles": ("MultiQuantileRegressor",),
    "registration.groups": ("Calibration", "Card", "Reference", "Storage"),
    "registration.promote": ("promote",),
    "registration.register": ("register",),
    "replay.backend_check": ("backend_sample", "replay_sample"),
    "segmented": ("SegmentedClassifier", "SegmentedRegressor"),
    "training": ("days_since_epoch", "read_training"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # else each misspelled name would have the type Any

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with loading():
            value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
