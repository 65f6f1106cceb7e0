"""The move of an alias: from the version that last scored a prediction table to another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.engines.duckdb.staging import described
from scorehouse.errors import ConfigurationError, RegistryError
from scorehouse.explain.row import newest_runs
from scorehouse.registry.label_rule import fault_of
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, resolve
from scorehouse.replay.logged_run import Known, logged_options, logged_policy, logged_rescore, logged_version
from scorehouse.scoring.options import Rescore, ScoreOptions

BUILD = "build what the project says, or pull what was promoted, so that both agree: dbt build --select "


@dataclass(frozen=True)
class Move:
    """`alias` moves from `before`, with the threshold and classes of `run`, to `after` as it is registered.

    `run` is the newest row of the run log whose rows the alias decides, `policy` opens the files of `before`,
    `others` are further prediction tables that the alias decides, `versions` those but `before`.
    """

    alias: str
    before: Version
    after: Version
    run: Mapping[str, Any]
    options: ScoreOptions
    rescore: Rescore
    policy: LoadPolicy
    others: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()

    @property
    def table(self) -> str:
        """The name of the prediction table."""
        return str(self.run["node"]).rpartition(".")[2]

    @property
    def is_none(self) -> bool:
        """Whether the alias stays where it was in the last run."""
        return identity(self.before) == identity(self.after)

    @property
    def header(self) -> dict[str, Any]:
        """What identifies the move, for the file that is kept."""
        sides = {"before": identity(self.before), "after": identity(self.after)}
        decision = self.options.decision
        names = {"name": self.before.name, "alias": self.alias, "table": self.table}
        ran = {"rescore": self.rescore.rule, "last_run_at": str(self.run["started_at"])}
        digest = decision and decision.digest
        return {**names, "other_tables": list(self.others), **sides, **ran, "decision_policy": digest}


def live_rows(connection: duckdb.DuckDBPyConnection, run: Mapping[str, Any], options: ScoreOptions) -> str:
    """SQL of the rows of a run's prediction table that the alias decides, without the vanished ones."""
    rows = f"select * from {run['prediction_table']}"
    where = ["is_live"] if options.in_parts else []
    where += ["not is_vanished"] if "is_vanished" in described(connection, rows) else []
    return f"({rows} where {' and '.join(where) or 'true'})"


def identity(version: Version) -> dict[str, Any]:
    """What of a version decides its labels."""
    return {
        "version": version.version,
        "digest": version.sha256,
        "threshold": version.threshold,
        "classes": list(version.classes),
    }


def is_scored(connection: duckdb.DuckDBPyConnection, run_log: str, name: str) -> bool:
    """Whether any version of an ML model has scored a table."""
    runs = f"select 1 from {run_log} where model_name = ? and status = 'success' limit 1"
    return bool(connection.execute(runs, [name]).fetchall())


def first(seeds: ModelSeeds, alias: str, call: str) -> dict[str, Any]:
    """What identifies the first run of an ML model: like a move's header, from nothing."""
    holder = next((row for row in seeds.registered(call) if alias in row.aliases), None)
    names: dict[str, Any] = {"name": seeds.name, "alias": alias, "table": None, "other_tables": []}
    sides = {"before": None, "after": holder and identity(holder)}
    return {**names, **sides, "rescore": None, "last_run_at": None, "decision_policy": None}


def newest_runs_of(
    connection: duckdb.DuckDBPyConnection, run_log: str, name: str, table: str | None, alias: str, call: str
) -> list[dict[str, Any]]:
    """The newest run of each prediction table that an alias decides, or of the one with the name `table`."""
    runs = list(newest_runs(connection, run_log, name, table, call))
    if found := [run for run in runs if run["alias_asked"] == alias]:
        return found
    asked = sorted({str(run["alias_asked"]) for run in runs if run["alias_asked"]})
    raise ConfigurationError(
        call,
        f"no prediction table of {name!r} takes its live scores from the alias {alias!r}",
        expected=f"one of the aliases {asked}" if asked else "a table that was scored by an alias",
        action="correct --alias or --table; a version that scores beside the live one decides nothing",
    )


def find_move(
    connection: duckdb.DuckDBPyConnection,
    run_log: str,
    seeds: ModelSeeds,
    load_policy: LoadPolicy,
    call: str,
    *,
    number: int | None,
    alias: str,
    table: str | None,
    threshold: float | None = None,
) -> Move:
    """The move to version `number`, by default the one that has the alias in the project.

    `threshold` is a new one of that version. Without both, the move may be none, as in a pull request that
    registers a version and leaves the aliases.
    Raises ConfigurationError if the alias is at a third version, so that nobody knows what it moves from.
    """
    versions = seeds.registered(call)
    run, *further = newest_runs_of(connection, run_log, seeds.name, table, alias, call)
    before = logged_version(run, versions, call)
    holder = resolve(versions, alias=alias, version=None, call=call)
    after = holder if number is None else resolve(versions, alias=None, version=number, call=call)
    if threshold is not None:
        after = replace(after, threshold=threshold)
        if fault := fault_of(after):
            action = "correct --threshold, or leave it out"
            raise RegistryError(call, fault.problem, expected=fault.expected, action=action)
    if holder.version not in (before.version, after.version):
        raise ConfigurationError(
            call,
            f"the alias {alias!r} moved meanwhile: it is at version {holder.version} in the project, and the "
            f"last run of {run['node']} was of version {before.version}",
            expected=f"the alias at version {before.version} or {after.version}",
            action=f"{BUILD}tag:ml_{seeds.name}+",
        )
    asks = number is not None or threshold is not None
    others = sorted(row.version for row in versions if row.version != before.version)
    if asks and identity(before) == identity(after):
        another = f"name version {' or '.join(map(str, others))}" if others else "register another version"
        raise ConfigurationError(
            call,
            f"{before.label} scored the last run of {run['node']} already, with the same threshold",
            expected="a version other than the one that scores now, or another threshold",
            action=f"{another}, pass --threshold, or edit the alias",
        )
    policy = logged_policy(run, versions, seeds.project, load_policy, call)
    nodes = (str(other["node"]).rpartition(".")[2] for other in further)
    options, rescore = logged_options(run, call), logged_rescore(run, call)
    return Move(alias, before, after, run, options, rescore, policy, tuple(nodes), tuple(others))


def moved(
    connection: duckdb.DuckDBPyConnection, run_log: str, seeds: ModelSeeds, kept: Mapping[str, Any], call: str
) -> dict[str, Any]:
    """The newest run after the move that was predicted.

    Raises ConfigurationError or RegistryError if the alias, the policy or the run is another one.
    """
    versions, (alias, after) = seeds.registered(call), (kept["alias"], kept["after"])
    holder = resolve(versions, alias=alias, version=None, call=call)
    promise = f"version {kept['before']['version']} to version {after['version']} of {kept['name']}"
    if identity(holder) != after:
        not_yet = holder.version == kept["before"]["version"] != after["version"]
        raise RegistryError(
            call,
            f"the alias {alias!r} is {'still' if not_yet else 'now'} at version {holder.version}"
            + ("" if holder.version != after["version"] else " with another threshold, file or classes"),
            expected=f"the alias where the prediction put it: from {promise}",
            action=f"promote and build it: scorehouse promote {kept['name']} {after['version']}"
            if not_yet
            else "predict the impact of what the alias moved to, and compare that",
        )
    run, *_ = newest_runs_of(connection, run_log, kept["name"], kept["table"], alias, call)
    options, ran = logged_options(run, call), identity(logged_version(run, versions, call))
    policy = options.decision and options.decision.digest
    if ran != after or policy != kept["decision_policy"]:
        was = f"of version {ran['version']}" if ran != after else "with another decision policy"
        raise ConfigurationError(
            call,
            f"the newest run of {run['node']} was {was}",
            expected=f"a run that moved {alias!r} from {promise}, decided by the policy of the prediction",
            action=f"{BUILD}tag:ml_{kept['name']}+" if ran != after else "predict the impact again",
        )
    return run


def stored(path: Path, call: str, connection: duckdb.DuckDBPyConnection) -> Known:
    """What a file of a prediction says about it."""
    if not path.is_file():
        raise ConfigurationError(
            call,
            f"there is no prediction in {str(path)!r}",
            expected="the file that `scorehouse impact` wrote before the promotion",
            action="predict first, or name the --table or --folder of the prediction that was made",
        )
    rows = connection.execute(
        "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'scorehouse'", [str(path)]
    ).fetchall()
    if not rows:
        raise ConfigurationError(
            call,
            f"{str(path)!r} is no prediction of an impact",
            expected="the file that `scorehouse impact` wrote",
            action="predict again, or name its folder with --folder",
        )
    again = "predict the next move with the release that checks it"
    return Known(json.loads(rows[0][0]), repr(str(path)), again, call)
