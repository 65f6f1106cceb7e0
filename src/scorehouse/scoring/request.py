"""The request for a scoring run, from our materialization or one of dbt's own, and its row of the run log."""

from __future__ import annotations

import json
import platform
import secrets
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scorehouse.project.compatibility import check_package_version
from scorehouse.project.folder import project_variable
from scorehouse.project.run_log_place import SUCCESS, run_log_place
from scorehouse.registry import registry_file
from scorehouse.registry.label_rule import LABEL_COLUMNS
from scorehouse.registry.policy import VARIABLE, LoadPolicy
from scorehouse.registry.registry_file import RegistryFile
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part

LIBRARIES = ("scorehouse", "scikit-learn", "numpy", "pyarrow", "duckdb", "joblib", "pyspark")
# the states of rows of the feature table or the prediction table
STATES = ("new", "changed", "stale", "unchanged", "vanished")


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
    """Current memory of this process, in MiB (the peak so far if the system offers only that)."""
    import resource

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


@dataclass
class RunRecord:
    """A scoring run while it runs; `to_row` returns its row for the run log.

    If several versions score in one scan, each has its own record with its own `run_id`.
    """

    request: Request
    options: ScoreOptions | None = None
    part: Part | None = None
    run_id: str = ""
    engine: str = ""
    write_mode: str = "replace"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows_in: int = 0
    rows_scored: int = 0
    rows_rejected: int = 0
    reject_reasons: Counter[str] = field(default_factory=Counter)
    feature_query: str = ""
    feature_snapshot: int | None = None
    feature_snapshot_at: datetime | None = None
    fingerprint: str = ""
    input_types: str = ""
    feature_hash_kind: str = ""
    score_min: float | None = None
    score_mean: float | None = None
    score_max: float | None = None
    peak_memory_mib: float = 0.0
    scoring_basis: str = ""
    found: dict[str, int] = field(default_factory=dict)
    rows_left: int = 0
    rows_resumed: int = 0
    rows_barred: int = 0
    watermark: datetime | None = None
    feed_from: int | None = None
    feed_reason: str = ""
    backend: str = ""
    backend_reason: str = ""

    @property
    def row_run_id(self) -> str:
        """The id of this record's own row in the run log."""
        return self.run_id or self.request.run_id

    def note_memory(self) -> None:
        self.peak_memory_mib = max(self.peak_memory_mib, resident_memory())

    def summary(self) -> str:
        """One line for dbt's log."""
        seconds = (datetime.now(UTC) - self.started_at).total_seconds()
        text = (
            f"{self.request.node}: {self.rows_in:,} rows in, {self.rows_scored:,} scored, "
            f"{self.rows_rejected:,} rejected, {seconds:.2f} s"
        )
        if self.write_mode == "merge" and self.found:
            text += "; " + ", ".join(f"{self.found[state]:,} {state}" for state in STATES)
        if self.rows_resumed:
            text += f"; {self.rows_resumed:,} of them before it was resumed"
        if self.rows_barred:
            text += f"; {self.rows_barred:,} more left out, whose keys were forgotten"
        if self.rows_left:
            text += f"; {self.rows_left:,} left to later runs"
        return f"{text}, by {self.part.version.label} ({self.backend})" if self.part else text

    def to_row(
        self, status: str = SUCCESS, *, is_ended: bool = True, error: Exception | None = None
    ) -> dict[str, Any]:
        """Every column of the run log; a run that has not ended has neither an end nor a duration yet."""
        finished = datetime.now(UTC)
        options, part = self.options, self.part
        policy = options.decision if options else None
        return {
            "run_id": self.row_run_id,
            "parent_run_id": self.request.run_id,
            "status": status,
            "invocation_id": self.request.invocation_id,
            "node": self.request.node,
            "prediction_table": self.request.relation,
            "materialization": self.request.materialization,
            "write_mode": self.write_mode,
            "engine": self.engine,
            "model_name": part.version.name if part else None,
            "model_version": part.version.version if part else None,
            "alias_asked": part.alias if part else ", ".join(options.alias) or None if options else None,
            "is_live": part.is_live if part else None,
            "model_digest": part.version.sha256 if part else None,
            "key_columns": json.dumps(options.table_key) if options else None,
            "configuration": self._configuration(),
            "rows_in": self.rows_in,
            "rows_scored": self.rows_scored,
            "rows_rejected": self.rows_rejected,
            "reject_reasons": json.dumps(dict(self.reject_reasons.most_common(20))),
            "feature_query": self.feature_query or None,
            "input_fingerprint": self.fingerprint or None,
            "feature_hash_kind": self.feature_hash_kind or None,
            "score_min": self.score_min,
            "score_mean": self.score_mean,
            "score_max": self.score_max,
            "library_versions": json.dumps(library_versions()),
            "started_at": self.started_at.replace(tzinfo=None),
            "finished_at": finished.replace(tzinfo=None) if is_ended else None,
            "seconds": (finished - self.started_at).total_seconds() if is_ended else None,
            "peak_memory_mib": round(self.peak_memory_mib, 1),
            "error": str(error) if error else None,
            "rescore_rule": options.rescore.rule if options else None,
            **{f"rows_{state}": self.found.get(state) for state in STATES},
            "rows_left": self.rows_left,
            "scoring_basis": self.scoring_basis or None,
            "watermark": self.watermark,
            "slice_from": self.request.slice_from or None,
            "slice_to": self.request.slice_to or None,
            "decision_policy": policy.digest if policy else None,
            "decision_settings": json.dumps(policy.model_dump(), sort_keys=True) if policy else None,
            "backend": self.backend or None,
            "backend_reason": self.backend_reason or None,
            "feature_snapshot": self.feature_snapshot,
            "feed_from": self.feed_from,
            "feed_reason": self.feed_reason or None,
            "feature_snapshot_at": self.feature_snapshot_at,
            "rows_resumed": self.rows_resumed,
            "rows_barred": self.rows_barred,
            "rows_forgotten": 0,  # of its rows, by `scorehouse forget`
            "digest_salt": secrets.token_hex(16),
        }

    def _configuration(self) -> str | None:
        """The arguments, and under `registry` what decided the labels, so that a replay knows it."""
        if self.options is None:
            return None
        if self.part is None:
            return self.options.to_json()
        row = self.part.version.to_row()
        decided = {name: row[name] for name in LABEL_COLUMNS}
        return json.dumps({**json.loads(self.options.to_json()), "registry": decided}, sort_keys=True)


@dataclass(frozen=True)
class Request:
    """One scoring run as the materialization requests it.

    `staging` is the table to write, or empty if dbt's own materialization writes the returned rows.
    `exists`: there is a prediction table to merge into. `vanished` is the table for the keys of predictions
    to flag or delete. `slice_from` and `slice_to` (not included) are the as-of dates of one slice of a
    backfill, or the times in the column `event_time` of one batch, or empty.
    `is_partial`: dbt limited the features (--empty, --sample), so a missing row means nothing.
    `is_empty`: no row is scored (--empty), and seeds may be empty, as dbt-core 1.12 builds them.
    `on_schema_change` is dbt's setting if the model has it, else empty.
    `memory_limit` is how much memory DuckDB may use for a streamed table, `auto` to choose it, or None;
    `dbt_threads` is how many models dbt builds at the same time. `registries` are the registries among the
    model's parents. `lease_hours`: on Spark, how long a run that has not ended keeps its staging tables.
    """

    run_id: str
    invocation_id: str
    node: str
    relation: str
    run_log: str
    project_root: Path
    load_policy: LoadPolicy
    staging: str = ""
    vanished: str = ""
    slice_from: str = ""
    slice_to: str = ""
    event_time: str = ""
    is_partial: bool = False
    is_empty: bool = False
    exists: bool = False
    full_refresh: bool = False
    materialization: str = "predictions"
    on_schema_change: str = ""
    memory_limit: str | None = None
    dbt_threads: int = 1
    lease_hours: float = 24
    registries: tuple[RegistryFile, ...] = ()

    def check_loaded(self, version: Version, call: str) -> None:
        """Refuse a version that is missing in a seed beside its registry, since nothing would monitor it."""
        for registry in self.registries:
            if registry.name == version.name:
                registry.check_loaded(version, call)

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Read the request that the materialization `predictions` wrote into the compiled code."""
        values = json.loads(text)
        call = f"a scoring run of {values['node']}"
        check_package_version(values.pop("package_version"), version("scorehouse"), call)
        values["project_root"] = Path(values["project_root"] or ".").resolve()  # empty: dbt runs in it
        values["load_policy"] = LoadPolicy.from_variable(values["load_policy"])
        named = values.pop("registry_files")
        values["registries"] = registry_file.listed(values["registries"], named, values["project_root"])
        return cls(**values)

    @classmethod
    def for_plain_model(cls, dbt: Any) -> Request:
        """The request of a Python model under dbt's own `table` or `incremental`.

        dbt passes such a model neither variables nor the target. They are read from dbt's own sources: the
        command line, the project's dbt_project.yml, and the adapter.
        """
        from dbt.adapters.factory import get_adapter_by_type
        from dbt.flags import get_flags
        from dbt_common.invocation import get_invocation_id

        root = Path(get_flags().PROJECT_DIR or ".").resolve()
        config = get_adapter_by_type("duckdb").config

        def variable(name: str) -> Any:
            return config.cli_vars[name] if name in config.cli_vars else project_variable(root, name)

        log = run_log_place(variable, config.credentials.database, config.credentials.schema)
        return cls(
            run_id=str(uuid.uuid4()),
            invocation_id=get_invocation_id(),
            node=dbt.this.identifier,
            relation=repr(dbt.this),
            run_log=log.quoted,
            project_root=root,
            load_policy=LoadPolicy.from_variable(variable(VARIABLE)),
            exists=bool(dbt.is_incremental),
            is_partial=bool(get_flags().EMPTY),
            is_empty=bool(get_flags().EMPTY),
            materialization="incremental" if dbt.is_incremental else "table",
            registries=registry_file.searched(dbt, variable(registry_file.VARIABLE), root),
        )
