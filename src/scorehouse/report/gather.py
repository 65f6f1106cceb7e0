"""Everything that a warehouse has about one ML model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scorehouse.errors import RegistryError, did_you_mean
from scorehouse.project.run_log_place import SKIPPED, STARTED, SUCCESS
from scorehouse.registry.version import Version
from scorehouse.report import limits
from scorehouse.report.contests import place_of
from scorehouse.report.monitors import ALL, Long, Monitors
from scorehouse.report.rhythm import Rhythm, rhythms_of, runs_of
from scorehouse.report.runs import beside, stopped_by, table_name
from scorehouse.report.warehouse import Row, Table, Warehouse

if TYPE_CHECKING:
    from scorehouse.report.dbt_results import DbtResults

CHAMPION = "champion"
COSTS = 12  # periods and tables


@dataclass(frozen=True)
class ModelData:
    """The rows of all monitoring tables about one ML model; a list is empty when its table has none."""

    name: str
    versions: list[Version]
    live: Version
    signature: list[Row]
    reference: list[Row]
    reference_table: Table | None
    profiles: list[Table]
    drift: list[Long]
    performance: list[Long]
    estimates: list[Long]
    joint: list[Long]
    worst_segments: list[Long]
    sequential: list[Long]
    attribution: list[Long]
    calibration: list[Row]
    rehearsal: list[Row]
    refit: list[Row]
    retraining: list[Row]
    retraining_table: str  # quoted, as `run_log`; empty if there is none
    comparisons: list[Row]
    costs: list[Row]
    contests: list[Row]
    runs: list[Row]
    run_log: str
    rhythms: list[Rhythm]
    nodes: Mapping[str, float | None] | None
    tables: Set[str]  # in the warehouse
    read_at: datetime  # UTC without a zone, as in the run log
    aliases: Mapping[str, int]  # with the version that each has in the project, or else in the warehouse

    def unbuilt(self) -> Iterator[tuple[Row, int]]:
        """The newest run of each table that was scored with another version than its alias has, with this."""
        seen = set[str]()
        for run in self.runs:
            table, alias = table_name(run), str(run.get("alias_asked"))
            if run.get("is_live") is False or table in seen:
                continue
            seen.add(table)
            if run["status"] != SUCCESS:  # what stopped it comes first
                continue
            is_known = table in self.tables if self.nodes is None else str(run.get("node")) in self.nodes
            if is_known and alias in self.aliases and self.aliases[alias] != run["model_version"]:
                yield run, self.aliases[alias]

    def failure(self, run: Row) -> Row | None:
        """The newest run that failed since the table of `run` was scored: `run`, or one that it covers."""
        for other in self.runs[self.runs.index(run) :]:
            same = other.get("prediction_table") == run.get("prediction_table")
            if same and other.get("is_live") is not False and other["status"] not in (SKIPPED, STARTED):
                return None if other["status"] == SUCCESS else other
        return None

    @property
    def missed(self) -> tuple[Row, Row] | None:
        """A run that scored nothing, and the last one before it that did, of which monitors know.

        A table that another command has scored since ends it: monitors were built after that.
        """
        scored = [run for run in self._live_runs() if run["status"] == SUCCESS]
        for run in self.newest_runs():
            missed = run if run["status"] == SKIPPED else self.failure(run)
            before = next((one for one in scored if missed and not beside(one, missed)), None)
            if missed and before and missed["started_at"] > before["started_at"]:
                return missed, before
        return None

    @property
    def behind(self) -> str:
        """Of when the monitors are, in words, where a run after them scored nothing; else empty."""
        if not self.missed:
            return ""
        missed, before = self.missed
        ended = "was skipped" if missed["status"] == SKIPPED else "failed"
        return f"of {before['started_at']:%d %b %Y}, before the run that {ended}"

    @property
    def ages(self) -> dict[str, Row]:
        """The training range, in days, of each feature that is a date and judged by its age."""
        dates = {row["name"] for row in self.reference if row["kind"] == "age"}
        return {row["name"]: row for row in self.reference if row["kind"] == "range" and row["name"] in dates}

    def newest_runs(self) -> list[Row]:
        """The newest run of the live version in each prediction table, the largest table first."""
        newest: dict[str, Row] = {}
        sizes: Counter[str] = Counter()
        for run in self._live_runs():
            table = str(run.get("prediction_table") or run.get("node"))
            newest.setdefault(table, run)
            sizes[table] = max(sizes[table], run["rows_in"] or 0)
        return [newest[table] for table, _ in sizes.most_common()]

    def _live_runs(self) -> list[Row]:
        """Those of the live version, also ones that were killed, or failed early, and have no version.

        What the project has no more is not late.
        """
        return [
            run
            for run in self.runs
            if (self.nodes is None or str(run.get("node")) in self.nodes)
            and run["model_version"] in (self.live.version, None)
            and run.get("is_live") is not False
        ]

    def judged(self, run: Row) -> Row:
        """The run to judge by: `run`, or if it found nothing to score, the last one that scored the table.

        The rows that the earlier run rejected are still in the table.
        """
        if not limits.found_nothing(run):
            return run
        same = ("prediction_table", "model_version")
        earlier = (
            other
            for other in self.runs[self.runs.index(run) :]
            if other["status"] == SUCCESS
            and other["rows_in"]
            and all(other.get(column) == run.get(column) for column in same)
        )
        return next(earlier, run)

    def run_before(self, run: Row) -> str:
        """`new` or `continuing` for a run that went wrong, by the run before it into the same table."""
        for other in self.runs[self.runs.index(run) + 1 :]:
            same = other.get("prediction_table") == run.get("prediction_table")
            if same and other.get("is_live") is not False:
                is_bad = limits.ending(other).level in ("bad", "warn")
                return "continuing" if is_bad and stopped_by(other) == stopped_by(run) else "new"
        return ""


def gather(
    warehouse: Warehouse,
    name: str | None,
    number: int | None = None,
    results: DbtResults | None = None,
) -> list[ModelData]:
    """Everything about one ML model, or about all of them in the order of their names.

    `number` chooses the version to tell about; by default it is the champion, or else the newest. `results`
    know the models and the aliases of the project.
    """
    registries = {table.name.removeprefix("ml_"): table for table in warehouse.of_kind("registry")}
    if name is not None and name not in registries:
        raise RegistryError(
            warehouse.call,
            f"{warehouse.file.name!r} has no ML model {name!r}{did_you_mean(name, registries)}",
            expected=f"one of {', '.join(sorted(registries))}",
            action="correct the name, or load its seeds with `dbt seed`",
        )
    chosen = [name] if name is not None else sorted(registries)
    known = {one: _versions(warehouse, registries[one], one) for one in chosen}
    live = {one: _shown(versions, number) for one, versions in known.items()}
    tables = Monitors(warehouse, {one: version.version for one, version in live.items()})
    return [_data(tables, registries[one], one, known[one], live[one], results) for one in chosen]


def _versions(warehouse: Warehouse, registry: Table, name: str) -> list[Version]:
    rows = warehouse.rows(f"select * from {registry.quoted} order by version")
    if not rows:
        raise RegistryError(
            warehouse.call,
            f"{registry.name} has no rows",
            expected="one row per version",
            action=f"register a version of {name!r}, then run `dbt seed`",
        )
    return [Version.from_row(row) for row in rows]


def _shown(versions: list[Version], number: int | None) -> Version:
    """The version with this number, else the champion, else the newest."""
    champion = next((version for version in versions if CHAMPION in version.aliases), versions[-1])
    return next((version for version in versions if version.version == number), champion)


def _data(
    tables: Monitors,
    registry: Table,
    name: str,
    versions: list[Version],
    live: Version,
    results: DbtResults | None,
) -> ModelData:
    warehouse, log = tables.warehouse, tables.warehouse.run_log
    nodes, moved = (results.nodes, results.aliases.get(name)) if results else (None, None)
    now = datetime.now(UTC).replace(tzinfo=None)
    latest = now + timedelta(minutes=5)  # two machines may differ by as much
    reference = warehouse.beside(registry, "__reference")
    # the first that asks for it, as `retrain` does
    asked = sorted(tables.rows("retraining", ALL, name), key=lambda pair: not pair[1][0]["retrain"])
    retraining_table, retraining = asked[0] if asked else (None, [])
    rhythms = rhythms_of(warehouse, log, name, nodes or {}, latest) if log else []
    profiled = "select distinct ml_model, version from {table} where {live}"
    costs = "select * from {} where model_name = ? order by period_start desc, prediction_table limit ?"
    return ModelData(
        name=name,
        versions=versions,
        live=live,
        signature=_of_version(warehouse, warehouse.beside(registry, "__signature"), live, "position"),
        reference=_of_version(warehouse, reference, live, "part, name, bin"),
        reference_table=reference,
        profiles=[table for table, _ in tables.rows("profiles", profiled, name)],
        drift=tables.long("drift", name),
        performance=tables.long("performance", name),
        estimates=tables.long("estimates", name),
        joint=tables.long("joint", name),
        worst_segments=tables.long("worst_segments", name),
        sequential=tables.long("sequential", name),
        attribution=tables.long("attribution", name),
        calibration=[  # of two classes: the curve has one line
            row
            for row in tables.first("calibration", name, "mean_score")
            if row["positive_rate"] is not None and row.get("class_label") is None
        ],
        # of the newest version that has one, up to the one that is shown; most alarms first
        rehearsal=_of_version(
            warehouse,
            warehouse.beside(registry, "__rehearsal"),
            live,
            "alarm_rate_low desc, monitor, feature, metric",
            "(select max(version) from {} where version <= ?)",
        ),
        refit=_of_version(warehouse, warehouse.beside(registry, "__refit"), live, "measured_on"),
        retraining=retraining,
        retraining_table=retraining_table.quoted if retraining_table else "",
        comparisons=tables.first("comparison", name, "model_alias, segment, segment_value"),
        costs=[
            row
            for table in warehouse.of_kind("costs")[:1]
            for row in warehouse.rows(costs.format(table.quoted), [name, COSTS])
        ],
        contests=sorted(tables.first("contest", name, "model_alias"), key=place_of),
        runs=runs_of(warehouse, log, name, latest) if log else [],
        run_log=log.quoted if log else "",
        rhythms=[one for one in rhythms if nodes is None or one.node in nodes],
        nodes=nodes,
        tables={table.name for table in warehouse.tables},
        read_at=now,
        aliases=moved or {alias: version.version for version in versions for alias in version.aliases},
    )


def _of_version(
    warehouse: Warehouse, table: Table | None, live: Version, order: str, version: str = "?"
) -> list[Row]:
    """The rows of the version that is shown, or of another that the SQL `version` finds by its number."""
    if table is None:
        return []
    sql = f"select * from {table.quoted} where version = {version.format(table.quoted)} order by {order}"
    return warehouse.rows(sql, [live.version])
