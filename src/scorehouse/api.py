"""The two doors: `score` for dbt Python models, `score_query` for SQL models."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from scorehouse.engines.duckdb.engine import DuckDBScoring
from scorehouse.engines.duckdb.reading import seed_table
from scorehouse.engines.duckdb.run_rows import log_failure, log_start
from scorehouse.engines.duckdb.source import FeatureSource, registry_versions
from scorehouse.engines.interrupt import named
from scorehouse.engines.prepare import load_kernels, records_of, write_mode
from scorehouse.engines.spark import engine as spark
from scorehouse.errors import ConfigurationError, ScorehouseError
from scorehouse.garbage import collector_paused
from scorehouse.log import logger
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import resolve_parts
from scorehouse.scoring.request import Request
from scorehouse.scoring.runlog import RunRecord


@contextmanager
def _message_alone() -> Iterator[None]:
    """Keep the traceback of an error of ours for dbt's debug log.

    dbt-duckdb shows the traceback of whatever a Python model raises: see docs/decisions/no-traceback.md.
    """
    try:
        yield
    except ScorehouseError as error:
        logger.debug("".join(traceback.format_exception(error)))
        raise error.without_traceback() from None


@_message_alone()
def score(
    dbt: Any,
    session: Any,
    *,
    features: Any,
    model: Any,
    key: str | Sequence[str] | None = None,
    alias: str | Sequence[str] = "champion",
    version: int | Sequence[int] | None = None,
    passthrough: str | Sequence[str] = (),
    group: str | None = None,
    rescore: str | Mapping[str, Any] = "all",
    strict: str | Sequence[str] = (),
    max_rejected_share: float | None = None,
    batch_rows: int | None = None,
    as_of: str | None = None,
    decision: Mapping[str, Any] | None = None,
    engine: str = "auto",
    layout: str = "long",
    **unknown: Any,
) -> Any:
    """Score a feature table with a registered ML model, from a dbt Python model.

    Parameters
    ----------
    dbt, session: the two arguments of the dbt model function.
    features: `dbt.ref(...)` or `dbt.source(...)` of the feature table, one row a key; also a pyarrow
        Table or a pandas or polars frame.
    model: `dbt.ref("ml_<name>")`, the registry of the ML model.
    key: column or columns that identify a row; unique, without NULL; has to be given.
    alias, version: which version scores; `version` overrides `alias`. A list scores all of them in one
        scan, a row each, with the columns `model_alias` and `is_live` (the first of the list).
    passthrough: columns of the feature table to keep in the prediction table.
    group: column within which a ranking ranks its rows, such as the customer.
    rescore: `all` rebuilds the table; `given` scores the given rows and merges them by key; `new`
        scores only keys that are not in the table yet; `changed` also rows whose features changed and
        rows that another version made. Or a mapping: `rule`, `updated_at` and `lookback` (the rule
        `updated_at`), `vanished` (`keep`, `flag`, `delete`), and the budget `max_rows`, `max_seconds`.
    strict: checks among `null`, `not_finite`, `unseen_category` and `out_of_range` that reject a row
        even where the pipeline would take it.
    max_rejected_share: the run fails, and the table stays as it was, above this share of rejected rows.
    batch_rows: rows a call of the estimator; left out, the first batches are timed to find the best.
    as_of: column of the feature table, or a date, that makes the table a history: one row a key and
        as-of date, appended once and never rescored.
    decision: what is decided from the score: `threshold`, `bands`, `top_n` and `per`, `abstain`.
    engine: `auto` scores with the fastest form that registration proved equal to the estimator;
        `estimator`, `native` and `sql` ask for one.
    layout: of several versions: `long` writes a row each, `wide` one row with the live version's columns
        and those of each other version under its alias, such as `score__challenger`.
    unknown: arguments that are not known, which are refused with the nearest name.

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
        "as_of": as_of,
        "decision": decision,
        "engine": engine,
        "layout": layout,
        **unknown,
    }
    call = f"score() in {request.node}"
    return _start(session, features, lambda: model, request, arguments, call)


@_message_alone()
def score_query(session: Any, *, query: str, model: str, request: str, arguments: str) -> Any:
    """Score the rows of a SQL model; called by the code that the materialization generates.

    `query` is the compiled select, `model` the relation of `ml_<name>`, `request` the JSON of a
    Request and `arguments` the JSON of those of the macro `scored`.
    """
    asked = Request.from_json(request)
    call = f"scorehouse.scored() in {asked.node}"

    def registry() -> Any:
        return model if spark.is_session(session) else seed_table(session, model, asked, call)

    return _start(session, query, registry, asked, json.loads(arguments), call)


def _start(
    session: Any,
    features: Any,
    registry: Callable[[], Any],
    request: Request,
    arguments: dict[str, Any],
    call: str,
) -> Any:
    if spark.is_session(session):
        return spark.start(session, features, registry(), request, arguments, call)
    record = RunRecord(request, engine="duckdb")
    if not request.staging:  # the materialization `predictions` has written it by itself
        log_start(session, record)
    try:
        with collector_paused():
            scoring = _prepare(session, features, registry(), record, arguments, call)
        if request.staging:
            return ScoringRun(scoring)
        return scoring.plain_reader()
    except Exception as error:
        raise _logged(session, record, error, call) from error


def _logged(session: Any, record: RunRecord, error: Exception, call: str) -> Exception:
    """The error to raise, once the run log says why the run failed."""
    told = named(error, call)
    log_failure(session, record, told)
    return told


def _prepare(
    session: Any, features: Any, model: Any, record: RunRecord, arguments: dict[str, Any], call: str
) -> DuckDBScoring:
    """Resolve, verify, load and check, in this order; nothing is scored yet."""
    request = record.request
    options = record.options = ScoreOptions.checked(call, **arguments).of_request(partial=request.is_partial)
    record.write_mode = write_mode(request, options, call, exists=request.exists)
    parts = resolve_parts(registry_versions(session, model, request, call), options, call)
    records = records_of(record, parts, options)
    kernels = load_kernels(parts, request, options, call)
    source = FeatureSource(session, features, options, request, call)
    return DuckDBScoring(session, source, kernels, records)


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
            raise _logged(self.scoring.session, record, error, self.scoring.call) from error
        for done in self.scoring.records:
            logger.info(done.summary())


@_message_alone()
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
