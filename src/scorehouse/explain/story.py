"""The story of one prediction: what the table says, and what the version says of the row as it is now.

What a single feature would have to become for the decision to be another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.engines.run import kernel_of
from scorehouse.explain.row import LoggedRow
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.online.online_backend import decider, online_backend
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.reasons.kernel import Asked, ReasonedKernel, asked_outputs, read_reasons, why_none
from scorehouse.program.reasons.stored_reasons import background_facts
from scorehouse.registry.signature import Feature, match_columns
from scorehouse.registry.version import MULTILABEL, Version
from scorehouse.replay.logged_run import logged_options, logged_policy, logged_version
from scorehouse.scoring.options import ScoreOptions

STEPS = 128  # values of a number that are tried, over the range of training
ROUNDS = 50  # of halving
MOST_CATEGORIES = 100
Decide = Callable[[pa.RecordBatch], list[Any]]


@dataclass(frozen=True)
class Flip:
    """With `feature` at `becomes`, and all else as it is, the decision would be `decision`."""

    feature: str
    value: Any
    becomes: Any
    decision: Any


def flips_of(
    kernel: Kernel, row: pa.RecordBatch, policy: Mapping[str, Any] | None, call: str
) -> tuple[Any, tuple[Flip, ...] | None]:
    """The decision, and for each feature the nearest value at which it changes, within training's range.

    The decision is that of `policy`, else the predicted class; both are None for a number that nothing
    decides from. Every value is scored by the kernel, so this holds for every ML model.
    """
    decide = _decide(kernel, policy, call)
    if decide is None:
        return None, None
    now = decide(row)[0]
    found = (_flip(feature, row, decide, now) for feature in kernel.signature.features)
    return now, tuple(flip for flip in found if flip is not None)


def _decide(kernel: Kernel, policy: Mapping[str, Any] | None, call: str) -> Decide | None:
    """The decision of each row of a batch; None for a rejected one."""
    if policy is not None:
        added = decider(policy, kernel.schema.names, call)
        what = "decision" if {"threshold", "abstain"} & set(policy) else "band"
        return lambda batch: added(pa.Table.from_batches([kernel(batch)])).column(what).to_pylist()
    task, labels = kernel.version.task, kernel.version.outputs
    has_class = task in ("classification", "anomaly") and "prediction" in kernel.schema.names
    if not has_class and task != MULTILABEL:
        return None

    def decision(row: Mapping[str, Any]) -> Any:
        if row[REJECT_REASON] is not None:
            return None
        if has_class:
            return row["prediction"]
        return ", ".join(label for column, label in labels.items() if row[column]) or "no label"

    return lambda batch: list(map(decision, kernel(batch).to_pylist()))


def _flip(feature: Feature, row: pa.RecordBatch, decide: Decide, now: Any) -> Flip | None:
    own = row.column(feature.name)[0].as_py()
    tried = [value for value in _values(feature) if value != own]
    if not tried:
        return None
    decided = decide(_with(row, feature.name, tried))
    others = [place for place, made in enumerate(decided) if made is not None and made != now]
    if not others:
        return None
    is_number = isinstance(own, int | float) and not isinstance(own, bool)
    if not is_number or feature.type not in ("double", "integer"):
        place = others[0]
        return Flip(feature.name, own, tried[place], decided[place])
    place = min(others, key=lambda each: abs(tried[each] - own))
    becomes = _halved(feature, row, decide, own, tried[place], decided[place])
    return Flip(feature.name, own, becomes, decided[place])


def _values(feature: Feature) -> list[Any]:
    if feature.type == "boolean":
        return [True, False]
    if feature.type == "string":
        return list(feature.categories or ())[:MOST_CATEGORIES]
    if feature.minimum is None or feature.maximum is None:
        return []
    grid = np.linspace(feature.minimum, feature.maximum, STEPS)
    values = grid if feature.type == "double" else np.unique(np.round(grid)).astype(np.int64)
    return [value.item() for value in values]


def _halved(feature: Feature, row: pa.RecordBatch, decide: Decide, own: Any, far: Any, made: Any) -> Any:
    """The value next to which the decision changes, between the own one and `far`."""
    near = own
    for _ in range(ROUNDS):
        middle = (near + far) / 2 if feature.type == "double" else (near + far) // 2
        if middle in (near, far):
            break
        if decide(_with(row, feature.name, [middle]))[0] == made:
            far = middle
        else:
            near = middle
        if feature.type == "double" and abs(far - near) <= 1e-9 * max(1.0, abs(far)):
            break
    return far


def _with(row: pa.RecordBatch, name: str, values: list[Any]) -> pa.RecordBatch:
    """The row once for each value of a feature."""
    many = row.take(arrays.of_numpy(np.zeros(len(values), dtype=np.int64)))
    place = row.schema.get_field_index(name)
    kind = row.schema.field(place).type
    has_parts = not all(map(float.is_integer, map(float, values))) if pa.types.is_integer(kind) else False
    if has_parts or pa.types.is_decimal(kind):
        kind = pa.float64()
    return many.set_column(place, pa.field(name, kind), pa.array(values, kind))


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
    now. If these differ, the features have changed since. `decided` is the decision of now, and
    `flips` what would change it; both are None where nothing is decided.
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
    """Explain a row with the version that scored it.

    Of several outputs, `output` is explained, or the first. A version without reasons still has a story: run,
    features, and what would change the decision. Raises ConfigurationError if stored reasons cannot be used
    here, and for an output that the version does not have.
    """
    run = row.run
    version = logged_version(run, versions, call)
    files = replace(files, policy=logged_policy(run, versions, files.root, files.policy, call))
    options = logged_options(run, call)
    plain = kernel_of(version, files, options.strict, call)
    backend = online_backend(plain, "auto", files)
    chosen = asked_outputs(version, output or next(iter(version.outputs), None), call)
    kernel, unit = backend.kernel, ""
    if version.program.get("reasons"):
        reasons, _ = read_reasons(plain, files)
        kernel, unit = ReasonedKernel(backend.kernel, reasons, Asked(top=1, outputs=chosen)), reasons.unit
    names = match_columns(kernel.signature, row.features.schema.names, call)
    batch = row.features.select(list(names.values())).rename_columns(list(names))
    scored = kernel(batch)
    policy = row_policy(options)
    decided = pa.Table.from_batches([scored])
    if policy is not None:
        decided = decider(policy, scored.schema.names, call)(decided)
    now = {name: value for name, value in decided.to_pylist()[0].items() if not name.startswith("reason_")}
    parts, base, total = _parts(kernel, batch, scored)
    rejected = now[REJECT_REASON] is not None
    outputs = [field.name for field in kernel.outputs.fields]
    choice, flips = (None, None) if rejected else flips_of(kernel.alone, batch, policy, call)
    return Story(
        name=version.name,
        version=version.version,
        digest=version.sha256,
        run_id=str(run["run_id"]),
        node=str(run["node"]).rpartition(".")[2],
        scored_at=str(run["started_at"]),
        backend=backend.name,
        key={name: row.prediction.get(name) for name in options.row_key},
        table={name: row.prediction.get(name) for name in (*outputs, "decision", "band", *AUDIT)},
        now=now,
        has_changed=any(_differs(row.prediction.get(name), now.get(name)) for name in outputs),
        unit=unit,
        base=base,
        total=total,
        parts=parts,
        flips=flips,
        decided=choice,
        output=list(version.outputs.values())[chosen[0][0]] if chosen else "",
        compared=int(background_facts(version).get("rows", 0)),
        no_reasons=None if rejected or isinstance(kernel, ReasonedKernel) else why_none(version),
    )


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
        trained = f"{feature.minimum:.6g} to {feature.maximum:.6g}"
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
