"""Choose the engine of a dbt session; an engine is imported only when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from scorehouse.engines.base import Engine
from scorehouse.load_lock import loading
from scorehouse.scoring.request import Request

# the module with the class `ENGINE`, by the package of the session's class; any other session is DuckDB's,
# which dbt-duckdb sometimes wraps in classes of its own
ENGINES = {"pyspark": "scorehouse.engines.spark.engine"}
DEFAULT = "scorehouse.engines.duckdb.engine"


def engine_of(session: Any, request: Request, call: str) -> Engine[Any]:
    """The engine of one run."""
    package = type(session).__module__.partition(".")[0]
    with loading():
        module = import_module(ENGINES.get(package, DEFAULT))
    return cast(Engine[Any], module.ENGINE(session, request, call))
