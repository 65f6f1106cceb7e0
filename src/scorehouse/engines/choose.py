"""Which engine a dbt session belongs to; an engine is imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from scorehouse.engines.base import Engine
from scorehouse.scoring.request import Request

# the module that holds the class `ENGINE`, by the package that a session comes from
ENGINES = {
    "pyspark": "scorehouse.engines.spark.engine",
    "duckdb": "scorehouse.engines.duckdb.engine",
    "_duckdb": "scorehouse.engines.duckdb.engine",
}


def engine_of(session: Any, request: Request, call: str) -> Engine[Any]:
    """The engine of one run; dbt-duckdb wraps its sessions in classes of its own at times."""
    package = type(session).__module__.partition(".")[0]
    module = import_module(ENGINES.get(package, ENGINES["duckdb"]))
    engine: Engine[Any] = module.ENGINE(session, request, call)
    return engine
