"""The same artifact online: a registered version behind a function call, for a service or a notebook.

The same backend scores as in a run, chosen and proven with the same checks. So a row gets the same
prediction, status and reason as in the prediction table. Neither pandas nor the estimator's library is
imported for it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scorehouse.engines.run import kernel_of
from scorehouse.errors import ConfigurationError, SignatureError, listed
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.rows import STRICT_CHOICES
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.online.online_backend import decider, online_backend
from scorehouse.program.choose import Backend, ProgramFiles
from scorehouse.project.folder import find_project
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.signature import Signature, check_types, match_columns
from scorehouse.registry.version import parse_reference, resolve
from scorehouse.scoring.options import BACKENDS

if TYPE_CHECKING:
    import pandas as pd

    from scorehouse.program.reasons.stored_reasons import StoredReasons

BATCH_ROWS = 65_536
# the type assumed for a column with only missing values
NULL_TYPES = {
    "double": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
}
Step = Callable[[pa.Table], pa.Table]


def load(
    reference: str,
    project_dir: str | Path | None = None,
    *,
    strict: Sequence[str] = (),
    decision: Mapping[str, Any] | None = None,
    steps: Sequence[Step] = (),
    backend: str = "auto",
) -> OnlineModel:
    """Load a registered version, to score rows outside the warehouse.

    Parameters
    ----------
    reference: `churn@champion`, `churn/3`, or `churn` for its champion.
    project_dir: folder of the dbt project with the registry and the artifacts; default: the nearest
        above the working folder.
    strict: as in `score()`, the checks that reject a row even if the pipeline would accept it.
    decision: as in `score()`, the policy that decides from a score; without `top_n`, which needs a table.
    steps: functions that are applied to the finished Arrow table, one after the other.
    backend: as in `score()`, the backend that scores. With `auto`, a proven program if there is one: no
        estimator is opened, and its library is not needed.

    Digests, load policy and, for an estimator, library versions are checked as in a scoring run. Raises a
    ScorehouseError that says what to do. Threads can share the returned model, an estimator as far as its
    library allows.
    """
    call = f"load({reference!r})"
    name, alias, version_number = parse_reference(reference, call)
    for argument, given, allowed in (("strict", strict, STRICT_CHOICES), ("backend", [backend], BACKENDS)):
        if unknown := sorted(set(given) - set(allowed)):
            raise ConfigurationError(
                call,
                f"{argument} has {', '.join(map(repr, unknown))}",
                expected=f"{argument} among {listed(allowed)}",
                action="correct the call",
            )
    project = find_project(project_dir)
    versions = ModelSeeds(project, name).registered(call)
    version = resolve(versions, alias=alias, version=version_number, call=call)
    files = ProgramFiles(project, load_policy(project))
    notes: list[str] = []
    chosen = online_backend(kernel_of(version, files, frozenset(strict), call, notes.append), backend, files)
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    scores = [name for name in chosen.kernel.schema.names if name != REJECT_REASON]
    decide = () if decision is None else (decider(decision, scores, call),)
    return OnlineModel(chosen, (*decide, *steps), files)


class OnlineModel:
    """A loaded version. `predict` returns for each row, in the same order, what a prediction table has:
    the columns of the task, `row_status`, `reject_reason`, and the version that scored the row.

    A ranking returns its `score`; only a table has the `rank`, which needs whole groups. `backend` has the
    name of what scores, and the reason.
    """

    def __init__(self, backend: Backend, steps: tuple[Step, ...], files: ProgramFiles) -> None:
        self.backend = backend
        self.files = files
        self.kernel = backend.kernel
        self.steps = steps
        self.version = backend.kernel.version
        self.signature = backend.kernel.signature

    def __repr__(self) -> str:
        features = len(self.signature.features)
        return f"<OnlineModel {self.version.label}, {features} features, scored by {self.backend.name}>"

    def predict(self, rows: Any) -> Any:
        """Score rows and return the same kind of object.

        `rows`: a dict, a list of dicts, a pandas frame (its index is kept), a pyarrow Table or
        RecordBatch; for any other object with an Arrow stream, such as a polars frame, a pyarrow
        Table is returned. Columns other than the features are ignored. Raises SignatureError if
        features are missing or have a type that does not fit.
        """
        return self._like(rows, self.kernel, f"predict() of {self.version.label}")

    def explain(self, rows: Any, top: int = 3, output: str | Sequence[str] | None = None) -> Any:
        """Like `predict`, with the `top` features that moved each score most.

        The columns are those that `reasons` adds to a prediction table: `reason_1`, `reason_1_contribution`,
        `reason_1_value` and so on, `reason_rest`, `reason_base`, `reason_total` and `reason_unit`. Of several
        outputs, `output` names the one to explain, or a list of them; by default each has such columns, whose
        names end in `__<output>`. Raises ConfigurationError for a version that has no reasons.
        """
        call = f"explain() of {self.version.label}"
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise ConfigurationError(
                call, f"top is {top!r}", expected="a number of reasons from 1", action="correct the call"
            )
        from scorehouse.program.reasons.kernel import Asked, ReasonedKernel, asked_outputs

        asked = Asked(top, outputs=asked_outputs(self.version, output, call))
        return self._like(rows, ReasonedKernel(self.kernel, self._reasons, asked), call)

    @cached_property
    def _reasons(self) -> StoredReasons:
        from scorehouse.program.reasons.kernel import read_reasons

        return read_reasons(self.kernel, self.files)[0]

    def _like(self, rows: Any, kernel: Kernel, call: str) -> Any:
        """The rows scored by a kernel, as the same kind of object."""
        if isinstance(rows, Mapping):
            return self._score(_from_dicts([rows], self.signature, call), kernel, call).to_pylist()[0]
        if _is_pandas(rows):
            scored = self._score(_from_pandas(rows, self.signature, call), kernel, call)
            return scored.to_pandas().set_axis(rows.index, axis=0)
        if isinstance(rows, pa.RecordBatch):
            scored = self._score(pa.Table.from_batches([rows]), kernel, call)
            columns = [column.combine_chunks() for column in scored.columns]
            return pa.RecordBatch.from_arrays(columns, schema=scored.schema)
        if isinstance(rows, pa.Table) or hasattr(rows, "__arrow_c_stream__"):
            return self._score(rows if isinstance(rows, pa.Table) else pa.table(rows), kernel, call)
        if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
            if not rows:
                return []
            return self._score(_from_dicts(rows, self.signature, call), kernel, call).to_pylist()
        raise SignatureError(
            call,
            f"rows is a {type(rows).__name__}",
            expected="a dict, a list of dicts, a pandas or polars frame, or an Arrow table",
            action="convert the rows to one of these",
        )

    def _score(self, table: pa.Table, kernel: Kernel, call: str) -> pa.Table:
        features = _features(table, self.signature, call).combine_chunks()
        batches = [kernel(batch) for batch in features.to_batches(max_chunksize=BATCH_ROWS)]
        scored = self._finished(pa.Table.from_batches(batches, schema=kernel.schema))
        for step in self.steps:
            scored = step(scored)
        return scored

    def _finished(self, scored: pa.Table) -> pa.Table:
        """Each row with its status and origin, with the names of the prediction table's columns."""
        reason = scored.column(REJECT_REASON)
        columns: dict[str, Any] = {
            **{name: scored.column(name) for name in scored.column_names if name != REJECT_REASON},
            "row_status": pc.if_else(pc.is_null(reason), arrays.scalar("scored"), arrays.scalar("rejected")),
            REJECT_REASON: reason,
            "model_name": arrays.repeat(self.version.name, len(scored)),
            "model_version": arrays.repeat(self.version.version, len(scored), pa.int32()),
            "model_digest": arrays.repeat(self.version.sha256, len(scored)),
        }
        return pa.table(columns)


def _is_pandas(rows: Any) -> bool:
    """Whether these are a pandas frame; a service that has none need not have pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(rows, pandas.DataFrame)


def _features(table: pa.Table, signature: Signature, call: str) -> pa.Table:
    """The features under their own names, checked as those of a feature table are."""
    found = match_columns(signature, table.column_names, call)
    chosen = table.select(list(found.values())).rename_columns(list(found))
    for position, feature in enumerate(signature.features):
        if pa.types.is_null(chosen.schema.field(feature.name).type):
            nulls = arrays.nulls(len(chosen), NULL_TYPES[feature.type])
            chosen = chosen.set_column(position, feature.name, nulls)
    check_types(signature, chosen.schema, call)
    return chosen


def _from_dicts(rows: Sequence[Mapping[str, Any]], signature: Signature, call: str) -> pa.Table:
    found = match_columns(signature, list(rows[0]), call)
    for number, row in enumerate(rows):
        missing = [column for column in found.values() if column not in row]
        if missing:
            raise SignatureError(
                call,
                f"row {number} lacks the features {listed(missing)}, which the first row has",
                expected="every feature in each row; None stands for a missing value",
                action="add them",
            )
    columns = {name: _array(name, [row[column] for row in rows], call) for name, column in found.items()}
    return pa.table(columns)


def _from_pandas(frame: pd.DataFrame, signature: Signature, call: str) -> pa.Table:
    """NaN counts as missing, as it does when DuckDB reads a pandas frame."""
    found = match_columns(signature, [str(name) for name in frame.columns], call)
    columns = {name: _array(name, frame[column], call, from_pandas=True) for name, column in found.items()}
    return pa.table(columns)


def _array(name: str, values: Any, call: str, *, from_pandas: bool = False) -> pa.Array:
    try:
        return pa.array(values, from_pandas=True) if from_pandas else arrays.array(values)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise SignatureError(
            call,
            f"the values of {name!r} are mixed or of an unknown kind ({error})",
            expected="numbers, booleans, strings or timestamps, one kind per feature",
            action="convert the values before the call",
        ) from error
