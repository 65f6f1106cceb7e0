"""The run log: one row a scoring run, in the table that the macro `ensure_run_log` makes."""

from __future__ import annotations

import json
import platform
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from scorehouse.registry import Version
from scorehouse.request import Request, ScoreOptions

LIBRARIES = ("scorehouse", "scikit-learn", "numpy", "pyarrow", "duckdb", "joblib")


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a prediction depends on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def resident_memory() -> float:
    """Memory held by this process now, in MiB (the peak so far where the system tells no more)."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        import resource

        return pages * resource.getpagesize() / 2**20
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


@dataclass
class RunRecord:
    """A scoring run while it runs; `to_row` gives its row in the run log."""

    request: Request
    options: ScoreOptions | None = None
    version: Version | None = None
    engine: str = ""
    write_mode: str = "replace"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows_in: int = 0
    rows_scored: int = 0
    rows_rejected: int = 0
    reject_reasons: Counter[str] = field(default_factory=Counter)
    fingerprint: str = ""
    feature_hash_kind: str = ""
    score_min: float | None = None
    score_mean: float | None = None
    score_max: float | None = None
    peak_memory_mib: float = 0.0

    def note_memory(self) -> None:
        self.peak_memory_mib = max(self.peak_memory_mib, resident_memory())

    def to_row(self, error: Exception | None = None) -> dict[str, Any]:
        """Every column of the run log; `error` makes it the row of a failed run."""
        finished = datetime.now(UTC)
        options, version_ = self.options, self.version
        return {
            "run_id": self.request.run_id,
            "status": "failed" if error else "success",
            "invocation_id": self.request.invocation_id,
            "node": self.request.node,
            "prediction_table": self.request.relation,
            "materialization": self.request.materialization,
            "write_mode": self.write_mode,
            "engine": self.engine,
            "model_name": version_.name if version_ else None,
            "model_version": version_.version if version_ else None,
            "alias_asked": options.alias if options else None,
            "model_digest": version_.sha256 if version_ else None,
            "key_columns": json.dumps(options.key) if options else None,
            "configuration": options.to_json() if options else None,
            "rows_in": self.rows_in,
            "rows_scored": self.rows_scored,
            "rows_rejected": self.rows_rejected,
            "reject_reasons": json.dumps(dict(self.reject_reasons.most_common(20))),
            "input_fingerprint": self.fingerprint or None,
            "feature_hash_kind": self.feature_hash_kind or None,
            "score_min": self.score_min,
            "score_mean": self.score_mean,
            "score_max": self.score_max,
            "library_versions": json.dumps(library_versions()),
            "started_at": self.started_at.replace(tzinfo=None),
            "finished_at": finished.replace(tzinfo=None),
            "seconds": (finished - self.started_at).total_seconds(),
            "peak_memory_mib": round(self.peak_memory_mib, 1),
            "error": str(error) if error else None,
        }
