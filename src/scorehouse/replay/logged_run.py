"""Look up a run in the run log, to score it again.

The log is in the warehouse, where others may write. The SQL that a replay takes from it must be one select
and one table name: otherwise DuckDB could write any file, even the user's start-up files.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.engines.duckdb.lake import SnapshotRead, microseconds, table_with_snapshots
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.errors import ConfigurationError, RegistryError, listed
from scorehouse.project.log import logger
from scorehouse.registration.lock import check_name
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import Version
from scorehouse.scoring.options import Rescore, ScoreOptions
from scorehouse.scoring.request import Request, library_versions

IDENTIFIER = r'(?:"(?:[^"]|"")+"|\w+)'
WIDEN = "build a prediction table with this release, which adds the columns that a run log lacks"
TABLE = re.compile(rf"{IDENTIFIER}(?:\.{IDENTIFIER}){{0,2}}")


class Known(dict[str, Any]):
    """What `place` says of a run, by name; to ask for what it lacks, as of an earlier release, is refused."""

    def __init__(self, facts: Mapping[str, Any], place: str, action: str, call: str) -> None:
        super().__init__(facts)
        self.place, self.action, self.call = place, action, call

    def __missing__(self, name: str) -> Any:
        raise ConfigurationError(
            self.call,
            f"{self.place} lacks {name!r}",
            expected="what this release of scorehouse writes there",
            action=self.action,
        )

    def require(self, *names: str) -> None:
        """Refuse if one of them is lacking."""
        for name in names:
            _ = self[name]


def run_row(connection: duckdb.DuckDBPyConnection, run_log: str, run_id: str) -> Known:
    """The row of a successful run, by its id or by the start of its id."""
    call = f"replay({run_id!r})"
    found = connection.execute(f"select * from {run_log} where starts_with(run_id::varchar, ?)", [run_id])
    names = [column[0] for column in found.description]
    begun = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    rows = [row for row in begun if row["status"] == "success"]
    if len(rows) != 1:
        raise ConfigurationError(
            call,
            _not_one(connection, run_log, run_id, rows or begun),
            expected="the id of one successful run, or first characters that no other run has",
            action="look it up in scorehouse_runs, or with `scorehouse runs`",
        )
    if not rows[0].get("feature_query"):
        raise ConfigurationError(
            call,
            "the run log does not say where its features were read",
            expected="a run whose features were a dbt ref, source or query, not a frame made in Python",
            action="make the preparation a dbt model of its own",
        )
    run = Known(rows[0], f"the run log {run_log}", WIDEN, call)
    _check_logged(connection, run, call)
    return run


def logged_version(run: Mapping[str, Any], versions: list[Version], call: str) -> Version:
    """The version that a run logged, with the threshold and the classes that decided its labels.

    Raises RegistryError if it is no longer registered with that digest.
    """
    decided = json.loads(run["configuration"]).get("registry", {})
    return Version.from_row({**_registered(run, versions, call).to_row(), **decided})


def logged_policy(
    run: Mapping[str, Any], versions: list[Version], project: Path, policy: LoadPolicy, call: str
) -> LoadPolicy:
    """The policy for the files of a logged version, whose signature is that of the version as it is today.

    The threshold of the run may be another one, and a backend without a certificate may have scored. Raises
    LoadRefusedError if the version lacks a signature.
    """
    artifact.require_signed(project, _registered(run, versions, call), policy, call)
    return replace(policy, require_signed_by=(), require_certificate=False)


def _registered(run: Mapping[str, Any], versions: list[Version], call: str) -> Version:
    for version in versions:
        if version.version == run["model_version"] and version.sha256 == run["model_digest"]:
            return version
    raise RegistryError(
        call,
        f"{run['model_name']} version {run['model_version']} with the digest {run['model_digest']} "
        "is not registered",
        expected="the version that made the predictions, with its digest",
        action=f"restore seeds/ml/{run['model_name']} from version control",
    )


def logged_options(run: Mapping[str, Any], call: str) -> ScoreOptions:
    """The arguments of a run, without a rule that leaves rows out."""
    return _logged(run, call).model_copy(update={"rescore": Rescore()})


def logged_rescore(run: Mapping[str, Any], call: str) -> Rescore:
    """The rule and the budget of a run."""
    return _logged(run, call).rescore


def _logged(run: Mapping[str, Any], call: str) -> ScoreOptions:
    logged = {name: value for name, value in json.loads(run["configuration"]).items() if name != "registry"}
    if decision := logged.get("decision"):  # the log sorts by name, and bands rise
        decision["bands"] = dict(sorted(decision["bands"].items(), key=lambda band: band[1]))
    return ScoreOptions.checked(call, **logged)


def logged_features(
    connection: duckdb.DuckDBPyConnection,
    run: Mapping[str, Any],
    options: ScoreOptions,
    request: Request,
    call: str,
    *,
    sample: int | None = None,
    seed: str = "",
    as_of_run: bool = False,
) -> DuckDBSource:
    """The features of a run as they are now; with `sample`, that many rows, by the hash of key and `seed`.

    With `as_of_run`, a table of a DuckLake or of Iceberg is read as of the snapshot that the run read.
    """
    query = run["feature_query"]
    if as_of_run and run["feature_snapshot"] is not None:
        query = _as_of(connection, query, run, call)
    source = DuckDBSource(connection, query, options, request, call)
    if sample is not None:
        # not the as-of date, which a run may add to the features
        hashed = ", ".join([*(quote(name) for name in options.key), *([literal(seed)] if seed else [])])
        source.table = f"(select * from {source.table} order by hash({hashed}) limit {int(sample)})"
    return source


def _as_of(connection: duckdb.DuckDBPyConnection, query: str, run: Mapping[str, Any], call: str) -> str:
    """The select of a whole table with snapshots, as of that of a run; as it is now if that is gone."""
    read = SnapshotRead(int(run["feature_snapshot"]), microseconds(run["feature_snapshot_at"]))
    table = table_with_snapshots(connection, f"({query}\n)")
    why = table.has_not(connection, read) if table else "they are not a table with snapshots any more"
    if table is None or why:
        logger.warning(f"{call}: {why}; features are read as they are now")
        return query
    return f"select * from {table.at(read.snapshot)}"


def same_libraries(run: Mapping[str, Any]) -> bool:
    """Whether the libraries here have the versions that the run logged."""
    return bool(json.loads(run["library_versions"]) == library_versions())


def _check_logged(connection: duckdb.DuckDBPyConnection, run: Known, call: str) -> None:
    """Refuse a row that scorehouse did not write: its text is run as SQL, and opens files."""
    check_name("name", run["model_name"], call)
    sound = {
        "feature_query": _is_select(connection, str(run["feature_query"])),
        "prediction_table": TABLE.fullmatch(str(run["prediction_table"])),
    }
    for column in (name for name, is_sound in sound.items() if not is_sound):
        raise ConfigurationError(
            call,
            f"the run log has the {column} {run[column]!r:.200}",
            expected="one select and the name of one table, as a scoring run logs them",
            action="find out what else writes to the run log; nothing from this row was executed",
        )


def _is_select(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether a query is one select, both by itself and as a subquery."""
    try:
        read = connection.extract_statements(f"select * from ({query}\n)")
    except duckdb.Error:
        return False
    return [statement.type for statement in read] == [duckdb.StatementType.SELECT]


def _not_one(
    connection: duckdb.DuckDBPyConnection, run_log: str, run_id: str, rows: list[dict[str, Any]]
) -> str:
    """Why an id does not identify one successful run, given the runs whose ids begin with it."""
    if len(rows) > 1:
        shown = sorted(str(row["run_id"]) for row in rows)[:3]
        return f"{len(rows)} run ids begin with it, such as {listed(shown)}"
    if rows:
        return (
            f"this run has the status {rows[0]['status']!r} ({rows[0].get('error') or 'no error was logged'})"
        )
    known = [str(row[0]) for row in connection.execute(f"select run_id from {run_log}").fetchall()]
    begins = {each[: len(run_id)]: each for each in known}
    near = difflib.get_close_matches(run_id, list(begins), n=1)
    hint = f"; did you mean {begins[near[0]]!r}?" if near else ""
    return f"none of {len(known)} run ids in {run_log} begins with it{hint}"
