"""The feature table as DuckDB reads it: one committed snapshot, checked before the first row."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, ROW_HASH, Columns
from scorehouse.engines.duckdb.errors import unreadable
from scorehouse.engines.duckdb.keys import check_keys, stored_name
from scorehouse.engines.duckdb.lake import LakeTable, table_with_snapshots
from scorehouse.engines.duckdb.rescore_sql import TODO
from scorehouse.engines.duckdb.sql import column_list, quote
from scorehouse.engines.duckdb.staging import described
from scorehouse.engines.duckdb.windows import as_of_table
from scorehouse.engines.source import Source, not_a_registry
from scorehouse.errors import ConfigurationError, SignatureError, listed
from scorehouse.project.forgotten import bar
from scorehouse.registry import registry_file
from scorehouse.registry.registry_file import RegistryFile
from scorehouse.registry.signature import Signature, check_types
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request

if TYPE_CHECKING:
    from scorehouse.engines.duckdb.slices import Slices

FEATURES = "scorehouse_features"
HASH_CANARY = "hash(1.5e0, 42, 'scorehouse', null::double)"


def registry_of(session: duckdb.DuckDBPyConnection, model: Any, request: Request, call: str) -> RegistryFile:
    """The registry `model`: the relation of a seed `ml_<name>`."""
    if not isinstance(model, duckdb.DuckDBPyRelation):
        raise not_a_registry(model, call)
    query = model.sql_query()
    read, bare = _tables(session, query, qualified=True), _tables(session, query, qualified=False)
    found = [
        each
        for each in request.registries
        if (own := _tables(session, f"select * from {each.relation}", qualified=True)) & read
        or (own == {each.relation} and own & bare)
    ]
    return registry_file.only(found, ", ".join(sorted(bare)) or "made in Python", call)


def _tables(session: duckdb.DuckDBPyConnection, query: str, *, qualified: bool) -> set[str]:
    """The names of the tables that a query reads, in lower case."""
    try:
        return {name.lower() for name in session.get_table_names(query, qualified=qualified)}
    except duckdb.Error:  # a relation that does not come from SQL
        return set()


LOST_IN_ARROW = (  # what the name of a type contains, and what happens to its values
    ("UHUGEINT", "which DuckDB exports with the wrong sign", "HUGEINT, DOUBLE or a smaller number"),
    ("UNION(", "of which Arrow selects no rows", "one type, such as union_extract(column, 'member') has"),
)


@dataclass(frozen=True)
class ChosenRows:
    """Rows that a rule chose, in the temporary table TODO of the source's cursor.

    `need` is SQL for a row's bit mask, one bit per version that scores it; `slices` is the number of slices
    to read one after the other with a time budget. `within` is a relation with the columns that are read,
    which has all of these rows and few others; empty: the feature table.
    """

    need: str
    slices: int | None = None
    within: str = ""


class DuckDBSource(Source):
    """Reads features on a cursor of its own, in one transaction: all statements see one snapshot."""

    def __init__(
        self,
        session: duckdb.DuckDBPyConnection,
        features: Any,
        options: ScoreOptions,
        request: Request,
        call: str,
    ) -> None:
        super().__init__(options, request, call)
        self.cursor = session.cursor()
        self.is_select = isinstance(features, str)
        self.table = self._table(features)
        # whether other connections see the features too; they do not see a frame made in Python
        self.in_database = self.table != FEATURES
        if request.is_empty:  # `dbt.ref` of a Python model reads all rows even then
            self.table = f"(select * from {self.table} limit 0)"
        # what a replay reads again; a frame made in Python no longer exists then
        self.query = self.table[1:-1].removesuffix("\n") if self.in_database else ""
        self.chosen: ChosenRows | None = None  # NULL: every row
        self.lake: LakeTable | None = None
        self.kept_keys = ""  # what is true in SQL for rows whose keys were not forgotten; empty: for all
        self.slices: Slices | None = None  # of a full build that commits one after the other
        # whether the rows are in a table, so that no query has to compute them
        self.is_stored = stored_name(self.table) is not None

    def _table(self, features: Any) -> str:
        if isinstance(features, str):
            return f"({features}\n)"  # the query may end with a comment
        if isinstance(features, duckdb.DuckDBPyRelation):
            return f"({features.sql_query()})"
        if isinstance(features, pa.RecordBatchReader):
            raise ConfigurationError(
                self.call,
                "features is a RecordBatchReader, which can be read only once",
                expected="a dbt ref or source, a pyarrow Table, or a pandas or polars frame",
                action="pass the ref itself; scorehouse streams it",
            )
        self.cursor.register(FEATURES, features)
        return FEATURES

    def check(self, signatures: Sequence[Signature], outputs: Sequence[str]) -> None:
        self.cursor.begin()
        try:
            names = self._schema(f"select * from {self.table}").names
        except duckdb.ProgrammingError as error:
            raise unreadable(error, self.call, is_select=self.is_select) from error
        stored = table_with_snapshots(self.cursor, self.table)
        if isinstance(stored, LakeTable):  # of which a transaction reads one snapshot
            self.lake = stored
        elif stored:
            pinned = f"(select * from {stored.at(stored.snapshot)})"
            # a snapshot has the columns of its day, which an `alter table` changes for the next one
            if self._described(pinned) == self._described(self.table):
                self.table = pinned
            else:
                stored = None
        if stored:
            self.snapshot, self.snapshot_at = stored.snapshot, stored.snapshot_at
        self._refuse_feed_without_lake()
        self.table = as_of_table(self, self.table, names)
        self.table_schema = self._schema(f"select * from {self.table}")
        self.table_types = self._described(self.table)
        self._leave_out_forgotten()
        self.columns = Columns.found(signatures, self.table_schema.names, self.options, outputs, self.call)
        self._refuse_other_spellings()
        self.schema = self._schema(self.select())
        # DuckDB's types of the kept columns: Arrow has no HUGEINT, UUID or ENUM of its own
        self.types = {name: self.table_types[column] for name, column in self.columns.kept.items()}
        self._refuse_types()
        for signature in signatures:
            check_types(signature, self.schema, self.call)

    def _leave_out_forgotten(self) -> None:
        request, self.shared_table = self.request, self.table  # as other connections can read it
        self.kept_keys, self.rows_barred = bar(
            self.cursor, request.run_log, self.table, self.table_types, request.project_root, self.call
        )
        if self.kept_keys:
            self.table, self.is_stored = f"(select * from {self.table} where {self.kept_keys})", False
            self.in_database = False  # the keys to leave out are in tables of this cursor

    def _described(self, table: str) -> dict[str, str]:
        return described(self.cursor, f"select * from {table}")

    def check_keys(self, *, unique: bool = True, table: str = "", span: tuple[int, int] | None = None) -> int:
        """Count rows and refuse bad keys, in the feature table or in some of its rows.

        Without `unique`, a key may be there twice: something else proves at less cost that it is not.
        """
        keys = list(self.columns.key.values())
        return check_keys(self.cursor, table or self.table, keys, self.call, unique=unique, span=span)

    def run(self, *statements: str) -> None:
        """Run statements in the snapshot."""
        for statement in statements:
            self.cursor.execute(statement).fetchall()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query in the snapshot."""
        return self.cursor.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        """The only row of a query in the snapshot."""
        return self.rows(query)[0]

    def _schema(self, sql: str) -> pa.Schema:
        reader = self.cursor.sql(f"select * from ({sql}) limit 0").to_arrow_reader(1)
        reader.read_all()  # an unfinished result would block the cursor
        return reader.schema

    def _refuse_feed_without_lake(self) -> None:
        """Refuse the rule `feed` for anything but one table of a lake; what dbt limited may be that table."""
        is_limited = self.request.is_partial or self.request.event_time  # a batch refuses the rule itself
        if self.options.rescore.rule == "feed" and self.lake is None and not is_limited:
            raise ConfigurationError(
                self.call,
                "rescore has the rule 'feed', but the features are not one whole table of a DuckLake",
                expected="`select * from` one table of an attached DuckLake: not a view, without a filter",
                action="make the select a dbt model of its own, incremental and in the lake, and score that; "
                "or use the rule 'changed'",
            )

    def _refuse_other_spellings(self) -> None:
        """Refuse two spellings of a feature name in different versions: DuckDB has only one column."""
        spelled: dict[str, str] = {}
        for features in self.columns.features:
            for name in features:
                other = spelled.setdefault(name.lower(), name)
                if other != name:
                    raise SignatureError(
                        self.call,
                        f"the feature {other!r} of one version is spelled {name!r} in another",
                        expected="the same spelling in all versions that score in one scan",
                        action="score them into separate tables, or register one of them again",
                    )

    def _refuse_types(self) -> None:
        """Refuse the types of features and kept columns that do not survive the way through Arrow."""
        kept = {*self.columns.key.values(), *self.columns.kept.values()}  # which leave as DuckDB has them
        for told, why, expected in LOST_IN_ARROW:
            read = {*self.columns.used, *(kept if told == "UNION(" else ())}
            types = {name: kind for name, kind in self.table_types.items() if name in read}
            if found := [name for name, kind in types.items() if told in kind]:
                raise SignatureError(
                    self.call,
                    f"the feature columns {listed(found)} are {told.rstrip('(')}, {why}",
                    expected=expected,
                    action="cast these columns in the feature model",
                )

    def hash_function(self) -> str:
        """DuckDB's own hash, which may change between releases: the hash of a fixed row identifies it."""
        return f"duckdb:{self.cursor.execute(f'select {HASH_CANARY}').fetchall()[0][0]}"

    def feature_hash(self, part: int) -> str:
        """SQL of the hash of everything that goes into a row of one version except its key."""
        return f"hash({column_list(self.columns.hashed(part))})"

    def row_hash(self, part: int) -> str:
        """SQL of the hash of a row: of its key and the hash of everything else."""
        return f"hash({column_list(self.columns.key.values())}, {self.feature_hash(part)})"

    @property
    def hash_columns(self) -> list[str]:
        """The names of the hashes that `select` reads."""
        return [f"{name}:{part}" for part in self.columns.hash_parts for name in (FEATURE_HASH, ROW_HASH)]

    def read_columns(self) -> str:
        """The columns of the feature table that a run reads, as a list in SQL."""
        columns = self.columns
        return column_list(dict.fromkeys([*columns.kept.values(), *columns.used]))

    def select(self, where: str = "") -> str:
        """The statement that reads: kept columns, features, and the hashes of features and row."""
        columns = self.columns
        found = {KEPT + name: column for name, column in columns.kept.items()}
        for features in columns.features:
            found |= features
        parts = [f"features.{quote(column)} as {quote(name)}" for name, column in found.items()]
        for part in columns.hash_parts:
            parts.append(f"{self.feature_hash(part)} as {quote(f'{FEATURE_HASH}:{part}')}")
            parts.append(f"{self.row_hash(part)} as {quote(f'{ROW_HASH}:{part}')}")
        if self.chosen is None:
            return f"select {', '.join(parts)} from {self.table} as features"
        on = " and ".join(
            f"features.{quote(column)} = todo.{quote('todo:' + name)}" for name, column in columns.key.items()
        )
        todo = ", ".join(f"{quote(name)} as {quote('todo:' + name)}" for name in columns.key)
        chosen = f"(select {todo}, {self.chosen.need} as {NEED} from {TODO}{where}) as todo"
        parts.append(f"todo.{NEED}")
        table = self.chosen.within or self.table
        return f"select {', '.join(parts)} from {table} as features join {chosen} on {on}"

    def batches(self, wrap: Callable[[str], str] = str) -> Iterator[pa.RecordBatch]:
        """Record batches of what `select` reads, until a time budget is used up.

        `wrap` turns that statement into the one that is run.
        """
        seconds = self.options.rescore.max_seconds
        end = math.inf if seconds is None else time.monotonic() + seconds
        stops = [""]
        if self.chosen is not None and self.chosen.slices is not None:
            stops = [f" where slice = {number}" for number in range(self.chosen.slices)]
        for where in stops:
            if time.monotonic() >= end:
                return
            for batch in self.cursor.sql(wrap(self.select(where))).to_arrow_reader(self.options.read_rows):
                yield batch
                if time.monotonic() >= end and not self.columns.group:
                    return  # a group is scored as a whole, so that its ranks are right

    def close(self) -> None:
        """Release the snapshot."""
        self.cursor.close()
