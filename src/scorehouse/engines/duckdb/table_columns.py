"""The columns of the DuckDB prediction table that a run is merged into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from scorehouse.engines.base import APPEND, FAIL, SYNC, ColumnChange
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import quote
from scorehouse.engines.duckdb.staging import described, parts_of
from scorehouse.engines.output import BATCHES, Output
from scorehouse.errors import ConfigurationError, listed
from scorehouse.scoring.request import Request


def column_change(
    session: duckdb.DuckDBPyConnection,
    source: DuckDBSource,
    output: Output,
    schema: pa.Schema,
    request: Request,
) -> ColumnChange:
    """The differences between the table of a merge and this run; ConfigurationError if not allowed."""
    with session.cursor() as cursor:
        cursor.register(BATCHES, schema.empty_table())
        run = described(cursor, output.select())
        change = ColumnChange.between(described(cursor, f"select * from {request.relation}"), run)
    change.check_names(request.relation, request.on_schema_change, source.call)
    values = {**source.columns.key, **source.columns.passthrough}
    # some of the others depend on the release, and are text in one database and ENUM in another
    own = {*values, *output.scored} - {"row_status"}
    change = ColumnChange(
        change.lacks, change.has, {name: kinds for name, kinds in change.retyped.items() if name in own}
    )
    if request.on_schema_change == FAIL and change.retyped:
        raise _other_types(request, change.retyped, source.call)
    for name, (old, new) in change.retyped.items():
        if request.on_schema_change == SYNC:
            kept = _survive(source.cursor, f"select {quote(name)} as x from {request.relation}", new, old)
        else:
            column = values.get(name)
            kept = column is not None and _survive(
                source.cursor, f"select {quote(column)} as x from {source.table}", old, new
            )
        if not kept:
            raise _other_types(request, {name: (old, new)}, source.call)
    if request.on_schema_change == SYNC and (change.has or change.retyped):
        _check_indexes(session, request, [*change.has, *change.retyped], source.call)
    return change


def _check_indexes(
    session: duckdb.DuckDBPyConnection, request: Request, columns: Sequence[str], call: str
) -> None:
    """Refuse to drop or retype columns of a table with an index on any column: DuckDB cannot do it."""
    database, schema, table = parts_of(request.relation)
    # in the run's own transaction, in which a hook may have dropped the index
    found = session.execute(
        "select index_name from duckdb_indexes() where database_name = coalesce(?, current_database()) "
        "and schema_name = ? and table_name = ? order by 1",
        [database, schema, table],
    ).fetchall()
    if found:
        raise ConfigurationError(
            call,
            f"on_schema_change='{SYNC}' must drop or retype {listed(columns)} of {request.relation}, but "
            f"DuckDB cannot alter a table that has an index: this one has {listed(row[0] for row in found)}",
            expected="a table without an index while its columns change",
            action=f'drop the index for this run, with pre_hook="drop index if exists {quote(found[0][0])}", '
            f"and create it again in a post_hook; set on_schema_change='{APPEND}', which keeps the columns; "
            "or rebuild the table once with --full-refresh",
        )


def _survive(cursor: duckdb.DuckDBPyConnection, values: str, through: str, own: str) -> bool:
    """Whether every value `x` stays the same after a cast to another type and back."""
    try:
        lost = cursor.execute(
            f"select count(*) from ({values}) "
            f"where try_cast(try_cast(x as {through}) as {own}) is distinct from x"
        ).fetchall()
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.NotImplementedException):
        return False
    return bool(lost[0][0] == 0)


def _other_types(request: Request, retyped: Mapping[str, tuple[str, str]], call: str) -> ConfigurationError:
    found = "; ".join(
        f"{name!r} is {old} in the table and {new} in this run" for name, (old, new) in retyped.items()
    )
    return ConfigurationError(
        call,
        f"the types of columns of {request.relation} differ from those of this run, and not every value fits "
        f"both types: {found}",
        expected="the types of the existing table",
        action="cast the columns in the feature model, "
        f"set on_schema_change='{SYNC}' where the values of the table fit, "
        "or rebuild the table once with --full-refresh",
    )


def change_table(session: duckdb.DuckDBPyConnection, request: Request, change: ColumnChange) -> None:
    """Give the table and the staging table the same columns, as far as the setting says so.

    Columns that only the table has are NULL in new rows. Columns that only the run has are left out of the
    merge unless the table gets them.
    """
    table, setting = request.relation, request.on_schema_change
    if setting in (APPEND, SYNC):
        for name, kind in change.lacks.items():
            session.execute(f"alter table {table} add column {quote(name)} {kind}").fetchall()
    for name, kind in change.has.items():
        if setting == SYNC:
            session.execute(f"alter table {table} drop column {quote(name)}").fetchall()
        else:
            session.execute(f"alter table {request.staging} add column {quote(name)} {kind}").fetchall()
    if setting == SYNC:
        for name, (_, kind) in change.retyped.items():
            session.execute(f"alter table {table} alter column {quote(name)} set data type {kind}").fetchall()
