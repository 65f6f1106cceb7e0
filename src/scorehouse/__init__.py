"""scorehouse scores warehouse tables with machine-learning models, as dbt models."""

from scorehouse.garbage import collector_paused

with collector_paused():
    from scorehouse.doors import score, score_query
    from scorehouse.errors import ScorehouseError
    from scorehouse.online import load
    from scorehouse.registration.promote import promote
    from scorehouse.registration.register import register
    from scorehouse.replay import replay_sample
    from scorehouse.training import days_since_epoch, read_training

__version__ = "0.1.0"

__all__ = [
    "ScorehouseError",
    "__version__",
    "days_since_epoch",
    "load",
    "promote",
    "read_training",
    "register",
    "replay_sample",
    "score",
    "score_query",
]
