"""Replay: a logged run is scored again, and its rows are compared with the prediction table.

Rows whose features have changed since, or no longer exist, cannot be replayed; the row hashes show which.
All others must be equal bit for bit with the same library versions. A feature table in a DuckLake or in
Iceberg is read as of the snapshot that the run read, so that every row can be replayed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.engines.run import kernel_of
from scorehouse.engines.statistics import Fingerprint
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.registry import artifact
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version
from scorehouse.replay.logged_run import (
    logged_features,
    logged_options,
    logged_policy,
    logged_version,
    same_libraries,
)
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part
from scorehouse.scoring.request import Request

AGAIN = "scorehouse_replay"


@dataclass(frozen=True)
class Replayed:
    """What a replay found.

    The run scored `rows_scored` rows; `rows_in_table` rows of it are in the prediction table.
    `rows_compared` of them still have the same features, and `rows_different` of these differ in an output or
    reason. `same_input` says whether the whole input still has the fingerprint of the run. `rows_forgotten`
    rows were forgotten since; they are neither in the table nor in the fingerprint any more.
    """

    run_id: str
    rows_in_table: int
    rows_compared: int
    rows_different: int
    same_input: bool
    same_libraries: bool
    rows_scored: int = 0
    is_sample: bool = False
    examples: tuple[str, ...] = ()
    rows_forgotten: int = 0

    @property
    def shows_nothing(self) -> bool:
        """Whether there were rows to compare, of the run or at least in the sample, and none could be."""
        rows = self.rows_in_table if self.is_sample else self.rows_scored - self.rows_forgotten
        return rows > 0 and not self.rows_compared

    @property
    def rows_gone(self) -> int:
        """The number of rows whose features have changed or no longer exist."""
        return self.rows_in_table - self.rows_compared

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rows_gone": self.rows_gone, "shows_nothing": self.shows_nothing}


def replay(
    connection: duckdb.DuckDBPyConnection,
    run: Mapping[str, Any],
    versions: list[Version],
    request: Request,
    *,
    sample: int | None = None,
) -> Replayed:
    """Score the input of `run` again with the version that it logged, and compare.

    `run` is a row of the run log, `versions` are those of its ML model, `request` gives the
    project's folder and load policy. `sample` scores that many rows, by the hash of their keys, instead of
    all. Writes only a temporary table. Raises RegistryError if the logged digest is not registered.
    """
    call = f"replay({str(run['run_id'])!r})"
    options = logged_options(run, call)
    version = logged_version(run, versions, call)
    policy = logged_policy(run, versions, request.project_root, request.load_policy, call)
    files = ProgramFiles(request.project_root, policy)
    kernel = kernel_of(version, files, options.strict, call)
    signatures = [kernel.signature]
    if options.is_wide:  # the hash of a row that versions share is that of the features of all
        signatures = _signatures_of_all(connection, run, versions, request, call)
    source = logged_features(connection, run, options, request, call, sample=sample, as_of_run=True)
    source.check(signatures, kernel.schema.names)
    source.check_keys()
    # by the backend that scored, since another may round the last digits differently
    backend = choose_backend(kernel, run.get("backend") or "estimator", run["rows_in"], files)
    fingerprint = Fingerprint(source.input_types(0))
    schema = output_schema(source, kernel.schema)

    def again() -> Iterator[pa.RecordBatch]:
        for scored in scored_batches(source, [backend], schema):
            for _, _, row_hashes in scored.counted:
                fingerprint.add(row_hashes)
            yield scored.written

    connection.register("scorehouse_replay_batches", pa.RecordBatchReader.from_batches(schema, again()))
    connection.execute(
        f"create or replace temp table {AGAIN} as select * from scorehouse_replay_batches"
    ).fetchall()
    connection.unregister("scorehouse_replay_batches")
    same_hash = source.hash_kind(0) == run["feature_hash_kind"]
    source.close()
    suffix = Part(version, run["alias_asked"], bool(run["is_live"])).suffix if options.is_wide else ""
    counts, examples = _compared(
        connection, run, options, kernel.schema.names, suffix, same_hash=same_hash, sampled=sample is not None
    )
    return Replayed(
        str(run["run_id"]),
        *counts,
        same_input=sample is None and fingerprint.text() == run["input_fingerprint"],
        same_libraries=same_libraries(run),
        rows_scored=run["rows_scored"] or 0,
        is_sample=sample is not None,
        examples=examples,
        rows_forgotten=run.get("rows_forgotten") or 0,
    )


def _signatures_of_all(
    connection: duckdb.DuckDBPyConnection,
    run: Mapping[str, Any],
    versions: list[Version],
    request: Request,
    call: str,
) -> list[Signature]:
    """The signatures of the versions that scored in one scan, in order."""
    parent = literal(str(run["parent_run_id"]))
    rows = connection.sql(
        "select model_name, model_version, model_digest, configuration, alias_asked "
        f"from {request.run_log} where parent_run_id = {parent} and status = 'success'"
    )
    asked = json.loads(run["configuration"])

    def place(row: Mapping[str, Any]) -> int:
        if asked["alias"]:
            return int(asked["alias"].index(row["alias_asked"]))
        return int(asked["version"].index(row["model_version"]))

    return [
        artifact.read_signature(
            request.project_root,
            logged_version(row, versions, call),
            logged_policy(row, versions, request.project_root, request.load_policy, call),
            call,
        )
        for row in sorted(rows.to_arrow_table().to_pylist(), key=place)
    ]


def _compared(
    connection: duckdb.DuckDBPyConnection,
    run: Mapping[str, Any],
    options: ScoreOptions,
    outputs: list[str],
    suffix: str,
    *,
    same_hash: bool,
    sampled: bool,
) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """The numbers of rows in the table, compared and different; and the keys of a few that differ.

    Without `same_hash`, hashes of the run are of another function or of other types, and show nothing.
    """
    keys = [quote(name) for name in options.row_key]
    same_row = " and ".join(f"was.{key} = now.{key}" for key in keys)
    # a row that versions share refers to the run of the live version
    row_run_id = run["parent_run_id" if options.is_wide else "run_id"]
    differs = " or ".join(f"was.{quote(n + suffix)} is distinct from now.{quote(n)}" for n in outputs)
    was = f"(select * from {run['prediction_table']} where scoring_run_id = {literal(str(row_run_id))})"
    same_features = "was.feature_hash = now.feature_hash" if same_hash else "false"
    joined = f"from {was} as was join {AGAIN} as now on {same_row} and {same_features}"
    in_table = connection.execute(
        f"select count(*) from {was} as was" + (f" semi join {AGAIN} as now on {same_row}" if sampled else "")
    ).fetchall()[0][0]
    compared, different = connection.execute(
        f"select count(*), count(*) filter ({differs}) {joined}"
    ).fetchall()[0]
    examples = connection.execute(
        f"select {', '.join(f'was.{key}' for key in keys)} {joined} and ({differs}) order by all limit 3"
    ).fetchall()
    return (in_table, compared, different), tuple(str(row) for row in examples)
