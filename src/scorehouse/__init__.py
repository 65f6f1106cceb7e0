"""scorehouse scores warehouse tables with machine-learning models, as dbt models."""

from scorehouse.doors import score, score_query
from scorehouse.errors import ScorehouseError
from scorehouse.registration import promote, register

__version__ = "0.1.0"

__all__ = ["ScorehouseError", "__version__", "promote", "register", "score", "score_query"]
