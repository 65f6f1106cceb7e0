"""The two entry points: `score` for dbt Python models, `score_query` for SQL models."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from scorehouse.engines.choose import engine_of
from scorehouse.engines.run import Run
from scorehouse.errors import ConfigurationError, ScorehouseError
from scorehouse.project.log import logger
from scorehouse.scoring.request import Request


@contextmanager
def _message_alone() -> Iterator[None]:
    """Move the traceback of a scorehouse error to dbt's debug log.

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
    backend: str = "auto",
    layout: str = "long",
    reasons: int | Mapping[str, Any] | None = None,
    **unknown: Any,
) -> Any:
    """Score a feature table with a registered ML model, from a dbt Python model.

    Parameters
    ----------
    dbt, session: the two arguments of the dbt model function.
    features: `dbt.ref(...)` or `dbt.source(...)` of the feature table, one row per key; also a pyarrow
        Table or a pandas or polars frame.
    model: `dbt.ref("ml_<name>")`, the registry of the ML model.
    key: column or columns that identify a row; unique, without NULL; required.
    alias, version: which version scores; `version` overrides `alias`. A list scores all of them in one
        scan, one row per version, with the columns `model_alias` and `is_live` (the first of the list).
    passthrough: columns of the feature table to keep in the prediction table.
    group: column within which a ranking ranks its rows, such as the customer.
    rescore: `all` rebuilds the table; `given` scores the given rows and merges them by key; `new`
        scores only keys that are not in the table yet; `changed` also scores rows whose features changed
        and rows that another version scored; `feed` reads these from the change feed of a DuckLake. Or a
        mapping: `rule`, `updated_at` and `lookback` (the rule `updated_at`), `vanished` (`keep`, `flag`,
        `delete`), the budget `max_rows`, `max_seconds`, and under `all` `slice_rows`, the rows of a slice
        that is committed by itself, so that a stopped run is resumed (DuckDB).
    strict: checks among `null`, `not_finite`, `unseen_category` and `out_of_range` that reject a row
        even if the pipeline would accept it.
    max_rejected_share: above this share of rejected rows, the run fails and the table is unchanged.
    batch_rows: rows per call of the estimator; default: the first batches are timed to find the best.
    as_of: column of the feature table, or a date, that makes the table a history: one row per key and
        as-of date, appended once and never rescored.
    decision: the policy that decides from the score: `threshold`, `bands`, `top_n` and `per`, `abstain`.
    backend: `auto` scores with the fastest backend that registration proved equal to the estimator;
        `estimator`, `matrix`, `native` and `sql` ask for one.
    layout: for several versions: `long` writes one row per version, `wide` one row with the columns of the
        live version and those of each other version with its alias, such as `score__challenger`.
    reasons: the number of features to name that moved each score most, with contribution and value, for
        trees and linear models; or a mapping: `top`, and `where` with `at_least`, `below`, `band` and
        `decision`, which says the rows that get reasons.
    unknown: any other argument, which is refused; the error names the nearest known argument.

    Returns what the dbt model must return: with `materialized="predictions"` the prepared run, with
    dbt's own `table` and `incremental` a stream of record batches.
    Raises a ScorehouseError that says what was wrong and what to do; the previous table is unchanged.
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
        "backend": backend,
        "layout": layout,
        "reasons": reasons,
        **unknown,
    }
    return _start(session, features, model, request, arguments, f"score() in {request.node}")


@_message_alone()
def score_query(session: Any, *, query: str, model: str, request: str, arguments: str) -> Any:
    """Score the rows of a SQL model; called by the code that the materialization generates.

    `query` is the compiled select, `model` the relation of `ml_<name>`, `request` the JSON of a Request and
    `arguments` the JSON of the arguments of the macro `scored`.
    """
    asked = Request.from_json(request)
    call = f"scorehouse.scored() in {asked.node}"

    return _start(session, query, model, asked, json.loads(arguments), call)


def _start(
    session: Any, features: Any, model: Any, request: Request, arguments: dict[str, Any], call: str
) -> Any:
    run = Run.settled(engine_of(session, request, call), features, model, arguments)
    return run if request.staging else run.stream()


@_message_alone()
def write(run: Any, storage: Mapping[str, Any] | None = None) -> None:
    """Execute the run that a model with `materialized="predictions"` returned; called by compiled code.

    `storage` says how the prediction table is stored, on engines that leave this to the model's config.
    """
    if not isinstance(run, Run):
        raise ConfigurationError(
            'materialized="predictions"',
            f"the model returned a {type(run).__name__}",
            expected="the value that score() returned",
            action='end the model with `return score(...)`, or use materialized="table"',
        )
    run.write(storage or {})
