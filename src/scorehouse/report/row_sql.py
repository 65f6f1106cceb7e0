"""SQL of the rows behind a number: rows of the feature table or of the prediction table.

Each statement is bound against the warehouse before it is shown, so none is shown that cannot run; of another
database than DuckDB, against copies of its tables, and is then written as that database reads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cached_property

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.report.contests import SMALL as POOL
from scorehouse.report.distributions import Distribution, Key, distributions
from scorehouse.report.gather import ModelData
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import row_window

# One condition of a segment, as `worst_segments` names it: `carrier=MQ`, `delay <= -2`, `delay from -2 to 9`.
NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
PARTS = (
    (re.compile(rf"(\S+) from {NUMBER} to {NUMBER}"), "{0} > {1}\n    and {0} <= {2}"),
    (re.compile(rf"(\S+) (<=|>) {NUMBER}"), "{0} {1} {2}"),
    (re.compile(r"(\S+) ?= ?\(null\)"), "{0} is null"),
)
SMALL = 1e-4  # the share that stands for none, as in PSI


class Rows:
    """Writes the SQL of rows for one ML model; the distributions of the newest window are read once."""

    def __init__(self, warehouse: Warehouse, data: ModelData) -> None:
        self.warehouse = warehouse
        self.data = data

    @cached_property
    def found(self) -> dict[Key, Distribution]:
        window = self.data.drift[0].windows[-1] if self.data.drift else None
        return distributions(self.warehouse, self.data, window)

    @property
    def named_target(self) -> Row:
        """The number of an alert whose action is to retrain: the target that was read, if one was."""
        return {"target": self.warehouse.target} if self.warehouse.target else {}

    @cached_property
    def run(self) -> Row | None:
        """The newest run that scored rows of the largest table, which knows where its features are."""
        scored = [run for run in self.data.runs if run["status"] == "success" and run["rows_in"]]
        tables = [run.get("prediction_table") for run in self.data.newest_runs()]
        own = (run for table in tables for run in scored if run.get("prediction_table") == table)
        return next(own, next(iter(scored), None))

    def of_drift(self, row: Row) -> str:
        """Rows that are missing, unseen or out of range, or those of the bin that moved most."""
        names = ", ".join(DUCKDB.quote(one["feature"]) for one in self.data.signature)
        is_repeated = row["metric"] == "repeated_share"
        if is_repeated:
            copies = _other_than("copies", [one["feature"] for one in self.data.signature])
            last = f"where {copies} > 1\norder by {names}" if names else ""
        else:
            segment = [] if row["segment"] == "all" else [_part(row["segment"])]
            # all rows of a segment with one value only; the bin that moved most is that of all rows together
            whole = bool(segment) and row["metric"] == "constant_value"
            conditions = segment if whole else [self._where(row), *segment]
            last = "where " + "\n    and ".join(conditions) if all(conditions) else ""
        if self.run is None or not last:
            return ""
        source = str(self.run["prediction_table"]) if row["part"] == "output" else self._features()
        if is_repeated:
            counted = f"select *, count(*) over (partition by {names}) as {copies}"
            source = f"(\n    {counted}\n    from {source}\n) as counted"
        return self.shown(f"{_when(row)}\nselect *\nfrom {source}\n{last}")

    def _features(self) -> str:
        """The features that the newest run read, as a subquery."""
        assert self.run is not None
        original = self.warehouse.original
        return f"(\n    {_read_as(self._logged, original.mark if original else DUCKDB.mark)}\n) as features"

    @property
    def _logged(self) -> str:
        """The query of the features, as its database reads it."""
        return str((self.run or {}).get("feature_query") or "").strip().rstrip(";")

    def logged(self, table: str) -> str:
        """The name of a prediction table as the run log of its database has it."""
        original = self.warehouse.original
        return table.replace(DUCKDB.mark, original.mark) if original else table

    def written(self, sql: str) -> str:
        """A statement as the database of the tables reads it, in which the logged query stays as it is."""
        original = self.warehouse.original
        if original is None:
            return sql
        copied = _read_as(self._logged, original.mark)
        parts = sql.split(copied) if copied else [sql]
        return self._logged.join(map(original.spelled, parts))

    def of_performance(self, row: Row) -> str:
        """Scored rows of the segment, to join with the labels."""
        if self.run is None:
            return ""
        conditions = [f"model_version = {row['version']}", "row_status = 'scored'"]
        names, _, values = row["segment"].partition("=")
        if values and "+" not in names and values != POOL:
            conditions.append(f"cast({DUCKDB.quote(names)} as varchar) = {DUCKDB.literal(values)}")
        table = self.run["prediction_table"]
        where = "\n    and ".join(conditions)
        return self.shown(
            f"{_when(row)}; join the labels by {self.run['key_columns']}\n"
            f"select *\nfrom {table}\nwhere {where}"
        )

    def of_segment(self, row: Row) -> str:
        """The rows of a segment, from the features, or from the predictions if they have its columns."""
        conditions = [_part(text) for text in row["segment"].split(" and ")]
        if self.run is None or not all(conditions):
            return ""
        where = "\n    and ".join(conditions)
        for source in (self._features(), str(self.run["prediction_table"])):
            if found := self.shown(f"{_when(row)}\nselect *\nfrom {source}\nwhere {where}"):
                return found
        return ""

    def of_pair(self, names: Sequence[str]) -> str:
        """The values of two features, to be drawn against each other."""
        if self.run is None or not names:
            return ""
        columns = [DUCKDB.quote(name) for name in names]
        where = " is not null\n    and ".join(columns)
        return self.shown(f"select {', '.join(columns)}\nfrom {self._features()}\nwhere {where} is not null")

    def shown(self, sql: str) -> str:
        """The SQL if the warehouse can run it, else without the name of the database; else empty."""
        database = str(self.run["prediction_table"]).partition(".")[0] if self.run else ""
        for candidate in (sql, sql.replace(f"{database}.", "") if database else sql):
            try:
                self.warehouse.connection.execute(f"explain {candidate}")
            except duckdb.Error:
                continue
            return self.written(candidate)
        return ""

    def _where(self, row: Row) -> str:
        """The condition of the rows behind a number of drift; empty if it is not known."""
        column = DUCKDB.quote(row["feature"])
        signature = next((one for one in self.data.signature if one["feature"] == row["feature"]), None)
        if row["metric"] in ("missing_share", "filled_share"):
            return f"{column} is {'not ' if row['metric'] == 'filled_share' else ''}null"
        if row["part"] == "feature" and row["feature"] in self.data.ages:
            return ""  # the report does not know which column is the time of a row
        if row["metric"] in ("out_of_range_share", "extreme_value") and signature:
            low, high = signature["minimum"], signature["maximum"]
            return f"({column} < {low!r} or {column} > {high!r})" if low is not None else ""
        if row["metric"] == "unseen_share" and self.data.reference_table:
            return (
                f"cast({column} as varchar) not in (\n    select category\n"
                f"    from {self.data.reference_table.quoted}\n"
                f"    where version = {row['version']}\n        and part = '{row['part']}'\n"
                f"        and name = {DUCKDB.literal(row['feature'])}\n        and row_count > 0\n"
                "        and category is not null\n)"
            )
        return self._moved(row, column)

    def _moved(self, row: Row, column: str) -> str:
        """The bin whose share has grown most, as a condition."""
        distribution = self.found.get((row["part"], row["feature"]))
        if distribution is None or not distribution.has_current:
            return ""
        bins = [one for one in distribution.rows.values() if one["kind"] in ("numeric", "category", "unseen")]
        if not bins:
            return ""
        total = sum(one["reference"] for one in bins) or 1
        now = sum(one["current"] for one in bins) or 1
        most = max(bins, key=lambda one: _growth(one["reference"] / total, one["current"] / now))
        if most["kind"] != "numeric":
            value = most["category"]
            return "" if value is None else f"cast({column} as varchar) = {DUCKDB.literal(str(value))}"
        sides = [
            f"{column} {sign} {most[side]!r}"
            for side, sign in (("lower", ">"), ("upper", "<="))
            if most[side] is not None
        ]
        return "\n    and ".join(sides)


def _other_than(name: str, known: Sequence[str]) -> str:
    """A name for a column beside those that are known."""
    while name in map(str.lower, known):
        name += "_"
    return name


def _read_as(query: str, mark: str) -> str:
    """A query of another database, as far as DuckDB can read it."""
    return query.replace(mark, DUCKDB.mark)


def rejected_rows(run: Row) -> str:
    """The rows that a run rejected, with their reasons."""
    return (
        f"select *\nfrom {run['prediction_table']}\nwhere row_status = 'rejected'\n"
        f"    and model_version = {run['model_version']}\norder by reject_reason"
    )


def _part(text: str) -> str:
    """One condition of a segment as SQL; empty if it cannot be told what it says, or who is in it."""
    for pattern, sql in PARTS:
        if found := pattern.fullmatch(text):
            name, *rest = found.groups()
            return sql.format(DUCKDB.quote(name), *rest)
    name, equals, value = text.partition("=")
    if not equals or value == POOL:
        return ""
    return f"cast({DUCKDB.quote(name)} as varchar) = {DUCKDB.literal(value)}"


def _growth(before: float, now: float) -> float:
    before, now = max(before, SMALL), max(now, SMALL)
    return (now - before) * math.log(now / before) if now > before else 0.0


def _when(row: Row) -> str:
    """A comment: the report does not know by which column the window was cut."""
    return f"-- of all days; the alert is about {row_window(row)}"
