"""Which scored rows are decided otherwise than a person's own, and how far the others are from that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.explain.flips import labels_of
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.registry.version import MULTILABEL, Version
from scorehouse.scoring.decision import DecisionPolicy
from scorehouse.scoring.reasons import band_ranges, decision_ranges


class Outcome:
    """Compares scored rows with `decided`, the decision of a policy, or a predicted class without one.

    `column` has the score that decides, where one does; `limits` are the scores at which the decision ends.
    """

    def __init__(self, decided: Any, version: Version, policy: DecisionPolicy | None, call: str) -> None:
        self.decided, self.version = decided, version
        self.column: str | None = None
        self.inside: list[tuple[float, float]] = []
        if policy is not None:
            self.column = policy.score
            known = decision_ranges(call, policy) or band_ranges(policy)
            self.inside = list(known[decided])
        elif (
            version.task == "classification" and len(version.classes) == 2 and version.score_method != "none"
        ):
            edge = version.threshold
            if edge is None:
                edge = 0.5 if version.score_method == "predict_proba" else 0.0
            self.column = "score"
            own = decided == version.classes[1]
            self.inside = [(edge, np.inf) if own else (-np.inf, edge)]
        self.by_score = policy is not None

    @property
    def limits(self) -> list[float]:
        """The scores at which the decision ends."""
        return sorted({edge for pair in self.inside for edge in pair if np.isfinite(edge)})

    def differs(self, scored: pa.RecordBatch) -> np.ndarray:
        """Which rows are scored and decided otherwise."""
        if self.by_score and self.column is not None:
            score = arrays.to_numpy(scored.column(self.column))
            inside = [(low <= score) & (score < high) for low, high in self.inside]
            return ~np.logical_or.reduce([*inside, np.isnan(score)])
        if self.version.task == MULTILABEL:
            labels = (labels_of(row, self.version.outputs) for row in scored.to_pylist())
            return np.array([label not in (None, self.decided) for label in labels])
        label = scored.column("prediction")
        same = pc.equal(label, arrays.scalar(self.decided, label.type))
        return ~np.asarray(arrays.to_numpy(pc.fill_null(same, arrays.scalar(True))), dtype=bool)

    def may_differ(self, lowest: pa.RecordBatch, highest: pa.RecordBatch) -> np.ndarray:
        """Whether another decision may lie between rows with the lowest and with the highest scores."""
        if not self.by_score or self.column is None:
            return self.differs(lowest) | self.differs(highest)
        low, high = (arrays.to_numpy(rows.column(self.column)) for rows in (lowest, highest))
        return ~np.logical_or.reduce([(start <= low) & (high < end) for start, end in self.inside])

    def shortfall(self, scored: pa.RecordBatch) -> np.ndarray:
        """How far the score of each row is from another decision; infinite where that is not known."""
        if self.column is not None:
            score = arrays.to_numpy(scored.column(self.column))
            edges = np.array(self.limits)
            far = np.abs(score[:, None] - edges).min(axis=1) if len(edges) else np.full(len(score), np.inf)
            return np.nan_to_num(far, nan=np.inf)
        columns = self.version.score_columns
        if self.version.task != "classification" or not set(columns) <= set(scored.schema.names):
            return np.full(scored.num_rows, np.inf)
        scores = np.stack([arrays.to_numpy(scored.column(name)) for name in columns])
        own = self.version.classes.index(self.decided)
        return np.nan_to_num(scores[own] - np.delete(scores, own, axis=0).max(axis=0), nan=np.inf)
