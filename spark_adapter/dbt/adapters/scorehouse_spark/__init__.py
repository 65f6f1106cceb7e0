"""Python models on open-source Spark: a dbt adapter over dbt-spark, which submits them only to Databricks.

In a profile: `type: scorehouse_spark`. SQL runs as with dbt-spark's `method: session`; Python models run in
the dbt process with the same session, classic or Spark Connect.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    from dbt.adapters.spark import SparkAdapter, SparkConnectionManager, SparkCredentials
    from dbt.adapters.spark.connections import SparkConnectionMethod
    from pyspark.sql import SparkSession
except ImportError as error:
    raise ImportError(f"{error}: run pip install 'scorehouse[spark]'") from error
from dbt.adapters.base import AdapterPlugin, PythonJobHelper
from dbt_common.exceptions import DbtRuntimeError

ANSI = "spark.sql.ansi.enabled"


@dataclass
class ScorehouseSparkCredentials(SparkCredentials):  # type: ignore[misc]
    """The profile: `schema` and `server_side_parameters`; the rest has defaults."""

    host: str | None = "session"
    method: SparkConnectionMethod = SparkConnectionMethod.SESSION

    def __post_init__(self) -> None:
        ansi = self.server_side_parameters.get(ANSI)
        super().__post_init__()  # turns ANSI mode off, whatever the user set
        if ansi is not None:
            self.server_side_parameters[ANSI] = str(ansi).lower()
        # Spark would start workers with the first python3 of the path. Elsewhere, only the user knows theirs.
        if str(self.server_side_parameters.get("spark.master")).startswith("local"):
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

    @property
    def type(self) -> str:
        return "scorehouse_spark"


class SessionJobHelper(PythonJobHelper):  # type: ignore[misc]
    """Runs the compiled model with the session as the global `spark`, as in a Databricks notebook."""

    def __init__(self, parsed_model: dict[str, Any], credentials: ScorehouseSparkCredentials) -> None:
        self.name = parsed_model["unique_id"]
        self.settings = credentials.server_side_parameters

    def submit(self, compiled_code: str) -> None:
        file = f"<{self.name}>"
        linecache.cache[file] = (len(compiled_code), None, compiled_code.splitlines(keepends=True), file)
        # A module name that cannot be imported: then cloudpickle ships the model's functions by value.
        scope = {"__name__": f"dbt_model:{self.name}", "spark": session(self.settings)}
        try:
            exec(compile(compiled_code, file, "exec"), scope)
        except Exception as error:
            known = type(error).__module__ == "scorehouse.errors"  # the error says everything
            raise DbtRuntimeError(str(error) if known else traceback.format_exc()) from error


def session(settings: dict[str, str]) -> Any:
    """The session in which dbt-spark runs SQL."""
    builder = SparkSession.builder.config(map=settings)
    if "spark.remote" not in settings:
        builder = builder.enableHiveSupport()
    return builder.getOrCreate()


class ScorehouseSparkConnectionManager(SparkConnectionManager):  # type: ignore[misc]
    TYPE = "scorehouse_spark"


class Scorehouse_SparkAdapter(SparkAdapter):  # type: ignore[misc]  # dbt makes the module of its name
    """dbt-spark with one more way to submit a Python model, which is the default."""

    ConnectionManager = ScorehouseSparkConnectionManager

    @property
    def default_python_submission_method(self) -> str:
        return "session"

    @property
    def python_submission_helpers(self) -> dict[str, type[PythonJobHelper]]:
        return {**super().python_submission_helpers, "session": SessionJobHelper}


Plugin = AdapterPlugin(
    adapter=Scorehouse_SparkAdapter,
    credentials=ScorehouseSparkCredentials,
    include_path=str(Path(__file__).parents[2] / "include" / "scorehouse_spark"),
    dependencies=["spark"],
)
