"""The features as they are now, scored by both versions in one scan, with what each would decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from scorehouse.engines.columns import FEATURE_HASH, find_columns
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.engines.output import BATCHES
from scorehouse.engines.run import kernel_of, output_names, with_reasons
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.impact.move import Move, live_rows
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.program.choose import ProgramFiles, choose_backend, in_batches
from scorehouse.scoring.decision import DecisionPolicy
from scorehouse.scoring.request import Request

SIDES = BEFORE, AFTER = "__before", "__after"
TABLE = "temp.main.scorehouse_impact"
NEAR = "1e-9"  # as a share: a database that scores by SQL rounds otherwise than what predicts it
REJECTED = "(rejected)"  # no class or decision has this name


@dataclass(frozen=True)
class Outcome:
    """What a version says of a row: a label, band or decision; or a number, of which the direction counts."""

    name: str
    is_number: bool = False

    def text(self, side: str) -> str:
        """SQL of the outcome of one side, from its column or from `columns`."""
        return f"coalesce(cast({quote(self.name + side)} as varchar), '{REJECTED}')"

    def differs(self, side: str, other: str) -> str:
        """SQL that is true where two sides are not the same; numbers are if they are near."""
        one, two = quote(self.name + side), quote(self.name + other)
        differs = f"{one} is distinct from {two}"
        if not self.is_number:
            return differs
        near = f"abs({one} - {two}) < {NEAR} * greatest(abs({one}), abs({two}))"
        return f"({differs} and not coalesce({near}, false))"

    @property
    def columns(self) -> tuple[str, str]:
        """SQL of what a row had and gets; of a number, whether it was there, and which way it goes."""
        was, now = (quote(self.name + side) for side in SIDES)
        if not self.is_number:
            return was, now
        apart = self.differs(BEFORE, AFTER)
        way = (
            f"case when {now} > {was} and {apart} then 'higher' "
            f"when {now} < {was} and {apart} then 'lower' else 'scored' end"
        )
        return (
            f"case when {was} is not null then 'scored' end as {was}",
            f"case when {now} is not null then {way} end as {now}",
        )


@dataclass(frozen=True)
class Scan:
    """What was scored into `TABLE`, one row per key: `outcomes`, the last of which decides.

    `fingerprint` is that of a run of the new version over the same rows, `score` the column of its score.
    The next run scores `to_score` keys. `is_what_if`: others were scored here, too, which it leaves alone.
    """

    rows: int
    key: tuple[str, ...]
    segments: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    score: str | None
    outputs: tuple[str, ...]
    fingerprint: str
    hash_kind: str
    to_score: int
    is_what_if: bool


def of_side(policy: DecisionPolicy, outputs: Sequence[str], side: str) -> DecisionPolicy:
    """The policy over the columns of one side."""

    def named(name: str) -> str:
        return name + side if name in outputs else name

    return policy.model_copy(
        update={"score": named(policy.score), "per": tuple(named(name) for name in policy.per)}
    )


def outcomes_of(schema: pa.Schema, policy: DecisionPolicy | None) -> tuple[Outcome, ...]:
    """Labels, or the numbers that stand for them; then bands and the decision."""
    names = [name for name in schema.names if name.split("_")[0] == "prediction"] or schema.names[:1]
    found = [Outcome(name, pa.types.is_floating(schema.field(name).type)) for name in names]
    if policy and policy.bands:
        found.append(Outcome("band"))
    if policy and (policy.threshold is not None or policy.top_n is not None):
        found.append(Outcome("decision"))
    return tuple(found)


def scan(
    connection: duckdb.DuckDBPyConnection, move: Move, segments: Sequence[str], request: Request, call: str
) -> Scan:
    """Score every row of the newest snapshot with both versions.

    Under the rule `new`, and so in a history, that is the keys that are not in the table yet; where there are
    none, or rows are compared with those there, all, of a history of its newest as-of date. `segments` are
    columns of the prediction table or of the features. Raises SignatureError if the features do not fit a
    version, RowKeyError for a key that is there twice.
    """
    options = move.options.model_copy(update={"layout": "long"})  # a hash of a version's own features
    of_project = ProgramFiles(request.project_root, request.load_policy)
    files = (of_project, ProgramFiles(request.project_root, move.policy))
    versions = (move.after, move.before)  # the hashes of a scan are those of the first
    kernels = [kernel_of(one, own, options.strict, call) for one, own in zip(versions, files, strict=True)]
    with_reasons(kernels[:1], of_project, options)  # which the next run would refuse to do without
    names = output_names(kernels, options, call)
    schema, policy = kernels[0].schema, options.decision
    source = DuckDBSource(connection, move.run["feature_query"], options, request, call)
    try:
        source.check([kernel.signature for kernel in kernels], names)
        left, is_what_if = None, False
        if move.rescore.rule == "new":
            left, is_what_if = _leave_out_scored(connection, source, move)
        if (dated := options.as_of_column) and is_what_if:
            day = quote(source.columns.key[dated])
            source.table = (
                f"(select * from {source.table} where {day} = (select max({day}) from {source.table}))"
            )
        rows = source.check_keys()
        served = ("native", "matrix") if options.reasons else ("sql", "native", "matrix")  # as a run does
        backends = [
            choose_backend(kernel, options.backend, rows, own, served)
            for kernel, own in zip(kernels, files, strict=True)
        ]
        if not all(backend.compiled for backend in backends):
            backends = [in_batches(backend) for backend in backends]
        fingerprint = Fingerprint(source.input_types(0))
        stream = output_schema(source, schema, (AFTER, BEFORE))

        def batches() -> Iterator[pa.RecordBatch]:
            for scored in scored_batches(source, backends, stream, (AFTER, BEFORE)):
                fingerprint.add(scored.counted[0][2])
                yield scored.written

        kept = {name: _typed(name, source) for name in source.columns.kept}
        found = find_columns(
            "--segment", segments, list(dict.fromkeys([*kept, *source.table_schema.names])), call
        )
        others = {name: column for name, column in found.items() if name not in kept}
        columns = [f"{sql} as {quote(name)}" for name, sql in kept.items()]
        columns += [f"batches.{quote(name + side)}" for name in names for side in SIDES]
        columns += [f"features.{quote(name)}" for name in others]
        columns.append(f"{'null' if move.options.is_wide else FEATURE_HASH} as {FEATURE_HASH}")
        if policy:
            columns += list(_decided(policy, names, source))
        connection.register(BATCHES, pa.RecordBatchReader.from_batches(stream, batches()))
        name = bare(TABLE)
        connection.execute(
            f"create or replace temp table {name} as select {', '.join(columns)} "
            f"from {BATCHES} as batches {_features(source, others) if others else ''}"
        ).fetchall()
        connection.unregister(BATCHES)
        hash_kind = source.hash_kind(0)
    finally:
        source.close()
    floating = [field.name for field in schema if pa.types.is_floating(field.type)]
    return Scan(
        rows,
        tuple(source.columns.key),
        tuple(segments),
        outcomes_of(schema, policy),
        score_column(floating),
        tuple(names),
        fingerprint.text(),
        hash_kind,
        rows if left is None else left,
        is_what_if,
    )


def _leave_out_scored(
    connection: duckdb.DuckDBPyConnection, source: DuckDBSource, move: Move
) -> tuple[int, bool]:
    """Leave out keys of the prediction table, if others are left that are scored by themselves; how many."""
    options, key = move.options, source.columns.key
    same = " and ".join(f"there.{quote(name)} = features.{quote(column)}" for name, column in key.items())
    table = (
        f"(select * from {source.table} as features where not exists "
        f"(select 1 from {live_rows(connection, move.run, options)} as there where {same}))"
    )
    left = int(source.row(f"select count(*) from {table}")[0])
    needs_others = options.group is not None or options.ranks_by_score
    if not left or needs_others:
        return left, True
    source.table = table
    return left, False


def _typed(name: str, source: DuckDBSource) -> str:
    """A kept column in the type of the prediction table: Arrow has no HUGEINT, UUID or ENUM of its own."""
    column = f"batches.{quote(name)}"
    return f"cast({column} as {source.types[name]})" if name in source.types else column


def _decided(policy: DecisionPolicy, names: Sequence[str], source: DuckDBSource) -> Iterator[str]:
    """Decisions and bands of both sides, as ENUM: strings take several times as long to count and to keep."""
    keys = [_typed(name, source) for name in source.columns.key]
    words = {"decision": policy.labels, "band": policy.bands}
    for side in SIDES:
        found = of_side(policy, names, side).expressions(f"{quote(REJECT_REASON + side)} is null", keys)
        for name, known in words.items():
            kind = f"enum({', '.join(map(literal, dict.fromkeys(known)))})" if known else "varchar"
            yield f"cast({found[name]} as {kind}) as {quote(name + side)}"


def _features(source: DuckDBSource, columns: dict[str, str]) -> str:
    """A join with columns of the features that the prediction table does not have.

    Other connections do not see which keys were forgotten, and none of them is among the batches.
    """
    key = source.columns.key
    read = [f"{quote(column)} as {quote(name)}" for name, column in columns.items()]
    read += [f"{quote(column)} as {quote('key:' + name)}" for name, column in key.items()]
    on = " and ".join(f"features.{quote('key:' + name)} = {_typed(name, source)}" for name in key)
    return f"left join (select {', '.join(read)} from {source.shared_table}) as features on {on}"


def bare(name: str) -> str:
    """The last part of a table's name."""
    return name.rpartition(".")[2]
