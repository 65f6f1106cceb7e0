"""Errors of DuckDB in terms of the dbt project, and runs that Ctrl-C or a scheduler's SIGTERM stops."""

from __future__ import annotations

import re
import sys

import duckdb

from scorehouse.errors import ConfigurationError, EngineError, RegistryError, ScorehouseError, SignatureError
from scorehouse.registry.registry_file import PREFIX
from scorehouse.scoring.request import Request

CARET = re.compile(r"^\s*\^+\s*$")
WHERE = re.compile(r" (LINE \d+: .*)$")
OF_A_VALUE = (duckdb.DataError, duckdb.InvalidInputException)
# Arrow turns an error of the stream into OSError, with DuckDB's error type in the text
OF_A_VALUE_IN_A_STREAM = (
    "Conversion Error:",
    "Out of Range Error:",
    "Invalid Input Error:",
    "Mismatch Type Error:",
)


def seed_table(
    session: duckdb.DuckDBPyConnection, relation: str, request: Request, call: str
) -> duckdb.DuckDBPyRelation:
    """The table of the registry; refused if its seed was never loaded."""
    try:
        return session.query(f"select * from {relation}")
    except duckdb.CatalogException as error:
        names = [
            PREFIX + each.name for each in request.registries if each.relation.lower() == relation.lower()
        ]
        seed = f"`dbt seed --select tag:{names[0]}`" if names else "`dbt seed`"
        raise RegistryError(
            call,
            f"the registry's table {relation} does not exist",
            expected="the table of the seed, loaded before the model that scores",
            action=f"run {seed}, or `dbt build`, which loads it first",
        ) from error


def unreadable(error: duckdb.Error, call: str, *, is_select: bool) -> ScorehouseError:
    """The error for features that DuckDB cannot read at all.

    `is_select`: they are the select of a SQL model, not a relation passed by a Python model.
    """
    if not is_select and isinstance(error, duckdb.CatalogException):
        return ConfigurationError(
            call,
            f"the features cannot be read by a second connection ({one_line(error)})",
            expected="committed features: a dbt ref, not a temporary table or registered frame",
            action="make the preparation a dbt model of its own, or pass it as a pyarrow Table",
        )
    if isinstance(error, duckdb.CatalogException):
        return ConfigurationError(
            call,
            f"DuckDB cannot find a table or function that the model's select uses: {one_line(error)}",
            expected="tables that exist and are not temporary: a second connection reads the features",
            action="correct the name, or first build what the model reads (dbt build --select +<model>)",
        )
    what = "the select of the model" if is_select else "the features"
    return ConfigurationError(
        call,
        f"DuckDB cannot run {what}: {one_line(error)}",
        expected="one select, without a semicolon at its end",
        action="correct the SQL of the feature model; dbt writes the compiled SQL to target/compiled",
    )


def one_line(error: Exception) -> str:
    """DuckDB's message as part of a sentence: without the line that points at a column."""
    lines = (line.strip() for line in str(error).splitlines() if not CARET.match(line))
    return WHERE.sub(r" (\1)", " ".join(line for line in lines if line)).rstrip(".")


def check_interrupted(call: str) -> None:
    """Stop if the process was asked to stop; the scoring threads get no signal themselves."""
    if _is_asked():
        raise _interrupted(call)


def named(error: Exception, call: str) -> Exception:
    """The error to report: DuckDB's own says nothing about a run that was stopped, or about a feature."""
    if isinstance(error, ScorehouseError):
        return error
    if isinstance(error, duckdb.InterruptException) or _is_asked():
        return _interrupted(call)
    text = one_line(error)
    in_a_stream = isinstance(error, OSError) and text.startswith(OF_A_VALUE_IN_A_STREAM)
    if not in_a_stream and not isinstance(error, OF_A_VALUE):
        return error
    return SignatureError(
        call,
        f"DuckDB could not compute a value of the features: {text}",
        expected="features that can be computed for every row",
        action="correct the SQL of the feature model; for example, try_cast gives NULL where a cast fails",
    )


def _is_asked() -> bool:
    plugin = sys.modules.get("dbt_scorehouse")  # dbt loads this module; nobody stops a run outside of dbt
    return plugin is not None and plugin.stopping.is_set()


def _interrupted(call: str) -> EngineError:
    return EngineError(
        call,
        "the run was interrupted by Ctrl-C or a termination signal",
        expected="a run that finishes on its own",
        action="run the model again; the previous table is unchanged",
    )
