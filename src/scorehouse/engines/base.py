"""The interface of an engine, which reads, plans, scores, writes and logs the rows of a scoring run.

`engines/run.py` has the one sequence of a run. It calls these methods in the order in which they are
defined here. A new engine is a package next to `duckdb/` and `spark/`, and a line in `engines/choose.py`.

Compare the columns of the prediction table with the run's columns, before a merge scores anything.

dbt's setting `on_schema_change` says what happens if they differ; if it is not set, the run is refused,
as with `fail`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import pyarrow as pa

from scorehouse.dialect import Spelling
from scorehouse.engines.output import Output
from scorehouse.engines.source import Planner, Source
from scorehouse.errors import ConfigurationError, ConservationError, listed
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import Backend
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request, RunRecord

APPEND, SYNC, IGNORE, FAIL = "append_new_columns", "sync_all_columns", "ignore", "fail"
ACTION = (
    f"set on_schema_change='{APPEND}' or '{SYNC}' in the model's config, or rebuild the table once with "
    "--full-refresh"
)


@dataclass(frozen=True)
class ColumnChange:
    """How the table differs from the run: columns that it `lacks`, and columns that only it `has`, with type.

    `retyped` has the type in the table and the type in the run.
    """

    lacks: Mapping[str, str] = field(default_factory=dict)
    has: Mapping[str, str] = field(default_factory=dict)
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def between(cls, table: Mapping[str, str], run: Mapping[str, str]) -> ColumnChange:
        """Compare the columns of the table with those of the run, ignoring the case of names."""
        old, new = ({name.lower(): name for name in columns} for columns in (table, run))
        same = [(old[name], new[name]) for name in new if name in old]
        return cls(
            lacks={name: kind for name, kind in run.items() if name.lower() not in old},
            has={name: kind for name, kind in table.items() if name.lower() not in new},
            retyped={one: (table[one], run[other]) for one, other in same if table[one] != run[other]},
        )

    def check_names(self, relation: str, setting: str, call: str) -> None:
        """Refuse columns that were added or removed, unless the setting says what happens to them."""
        if (self.lacks or self.has) and setting in ("", FAIL):
            found = [f"it lacks {listed(self.lacks)}"] if self.lacks else []
            found += [f"it has {listed(self.has)}, which this run does not write"] if self.has else []
            raise ConfigurationError(
                call,
                f"the columns of {relation} differ from those of this run: {', and '.join(found)}",
                expected="a table that was built with the same arguments",
                action=ACTION,
            )


S = TypeVar("S", bound=Source)


@dataclass(frozen=True)
class Scan(Generic[S]):
    """Everything that is decided before a run scores its first row.

    There is a kernel, a backend and a record for each version that scores; the first is live. If versions
    share a row, `suffixes` are appended to the names of each version's columns; otherwise there are none.
    """

    source: S
    output: Output
    plan: Planner[S]
    kernels: Sequence[Kernel]
    backends: Sequence[Backend]
    change: ColumnChange
    records: list[RunRecord]
    suffixes: Sequence[str]

    @property
    def options(self) -> ScoreOptions:
        return self.source.options

    @property
    def record(self) -> RunRecord:
        """The record of the live version."""
        return self.records[0]

    def check_conserved(self) -> None:
        """Raise ConservationError if a row was lost or too many were rejected."""
        call, limit = self.source.call, self.options.max_rejected_share
        for record in self.records:
            if record.rows_scored + record.rows_rejected != record.rows_in:
                raise ConservationError(
                    call,
                    f"{record.rows_in} rows went in, {record.rows_scored} scored and "
                    f"{record.rows_rejected} rejected rows came out",
                    expected="every row exactly once",
                    action="report this as a bug in scorehouse; the previous table is unchanged",
                )
            share = record.rows_rejected / record.rows_in if record.rows_in else 0.0
            if limit is not None and share > limit:
                raise ConservationError(
                    call,
                    f"{record.rows_rejected} of {record.rows_in} rows were rejected ({share:.4f}), "
                    f"mostly for {record.reject_reasons.most_common(3)}",
                    expected=f"a share of at most {limit}",
                    action="fix the feature table, or raise max_rejected_share",
                )


class Engine(ABC, Generic[S]):
    """The database of one scoring run.

    `backends` are those that it can run besides the estimator itself, `batch_backends` those of them that can
    score batches next to another version's backend; `spelling` is how it writes SQL. `plans_long`: see
    `choose_backend`.
    """

    name: ClassVar[str]
    backends: ClassVar[tuple[str, ...]]
    batch_backends: ClassVar[tuple[str, ...]]
    spelling: Spelling
    plans_long: ClassVar[bool] = True

    def __init__(self, session: Any, request: Request, call: str) -> None:
        self.session = session
        self.request = request
        self.call = call

    # --- before the first row ---

    @abstractmethod
    def log_start(self, record: RunRecord) -> None:
        """Write the row that a run begins with, committed."""

    @abstractmethod
    def refuse(self, options: ScoreOptions) -> None:
        """Refuse options that this engine does not support; the error names them."""

    @abstractmethod
    def table_exists(self) -> bool:
        """Whether there is a prediction table to merge into, after cleaning up after a killed run."""

    @abstractmethod
    def versions(self, model: Any) -> list[Version]:
        """The versions of the registry `model`; its table must equal its file."""

    @abstractmethod
    def open(self, features: Any, options: ScoreOptions) -> S:
        """The feature table; it is not read yet."""

    @abstractmethod
    def sql_rows(self, compiled: CompiledSql, rows: pa.Table) -> pa.Table:
        """What the database makes of proof rows by compiled SQL."""

    @abstractmethod
    def check_table(self, source: S, output: Output, kernels: Sequence[Kernel]) -> ColumnChange:
        """How the columns of the table that the run is merged into differ from the run's columns.

        Refuse to merge into a table with other columns, unless `on_schema_change` allows it."""

    @abstractmethod
    def planner(self, source: S, records: list[RunRecord]) -> Planner[S]:
        """The planner that chooses the rows of the run."""

    # --- the run ---

    @abstractmethod
    def write(self, scan: Scan[S], storage: Mapping[str, Any]) -> None:
        """Score into the prediction table and log the run.

        `storage` is how the table is stored, from the model's config.
        """

    def stream(self, scan: Scan[S]) -> Any:
        """The finished rows, for dbt's own materializations."""
        raise NotImplementedError(f"{self.name} refuses other materializations, in `refuse`")

    @abstractmethod
    def log_failure(self, record: RunRecord, error: Exception) -> Exception:
        """Log why the run failed, and return the error to raise."""
