"""Everything that a warehouse has about one ML model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scorehouse.errors import RegistryError, did_you_mean
from scorehouse.project.run_log_place import NOT_FINISHED, STARTED, SUCCESS
from scorehouse.registry.version import Version
from scorehouse.report import limits
from scorehouse.report.contests import place_of
from scorehouse.report.monitors import ALL, Long, Monitors
from scorehouse.report.rhythm import Rhythm, rhythms_of, runs_of
from scorehouse.report.warehouse import Row, Table, Warehouse

CHAMPION = "champion"
COSTS = 12  # periods and tables


@dataclass
class ModelData:
    """The rows of all monitoring tables about one ML model; a list is empty when its table has none."""

    name: str
    versions: list[Version]
    live: Version
    signature: list[Row] = field(default_factory=list)
    reference: list[Row] = field(default_factory=list)
    reference_table: Table | None = None
    profiles: list[Table] = field(default_factory=list)
    drift: list[Long] = field(default_factory=list)
    performance: list[Long] = field(default_factory=list)
    estimates: list[Long] = field(default_factory=list)
    joint: list[Long] = field(default_factory=list)
    worst_segments: list[Long] = field(default_factory=list)
    sequential: list[Long] = field(default_factory=list)
    attribution: list[Long] = field(default_factory=list)
    calibration: list[Row] = field(default_factory=list)
    retraining: list[Row] = field(default_factory=list)
    retraining_table: Table | None = None
    comparisons: list[Row] = field(default_factory=list)
    costs: list[Row] = field(default_factory=list)
    contests: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    run_log: Table | None = None
    rhythms: list[Rhythm] = field(default_factory=list)
    nodes: Mapping[str, float | None] | None = None
    # UTC without a zone, as in the run log
    read_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))

    @property
    def ages(self) -> dict[str, Row]:
        """The training range, in days, of each feature that is a date and judged by its age."""
        dates = {row["name"] for row in self.reference if row["kind"] == "age"}
        return {row["name"]: row for row in self.reference if row["kind"] == "range" and row["name"] in dates}

    def has_node(self, node: str) -> bool:
        """Whether the project has a dbt model (or is not known): what it has no more is not late."""
        return self.nodes is None or node in self.nodes

    def newest_runs(self) -> list[Row]:
        """The newest run of the live version in each prediction table, the largest table first."""
        newest: dict[str, Row] = {}
        sizes: Counter[str] = Counter()
        for run in self.runs:  # one that was killed, or failed early, has no version and no rows
            if not self.has_node(str(run.get("node"))):
                continue
            if run["model_version"] in (self.live.version, None) and run.get("is_live") is not False:
                table = str(run.get("prediction_table") or run.get("node"))
                newest.setdefault(table, run)
                sizes[table] = max(sizes[table], run["rows_in"] or 0)
        return [newest[table] for table, _ in sizes.most_common()]

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


def run_status(run: Row) -> str:
    """The status of a run as the page shows it."""
    return NOT_FINISHED if run["status"] == STARTED else str(run["status"])


def reject_reasons(run: Row) -> Counter[str]:
    """The rows that a run rejected, by reason."""
    return Counter(json.loads(run.get("reject_reasons") or "{}"))


def table_name(run: Row) -> str:
    """Name of the prediction table of a run, without database and schema."""
    return str(run.get("prediction_table") or run.get("node") or "").rpartition(".")[2].strip('"`')


def gather(
    warehouse: Warehouse,
    name: str | None,
    number: int | None = None,
    nodes: Mapping[str, float | None] | None = None,
) -> list[ModelData]:
    """Everything about one ML model, or about all of them in the order of their names.

    `number` chooses the version to tell about; by default it is the champion, or else the newest. `nodes` are
    the models of the project, if it is known, with the age in hours that a test allows their predictions.
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
    models = [_registered(warehouse, one, registries[one], number, nodes) for one in chosen]
    tables = Monitors(warehouse, {data.name: data.live.version for data in models})
    for data in models:
        _add_runs(warehouse, data)
        _add_monitors(warehouse, tables, data)
    return models


def _registered(
    warehouse: Warehouse,
    name: str,
    registry: Table,
    number: int | None,
    nodes: Mapping[str, float | None] | None,
) -> ModelData:
    """An ML model with what its seeds say."""
    rows = warehouse.rows(f"select * from {registry.quoted} order by version")
    versions = [Version.from_row(row) for row in rows]
    if not versions:
        raise RegistryError(
            warehouse.call,
            f"{registry.name} has no rows",
            expected="one row per version",
            action=f"register a version of {name!r}, then run `dbt seed`",
        )
    live = next((version for version in versions if CHAMPION in version.aliases), versions[-1])
    live = next((version for version in versions if version.version == number), live)
    data = ModelData(name, versions, live, nodes=nodes)
    data.reference_table = warehouse.beside(registry, "__reference")
    data.signature = _of_version(warehouse, warehouse.beside(registry, "__signature"), live, "position")
    data.reference = _of_version(warehouse, data.reference_table, live, "part, name, bin")
    return data


def _add_monitors(warehouse: Warehouse, tables: Monitors, data: ModelData) -> None:
    name = data.name
    profiled = "select distinct ml_model, version from {table} where {live}"
    data.profiles = [table for table, _ in tables.rows("profiles", profiled, name)]
    data.drift = tables.long("drift", name)
    data.performance = tables.long("performance", name)
    data.estimates = tables.long("estimates", name)
    data.joint = tables.long("joint", name)
    data.worst_segments = tables.long("worst_segments", name)
    data.sequential = tables.long("sequential", name)
    data.attribution = tables.long("attribution", name)
    _, calibration = tables.first("calibration", name, "mean_score")
    data.calibration = [  # of two classes: the curve has one line
        row for row in calibration if row["positive_rate"] is not None and row.get("class_label") is None
    ]
    asked = list(tables.rows("retraining", ALL, name))  # the first that asks for it, as `retrain` does
    asked.sort(key=lambda pair: not pair[1][0]["retrain"])
    data.retraining_table, data.retraining = asked[0] if asked else (None, [])
    _, data.comparisons = tables.first("comparison", name, "model_alias, segment, segment_value")
    _, contests = tables.first("contest", name, "model_alias")
    data.contests = sorted(contests, key=place_of)
    for table in warehouse.of_kind("costs")[:1]:
        sql = f"select * from {table.quoted} where model_name = ? order by period_start desc"
        data.costs = warehouse.rows(f"{sql}, prediction_table limit {COSTS}", [name])


def _add_runs(warehouse: Warehouse, data: ModelData) -> None:
    if (log := warehouse.run_log) is None:
        return
    now = data.read_at + timedelta(minutes=5)  # two machines may differ by as much
    data.run_log, data.runs = log, runs_of(warehouse, log, data.name, now)
    rhythms = rhythms_of(warehouse, log, data.name, data.nodes or {}, now)
    data.rhythms = [one for one in rhythms if data.has_node(one.node)]


def _of_version(warehouse: Warehouse, table: Table | None, live: Version, order: str) -> list[Row]:
    if table is None:
        return []
    return warehouse.rows(f"select * from {table.quoted} where version = ? order by {order}", [live.version])
