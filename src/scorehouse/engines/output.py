"""The columns that the database adds to a scored row: rank, decision, status and audit columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from scorehouse.dialect import DUCKDB, Spelling
from scorehouse.engines.columns import FEATURE_HASH, PART, Columns, of_part
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part
from scorehouse.scoring.request import RunRecord

BATCHES = "scorehouse_batches"
TABLE_SCORED = "row_status = 'scored'"  # in the prediction table
MODEL_VERSION = "model_version"


def wide_suffixes(options: ScoreOptions, records: Sequence[RunRecord]) -> list[str]:
    """The suffixes of each version's columns, the live version's first; empty for the long layout."""
    return [record.part.suffix for record in records if record.part] if options.is_wide else []


def absent_suffixes(options: ScoreOptions, records: Sequence[RunRecord]) -> list[str]:
    """The suffixes of columns that stay NULL in a wide table: those of aliases that no version has.

    The first challenger then fills columns that are there, and the table need not be rebuilt.
    """
    scoring = {record.part.alias for record in records if record.part}
    return [f"__{alias}" for alias in options.alias if options.is_wide and alias not in scoring]


def added_columns(options: ScoreOptions, outputs: Sequence[str], records: Sequence[RunRecord]) -> list[str]:
    """Columns of the prediction table that options add to the ones that every table has."""
    names = ["model_alias", "is_live"] if options.in_parts else []
    names += ["rank"] if _ranks(records) else []
    if options.decision:
        names += ["decision", "band", "decision_policy"]
    for suffix in wide_suffixes(options, records)[1:] + absent_suffixes(options, records):
        names += [name + suffix for name in (*outputs, MODEL_VERSION)]
    return names + (["is_vanished"] if options.rescore.vanished == "flag" else [])


def _ranks(records: Sequence[RunRecord]) -> bool:
    return any(record.part and record.part.version.task == "ranking" for record in records)


class Output:
    """SQL over the stream of scored batches, and over the prediction table that it goes into.

    `types` are the types to cast columns to that bypass the kernel; `scored` are the kernel's columns.
    """

    def __init__(
        self,
        columns: Columns,
        types: Mapping[str, str],
        scored: Sequence[str],
        options: ScoreOptions,
        records: list[RunRecord],
        spelling: Spelling = DUCKDB,
    ) -> None:
        self.columns = columns
        self.spelling = spelling
        self.types = types
        self.scored = [name for name in scored if name != REJECT_REASON]
        self.options = options
        self.records = records
        self.keys = [spelling.quote(name) for name in columns.key]

    @property
    def needs_all_rows(self) -> bool:
        """Whether all rows have to be collected to rank them."""
        return bool(self.columns.group) or self.options.ranks_by_score

    def select(self, rows: str = BATCHES, *, without: Collection[str] = ()) -> str:
        """The finished rows of `rows`, with the columns of the prediction table in order."""
        quote = self.spelling.quote
        columns = (f"{sql} as {quote(name)}" for name, sql in self.values().items() if name not in without)
        return f"select {', '.join(columns)} from {rows}"

    def derived(self) -> dict[str, str]:
        """SQL of the columns that follow from others, or are the same in all rows that one version scores.

        It has no casts, for a place that gives the columns their types: DuckDB binds the expressions of a
        table again for every 2,048 rows that are inserted.
        """
        names = ["row_status", "model_name", "model_version", "model_digest", "scoring_run_id", "scored_at"]
        names += [MODEL_VERSION + suffix for suffix in wide_suffixes(self.options, self.records)[1:]]
        names += ["decision_policy"] if self.options.decision else []
        values = self._values(lambda sql, _: sql)
        return {name: values[name] for name in names}

    def decided_again(self, beyond: str = "") -> dict[str, str]:
        """SQL of the columns of the decision over the whole prediction table; empty if nothing decides.

        `beyond` is as in `DecisionPolicy.expressions`.
        """
        policy = self.options.decision
        if policy is None:
            return {}
        return policy.expressions(TABLE_SCORED, self.keys, self.table_parts, self.spelling, beyond)

    @property
    def table_parts(self) -> list[str]:
        """The columns of the prediction table that split it into parts which are decided by themselves."""
        return [*(["model_alias"] if self.options.in_parts else []), *self._as_of]

    def values(self) -> dict[str, str]:
        """SQL of each column of the prediction table, in order."""
        return self._values(lambda sql, kind: f"cast({sql} as {kind})")

    def _values(self, cast: Callable[[str, str], str]) -> dict[str, str]:
        options = self.options
        kept = (*self.columns.key, *self.columns.passthrough)
        values = {name: self._kept(name) for name in kept}
        values |= {name: self.spelling.quote(name) for name in self.scored}
        if _ranks(self.records):
            values["rank"] = self._rank()
        if options.decision:
            within = [PART, *self._as_of]
            values |= options.decision.expressions(
                f"{REJECT_REASON} is null", self.keys, within, self.spelling
            )
        return values | self._audit(cast)

    def _kept(self, name: str) -> str:
        quoted = self.spelling.quote(name)
        return f"cast({quoted} as {self.types[name]})" if name in self.types else quoted

    def _audit(self, cast: Callable[[str, str], str]) -> dict[str, str]:
        """The status of each row, and the version and run that made it; `cast` gives SQL a type."""
        record, text = self.records[0], self.spelling.literal
        status = f"case when {REJECT_REASON} is null then 'scored' else 'rejected' end"
        if record.request.staging:  # dbt's own materializations compare types themselves
            status = cast(status, self.spelling.status)
        values = {
            "row_status": status,
            REJECT_REASON: REJECT_REASON,
            "model_name": self._of_part(lambda part: text(part.version.name)),
            "model_version": cast(self._of_part(lambda part: str(part.version.version)), "integer"),
        }
        if self.options.in_parts:
            values["model_alias"] = self._of_part(lambda part: text(part.label))
            values["is_live"] = f"{PART} = 0"
        run_ids = [text(record.row_run_id) for record in self._named]
        values |= {
            "model_digest": self._of_part(lambda part: text(part.version.sha256)),
            "scoring_run_id": cast(of_part(run_ids), self.spelling.run_id),
            "scored_at": cast(text(record.started_at.isoformat(sep=" ")[:26]), self.spelling.time),
            FEATURE_HASH: FEATURE_HASH,
        }
        values |= self._challengers(cast)
        if self.options.rescore.vanished == "flag":
            values["is_vanished"] = "false"
        return values

    def _challengers(self, cast: Callable[[str, str], str]) -> dict[str, str]:
        """The columns of the versions that are not live, in a wide table."""
        values: dict[str, str] = {}
        for suffix, record in zip(wide_suffixes(self.options, self.records), self.records, strict=False):
            if record.part and not record.part.is_live:
                names = [name + suffix for name in (*self.scored, REJECT_REASON)]
                values |= {name: self.spelling.quote(name) for name in names}
                values[MODEL_VERSION + suffix] = cast(str(record.part.version.version), "integer")
        for suffix in absent_suffixes(self.options, self.records):
            for name in (*self.scored, REJECT_REASON):
                values[name + suffix] = f"case when false then {self.spelling.quote(name)} end"
            values[MODEL_VERSION + suffix] = "cast(null as integer)"
        return values

    @property
    def _as_of(self) -> list[str]:
        """The as-of date of a history, which splits ranks and positions."""
        name = self.options.as_of_column
        return [] if name is None else [self.spelling.quote(name)]

    def _of_part(self, text: Callable[[Part], str]) -> str:
        return of_part([text(record.part) for record in self._named if record.part])

    @property
    def _named(self) -> list[RunRecord]:
        """The runs that rows refer to: in a wide table, only the run of the live version."""
        return self.records[:1] if self.options.is_wide else self.records

    def _rank(self) -> str:
        """Rank within the group, best score first; the key breaks ties; NULL for rejected rows."""
        groups = [self.spelling.quote(name) for name in self.columns.group]
        group = ", ".join([*groups, *self._as_of, PART])
        return (
            f"case when {REJECT_REASON} is null then row_number() over (partition by {group}, "
            f"{REJECT_REASON} is null order by score desc, {', '.join(self.keys)}) end"
        )
