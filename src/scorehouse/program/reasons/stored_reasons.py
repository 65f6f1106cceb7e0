"""What the stored reasons of trees and of linear models have in common, and their law.

Base and contributions are the total, and the total gives the score.

The background that stored reasons compare rows with: feature rows, in canonical columns.

The unit of contributions, in one explicit dict by the name of the link, and the explained outputs.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel.rows import check_batch
from scorehouse.program.links import Link
from scorehouse.program.stored_backend import StoredBackend, places
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

MOST_ROWS = 1_000
FACT = "background"  # in the registry, among the facts of reasons


@dataclass(frozen=True)
class Background:
    """The rows, in canonical columns; `is_drawn`: registration drew them from the training rows."""

    rows: pa.RecordBatch
    is_drawn: bool

    def facts(self) -> dict[str, Any]:
        """What the registry says about it: the digest covers names, types and values."""
        digest = hashlib.sha256()
        for one, column in zip(self.rows.schema, self.rows.columns, strict=True):
            digest.update(f"{one.name}\n{one.type}\n{column.to_pylist()!r}\n".encode())
        return {"rows": self.rows.num_rows, "drawn": self.is_drawn, "sha256": digest.hexdigest()}


def background_facts(version: Version) -> Mapping[str, Any]:
    """What the registry says about the background of a version's reasons; empty without one."""
    return dict((version.program.get("reasons") or {}).get(FACT) or {})


def canonical_rows(signature: Signature, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The features of rows that the estimator scores, in canonical types; strings without a dictionary."""
    columns = check_batch(signature, batch, frozenset()).columns
    plain = [c.dictionary_decode() if isinstance(c, pa.DictionaryArray) else c for c in columns]
    return pa.RecordBatch.from_arrays(plain, names=signature.names)


def canonical_columns(rows: pa.RecordBatch) -> list[pa.Array]:
    """The columns of `canonical_rows`, as a kernel gives them to a program."""
    return [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in rows.columns]


def to_array(rows: pa.RecordBatch) -> np.ndarray:
    """The rows as bytes: an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return np.frombuffer(memoryview(sink.getvalue()), dtype=np.uint8)


def of_array(array: np.ndarray) -> pa.RecordBatch:
    """The rows that `to_array` wrote.

    Raises ValueError for others than an Arrow stream of 1 to MOST_ROWS rows.
    """
    with pa.ipc.open_stream(pa.py_buffer(array.tobytes())) as reader:
        rows = reader.read_next_batch()
    rows.validate(full=True)  # Arrow itself trusts offsets and indices
    if not 0 < rows.num_rows <= MOST_ROWS:
        raise ValueError(f"its background has {rows.num_rows} rows")
    return rows


MOST_OUTPUTS = 1 << 16


@dataclass(frozen=True)
class Contributions:
    """For each row and explained output: what the features contributed, and the total that they explain.

    `base` has the shape (outputs,), `parts` (rows, outputs, features) and `totals` (rows, outputs). A total
    is computed by itself, not as the sum of its parts.
    """

    base: np.ndarray
    parts: np.ndarray
    totals: np.ndarray

    def of_output(self, place: int | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Parts, of shape (rows, features), base and totals of one output, or of a place for each row."""
        rows = np.arange(len(self.totals))
        if self.totals.shape[1] == 1:  # nothing to choose, and nothing to copy
            return self.parts[:, 0], self.base.repeat(len(rows)), self.totals[:, 0]
        each = np.broadcast_to(place, len(rows))
        return self.parts[rows, each], self.base[each], self.totals[rows, each]

    def distances(self) -> np.ndarray:
        """How far base and parts are from the totals."""
        return np.asarray(np.abs(self.base + self.parts.sum(axis=2) - self.totals))

    def errors(self) -> np.ndarray:
        """The distances, relative to the largest of base, parts and totals if it is above 1."""
        return np.asarray(self.distances() / self.scale())

    def scale(self) -> np.ndarray:
        """The largest magnitude of base, parts and total of each row and output, at least 1."""
        largest = np.maximum(np.abs(self.totals), np.abs(self.parts).max(axis=2, initial=1.0))
        return np.asarray(np.maximum(largest, np.abs(self.base)))


@dataclass(frozen=True)
class StoredReasons(StoredBackend):
    """Explains canonical feature columns without the estimator.

    `owners` has the feature that each column of the program is computed from, `explained` the outputs that
    are explained (the positive class, or every class or output of several), and `unit` what contributions are
    measured in. The methods in `links` compute from totals what the estimator's methods give. `background`
    has the rows that a row is compared with, in canonical columns; None: with the training rows, as far as
    the estimator or registration counted them.
    """

    owners: tuple[int, ...]
    explained: tuple[int, ...]
    features: int
    unit: str
    background: pa.RecordBatch | None = field(default=None, kw_only=True)

    @abstractmethod
    def contributions_of(self, numbers: Sequence[np.ndarray], rows: int) -> Contributions:
        """The contributions for the columns of the program.

        Raises ValueError where the estimator would refuse a value.
        """

    def contributions(self, columns: Sequence[pa.Array]) -> Contributions:
        """The contributions of the features to each row, in the order of the signature."""
        return self.contributions_of(self.numbers(columns), len(columns[0]) if columns else 0)

    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        return self.contributions(columns).totals

    @property
    def single(self) -> bool:
        """Whether the library computes its scores in float32."""
        return False

    @property
    def is_per_class(self) -> bool:
        """Whether each class has a total of its own; a row is then explained for its predicted class."""
        return len(self.explained) > 1

    def of_outputs(self, places: Sequence[int]) -> StoredReasons:
        """The reasons of some of the explained outputs alone, by their places."""
        return replace(self, explained=tuple(self.explained[place] for place in places))


def reasons_head(backend: StoredReasons) -> dict[str, Any]:
    """What reasons need besides the scores, as JSON can hold it."""
    return {"owners": backend.owners, "explained": backend.explained, "unit": backend.unit}


def reasons_of(head: Mapping[str, Any], scores: StoredBackend, version: Version) -> dict[str, Any]:
    """The arguments that `reasons_head` wrote, and those that reasons share with `scores`."""
    explained = head["explained"]
    if not explained or len(set(explained)) < len(explained):
        raise ValueError(f"it explains the outputs {explained}")
    return {
        **{name: getattr(scores, name) for name in ("columns", "singles", "links", "classes")},
        "owners": places(head["owners"], version.n_features, "the feature of a column"),
        "explained": places(explained, MOST_OUTPUTS, "an output that is explained"),
        "features": version.n_features,
        "unit": str(head["unit"]),
    }


TOLERANCE = 1e-9  # relative above 1
TOLERANCE_SINGLE = 1e-5  # of scores that the library computes in float32


def law_broken(backend: StoredReasons, version: Version, found: Contributions, scored: pa.RecordBatch) -> str:
    """How contributions break the law; empty where they do not.

    `scored` has what the version made of the same rows; none of them is rejected.
    """
    worst = float(found.distances().max(initial=0.0))
    if not worst <= TOLERANCE:  # an error is at most the distance, which takes less time
        worst = float(found.errors().max(initial=0.0))
    if not worst <= TOLERANCE:
        return f"base and contributions are off the total by up to {worst:.3g}"
    off = score_error(backend, version, found, scored)
    if not off <= (TOLERANCE_SINGLE if backend.single else TOLERANCE):
        return f"the total gives another score, off by up to {off:.3g}"
    return ""


def score_error(
    backend: StoredReasons, version: Version, found: Contributions, scored: pa.RecordBatch
) -> float:
    """How far the scores that follow from the totals are from those of `scored`, relative above 1."""
    method = scoring_link(version, backend.links)
    assert method is not None  # `make` refuses it otherwise
    link = method[1].of_each() if method[1].each else method[1]  # of several labels, one sum is explained
    with np.errstate(all="ignore"):
        scores: Any = np.asarray(link(found.totals))
    names = [field.name for field in scored.schema if _is_score(field, version)]
    columns = scores.T[-len(names) :] if scores.ndim == 2 else scores[None, :]
    own = np.stack([arrays.to_numpy(scored.column(name)) for name in names])
    return largest_error(columns, own)


def largest_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative above 1; NaN where a number is NaN."""
    off = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return float(off.max(initial=0.0))


def _is_score(field: pa.Field, version: Version) -> bool:
    """Whether a column of the task is a score; a class may be a number too."""
    is_label = version.task == "classification" and field.name == "prediction"
    return bool(pa.types.is_floating(field.type)) and not is_label


LOG_ODDS, LOGIT, ONE_VS_REST = "log-odds", "logit of the class", "log-odds of the class"
DECISION, PROBABILITY, LOGARITHM = "decision value", "probability", "logarithm of the prediction"
PREDICTION, LENGTH = "the prediction's own unit", "sum of path lengths (longer: more ordinary)"
# the unit of one sum, and of one sum for each class
UNITS: Mapping[str, tuple[str, str]] = {
    "sums": (PROBABILITY, PROBABILITY),
    "first": (PREDICTION, PREDICTION),
    "single": (PREDICTION, PREDICTION),
    "singles": (PREDICTION, PREDICTION),
    "decisions": (DECISION, DECISION),
    "shares": (LOG_ODDS, LOGIT),
    "hist_shares": (LOG_ODDS, LOGIT),
    "sigmoids": (LOG_ODDS, ONE_VS_REST),
    "softmax": (LOGIT, LOGIT),
    "clipped": (DECISION, DECISION),
    "power": (LOGARITHM, LOGARITHM),
    "isolation": (LENGTH, LENGTH),
    "isolation_decisions": (LENGTH, LENGTH),
    "lightgbm_power": (LOGARITHM, LOGARITHM),
    "lightgbm_binary": (LOG_ODDS, LOGIT),
    "lightgbm_softmax": (LOGIT, LOGIT),
    "xgboost_power": (LOGARITHM, LOGARITHM),
    "xgboost_binary": (LOG_ODDS, LOGIT),
    "xgboost_softmax": (LOGIT, LOGIT),
}


def unit_of(version: Version, link: Link, outputs: int) -> str:
    """The unit of sums in front of a link; `outputs` is their number."""
    if version.task == MULTIOUTPUT:
        return PREDICTION
    one, several = UNITS[link.kind]
    scaled = link.kind in ("shares", "lightgbm_binary") and link.numbers not in ((), (1.0,))
    return DECISION if scaled else one if outputs == 1 or link.each else several


def scoring_link(version: Version, links: Mapping[str, Link]) -> tuple[str, Link] | None:
    """The method whose result the score is, and its link; None if the score is no function of sums."""
    method = version.score_method if version.score_method in links else "predict"
    link = links.get(method)
    return None if link is None or link.is_label or link.kind not in UNITS else (method, link)


def explained_outputs(version: Version, outputs: int) -> tuple[int, ...]:
    """The sums that are explained: of two classes the positive one's, of more classes all.

    Of several outputs all are explained, and of several labels the sum of each one's positive class.
    """
    if version.task == MULTIOUTPUT:
        return tuple(range(outputs))
    if version.task == MULTILABEL:
        width = outputs // len(version.outputs)
        return tuple(range(width - 1, outputs, width))
    if version.task == "classification" and len(version.classes) > 2:
        return tuple(range(outputs))
    return (outputs - 1,)
