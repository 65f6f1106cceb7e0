"""The two doors: `score` for dbt Python models, `score_query` for SQL models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scorehouse import artifact
from scorehouse.engines.duckdb import DuckDBScoring
from scorehouse.engines.progress import logger
from scorehouse.engines.runs import log_failure
from scorehouse.engines.source import FeatureSource, registry_versions
from scorehouse.errors import ConfigurationError
from scorehouse.registry import resolve
from scorehouse.request import Request, ScoreOptions
from scorehouse.runlog import RunRecord
from scorehouse.scorer import Kernel


def score(
    dbt: Any,
    session: Any,
    *,
    features: Any,
    model: Any,
    key: str | Sequence[str],
    alias: str = "champion",
    version: int | None = None,
    passthrough: str | Sequence[str] = (),
    group: str | None = None,
    rescore: str = "all",
    strict: str | Sequence[str] = (),
    max_rejected_share: float | None = None,
    batch_rows: int | None = None,
) -> Any:
    """Score a feature table with a registered ML model, from a dbt Python model.

    Parameters
    ----------
    dbt, session: the two arguments of the dbt model function.
    features: `dbt.ref(...)` or `dbt.source(...)` of the feature table, one row a key; also a pyarrow
        Table or a pandas or polars frame.
    model: `dbt.ref("ml_<name>")`, the registry of the ML model.
    key: column or columns that identify a row; unique, without NULL.
    alias, version: which version scores; `version` overrides `alias`.
    passthrough: columns of the feature table to keep in the prediction table.
    group: column within which a ranking ranks its rows, such as the customer.
    rescore: `all` rebuilds the table; `given` scores the given rows and merges them by key; `new`
        scores only keys that are not in the table yet.
    strict: checks among `null`, `not_finite`, `unseen_category` and `out_of_range` that reject a row
        even where the pipeline would take it.
    max_rejected_share: the run fails, and the table stays as it was, above this share of rejected rows.
    batch_rows: rows a record batch.

    Returns what the dbt model must return: under `materialized="predictions"` the prepared run, under
    dbt's own `table` and `incremental` a stream of record batches.
    Raises a ScorehouseError that says what was wrong and what to do; the previous table stands.
    """
    written = getattr(dbt.config, "scorehouse_request", None)
    request = Request.from_json(written) if written else Request.for_plain_model(dbt)
    arguments = {
        "key": key,
        "alias": alias,
        "version": version,
        "passthrough": passthrough,
        "group": group,
        "rescore": rescore,
        "strict": strict,
        "max_rejected_share": max_rejected_share,
        "batch_rows": batch_rows,
    }
    call = f"score() in {request.node}"
    return _start(session, features, model, request, arguments, call)


def score_query(session: Any, *, query: str, model: str, request: str, arguments: str) -> Any:
    """Score the rows of a SQL model; called by the code that the materialization generates.

    `query` is the compiled select, `model` the relation of `ml_<name>`, `request` the JSON of a
    Request and `arguments` the JSON of those of the macro `scored`.
    """
    asked = Request.from_json(request)
    registry = session.query(f"select * from {model}")
    call = f"scorehouse.scored() in {asked.node}"
    return _start(session, query, registry, asked, json.loads(arguments), call)


def _start(
    session: Any, features: Any, model: Any, request: Request, arguments: dict[str, Any], call: str
) -> Any:
    record = RunRecord(request)
    try:
        scoring = _prepare(session, features, model, record, arguments, call)
        if request.staging:
            return ScoringRun(scoring)
        return scoring.plain_reader()
    except Exception as error:
        log_failure(session, record, error)
        raise


def _prepare(
    session: Any, features: Any, model: Any, record: RunRecord, arguments: dict[str, Any], call: str
) -> DuckDBScoring:
    """Resolve, verify, load and check, in this order; nothing is scored yet."""
    request = record.request
    options = record.options = ScoreOptions.checked(call, **arguments)
    version = record.version = resolve(
        registry_versions(model, call), alias=options.alias, version=options.version, call=call
    )
    if version.task == "ranking" and options.group is None:
        raise ConfigurationError(
            call,
            f"{version.label} ranks, and no group was given",
            expected="the column within which to rank, such as the customer",
            action="pass group",
        )
    if options.rescore != "all" and request.exists and not request.full_refresh:
        record.write_mode = "merge"
    estimator, signature, warnings = artifact.load(request.project_root, version, request.load_policy, call)
    for warning in warnings:
        logger.warning(f"{call}: {warning}")
    kernel = Kernel(estimator, version, signature, strict=options.strict, call=call)
    only_new_in = request.relation if record.write_mode == "merge" and options.rescore == "new" else None
    source = FeatureSource(session, features, options, call, only_new_in=only_new_in)
    return DuckDBScoring(session, source, kernel, record)


class ScoringRun:
    """A prepared run under the materialization `predictions`, which calls `write` once."""

    def __init__(self, scoring: DuckDBScoring) -> None:
        self.scoring = scoring

    def write(self) -> None:
        """Score into the staging table and add the run's row to the run log, uncommitted."""
        record = self.scoring.record
        try:
            self.scoring.write()
        except Exception as error:
            log_failure(self.scoring.session, record, error)
            raise
        seconds = (record.to_row())["seconds"]
        logger.info(
            f"{record.request.node}: {record.rows_in:,} rows in, {record.rows_scored:,} scored, "
            f"{record.rows_rejected:,} rejected, {seconds:.2f} s, by {self.scoring.kernel.version.label}"
        )


def write(run: Any) -> None:
    """Carry out what a model under `materialized="predictions"` returned."""
    if not isinstance(run, ScoringRun):
        raise ConfigurationError(
            'materialized="predictions"',
            f"the model returned a {type(run).__name__}",
            expected="what score() returned",
            action='end the model with `return score(...)`, or use materialized="table"',
        )
    run.write()
