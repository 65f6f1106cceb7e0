"""What Snowflake's emulator runs first: it has no Python functions, so its DuckDB gets them.

By the statement that dbt sends, with the text that is in it.
"""

from __future__ import annotations

IN_DUCKDB = """
import inspect
import re
import pandas
import pyarrow

def add_function(connection, name, body, arguments):
    made = {}
    exec(body, made)

    def of_columns(*columns):
        frame = pandas.DataFrame({place: column.to_numpy() for place, column in enumerate(columns)})
        return pyarrow.array(made["trees"](frame).to_numpy())

    one = inspect.Parameter.POSITIONAL_ONLY
    of_columns.__signature__ = inspect.Signature([inspect.Parameter(f"x{i}", one) for i in range(arguments)])
    types = ["DOUBLE"] * arguments
    connection.create_function(name, of_columns, types, "DOUBLE", type="arrow", null_handling="special")
"""
# Calls lose database and schema, which DuckDB's functions do not have.
SNOWFLAKE = """
from fakesnow.cursor import FakeSnowflakeCursor

MADE = r"create or replace function\\s+\\S*?(\\w+)\\s*\\(([^)]*)\\).*?handler = 'trees'.*?[$][$](.*)[$][$]"
run = FakeSnowflakeCursor.execute

def execute(self, command, *arguments, **options):
    found = re.search(MADE, command, re.IGNORECASE | re.DOTALL)
    if found is None:
        command = re.sub(r"(?i)[\\w.]+[.](scorehouse_\\w+_[0-9a-f]{32})\\(", r"\\1(", command)
        return run(self, command, *arguments, **options)
    name, types, body = found.groups()
    add_function(self._duck_conn, name.lower(), body, types.count(",") + 1)
    return run(self, "select 1")

FakeSnowflakeCursor.execute = execute
"""
