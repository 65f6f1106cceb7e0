"""The story of one prediction: what the table says, and what the version says of the row as it is now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.engines.run import kernel_of
from scorehouse.explain.flips import Flip, choice_of, flips_of, labels_of
from scorehouse.explain.row import LoggedRow
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.online.online_backend import decider, online_backend
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.reasons.kernel import Asked, ReasonedKernel, asked_outputs, read_reasons, why_none
from scorehouse.program.reasons.stored_reasons import background_facts
from scorehouse.registry.signature import Feature, match_columns, spelled
from scorehouse.registry.version import MULTILABEL, Version
from scorehouse.replay.logged_run import logged_options, logged_policy, logged_version
from scorehouse.scoring.options import ScoreOptions

SAME = 1e-9
AUDIT = ("row_status", REJECT_REASON, "scored_at", "scoring_run_id", "model_version", "model_digest")


@dataclass(frozen=True)
class Part:
    """A feature: its value, the range of training, and what it contributed.

    `contribution` is None in a rejected row, and where the version has no reasons.
    """

    feature: str
    value: Any
    trained: str
    is_outside: bool
    contribution: float | None


@dataclass(frozen=True)
class Story:
    """Everything about one prediction. Contributions are in `unit`; `total` is base plus contributions.

    `table` has the prediction table's own columns, `now` what the version says of the features as they are
    now. If these, or the hashes of the row, differ, its data have changed since. `decided` is the decision of
    now, and `flips` what would change it; both are None where nothing is decided. `decided_then` is the
    decision of the table, and `outputs` has the names of several outputs by column.
    `compared` is the number of background rows that `base` is the mean of; 0 for the training rows.
    `no_reasons` says why a version has no contributions; None for one that has them. `output` is the one of
    several outputs that is explained.
    """

    name: str
    version: int
    digest: str
    run_id: str
    node: str
    scored_at: str
    backend: str
    key: Mapping[str, Any]
    table: Mapping[str, Any]
    now: Mapping[str, Any]
    has_changed: bool
    unit: str
    base: float | None
    total: float | None
    parts: tuple[Part, ...]
    flips: tuple[Flip, ...] | None
    decided: Any = None
    no_reasons: str | None = None
    output: str = ""
    compared: int = 0
    decided_then: Any = None
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """The prediction table, and the key of the row."""
        return f"{self.node}: {', '.join(f'{name} {value}' for name, value in self.key.items())}"

    @property
    def base_label(self) -> str:
        """What the base is, in words."""
        rows = f"{self.compared:,} background row{'s' if self.compared > 1 else ''}"
        return f"base: the mean of {rows}" if self.compared else "base: an average training row"

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, the largest contribution first."""
        return asdict(self)


def story_of(
    row: LoggedRow, versions: list[Version], files: ProgramFiles, call: str, output: str | None = None
) -> Story:
    """Explain a row with the version that scored it; raises what `Explainer` raises."""
    return Explainer(row.run, versions, files, call, output).story(row)


class Explainer:
    """What explains the rows of one run, with the version that scored it.

    Of several outputs, `output` is explained, or the first. A version without reasons still has stories: run,
    features, and what would change the decision. Raises ConfigurationError if stored reasons cannot be used
    here, and for an output that the version does not have.
    """

    def __init__(
        self,
        run: Mapping[str, Any],
        versions: list[Version],
        files: ProgramFiles,
        call: str,
        output: str | None = None,
    ) -> None:
        self.run, self.call = run, call
        self.version = version = logged_version(run, versions, call)
        self.files = replace(files, policy=logged_policy(run, versions, files.root, files.policy, call))
        self.options = logged_options(run, call)
        plain = kernel_of(version, self.files, self.options.strict, call)
        self.backend = online_backend(plain, "auto", self.files)
        self.chosen = asked_outputs(version, output or next(iter(version.outputs), None), call)
        self.kernel, self.unit = self.backend.kernel, ""
        if version.program.get("reasons"):
            reasons, _ = read_reasons(plain, self.files)
            asked = Asked(top=1, outputs=self.chosen)
            self.kernel, self.unit = ReasonedKernel(self.backend.kernel, reasons, asked), reasons.unit
        self.policy = row_policy(self.options)
        self._added = decider(self.policy, self.kernel.schema.names, call) if self.policy else None
        self._choice = choice_of(self.kernel.alone, self.policy)

    def features(self, row: LoggedRow) -> pa.RecordBatch:
        """The features of the row, by the names of the signature."""
        names = match_columns(self.kernel.signature, row.features.schema.names, self.call)
        return row.features.select(list(names.values())).rename_columns(list(names))

    def decided(self, batch: pa.RecordBatch) -> tuple[pa.Table, list[Any]]:
        """The rows with scores and what the policy adds, and the decision of each, as `choice_of` says."""
        return self._decided(self.kernel.alone(batch))

    def _decided(self, scored: pa.RecordBatch) -> tuple[pa.Table, list[Any]]:
        table = pa.Table.from_batches([scored])
        table = table if self._added is None else self._added(table)
        return table, [None] * len(table) if self._choice is None else self._choice(table)

    def story(self, row: LoggedRow, *, flips: bool = True) -> Story:
        """The story of a row of the run; without `flips`, it does not say what would change the decision."""
        version, run, kernel = self.version, row.run, self.kernel
        batch = self.features(row)
        scored = kernel.alone(batch)
        decided, (choice,) = self._decided(scored)
        (now,) = decided.to_pylist()
        parts, base, total = _parts(kernel, batch, scored)
        rejected = now[REJECT_REASON] is not None
        outputs = [each.name for each in kernel.outputs.fields]
        table = {name: row.prediction.get(name) for name in (*outputs, "decision", "band", *AUDIT)}
        return Story(
            name=version.name,
            version=version.version,
            digest=version.sha256,
            run_id=str(run["run_id"]),
            node=str(run["node"]).rpartition(".")[2],
            scored_at=str(run["started_at"]),
            backend=self.backend.name,
            key={name: row.prediction.get(name) for name in self.options.row_key},
            table=table,
            now=now,
            has_changed=any(_differs(row.prediction.get(name), now.get(name)) for name in outputs)
            or self._has_moved(row),
            unit=self.unit,
            base=base,
            total=total,
            parts=parts,
            flips=flips_of(kernel.signature, batch, lambda rows: self.decided(rows)[1])
            if flips and choice is not None
            else None,
            decided=choice,
            output=list(version.outputs.values())[self.chosen[0][0]] if self.chosen else "",
            compared=int(background_facts(version).get("rows", 0)),
            decided_then=self._decided_then(table),
            outputs=version.outputs,
            no_reasons=None if rejected or isinstance(kernel, ReasonedKernel) else why_none(version),
        )

    @cached_property
    def _memory(self) -> duckdb.DuckDBPyConnection:
        """Opened once, which takes longer than the story of a row."""
        return duckdb.connect(config={"threads": 1})

    def _has_moved(self, row: LoggedRow) -> bool:
        options, names = self.options, row.features.schema.names
        kept = [name for name in options.passthrough if name not in options.row_key]
        kept += [options.group] if options.group else []
        found, gone = spelled(kept, names)
        if gone or options.is_wide:  # whose hash is that of the features of all versions
            return False
        read = match_columns(self.kernel.signature, names, self.call).values()
        return row.has_moved([*read, *(found[name] for name in kept)], self._memory)

    def _decided_then(self, table: Mapping[str, Any]) -> Any:
        """The decision in the prediction table; None for a rejected row, and where nothing is decided."""
        decided = table["band"] if table["decision"] is None else table["decision"]
        if decided is not None or self._choice is None:
            return decided
        if self.version.task == MULTILABEL:
            return labels_of(table, self.version.outputs)
        return table.get("prediction")


def row_policy(options: ScoreOptions) -> dict[str, Any] | None:
    """The decision policy of the run, as far as one row decides alone."""
    policy = options.decision
    if policy is None or policy.top_n is not None:
        return None
    return {name: value for name, value in policy.model_dump().items() if value not in (None, (), {})}


def _parts(
    kernel: Kernel, batch: pa.RecordBatch, scored: pa.RecordBatch
) -> tuple[tuple[Part, ...], float | None, float | None]:
    """The features, the largest contribution first; base and total."""
    values = batch.to_pylist()[0]
    features = kernel.signature.features
    if scored.column(REJECT_REASON)[0].is_valid or not isinstance(kernel, ReasonedKernel):
        return tuple(_part(feature, values[feature.name], None) for feature in features), None, None
    explained, base, total = kernel.explained_row(batch, scored)
    parts = [
        _part(feature, values[feature.name], float(contribution))
        for feature, contribution in zip(features, explained, strict=True)
    ]
    return tuple(sorted(parts, key=lambda part: -abs(part.contribution or 0.0))), base, total


def _part(feature: Feature, value: Any, contribution: float | None) -> Part:
    trained, outside = "", False
    if feature.minimum is not None and feature.maximum is not None:
        trained = f"{feature.minimum:,.6g} to {feature.maximum:,.6g}"
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        outside = number is not None and not feature.minimum <= number <= feature.maximum
    elif feature.categories is not None:
        trained = f"{len(feature.categories)} categories"
        outside = value is not None and value not in feature.categories
    return Part(feature.name, value, trained, outside, contribution)


def _differs(was: Any, now: Any) -> bool:
    if isinstance(was, float) and isinstance(now, float):
        return not math.isclose(was, now, rel_tol=SAME, abs_tol=SAME)
    return bool(was != now)
