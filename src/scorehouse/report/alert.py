"""An alert as data: a code, what it is about, and its numbers. `alert_words.py` says it in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scorehouse.report.alert_words import FAULTS, SHORT, WORDS, phrase
from scorehouse.report.warehouse import Row

FAULT = "data fault"
# How a cause is called, by its topic, in the order of repair: those below may follow from those above.
KINDS = {
    "runs": "pipeline",
    "sources": "source",
    "tests": "dbt test",
    "quality": "data quality",
    "labels": "labels",
    "drift": "drift",
    "scores": "score drift",
    "segments": "segment",
    "sequential": "performance",
    "performance": "performance",
    "retraining": "retraining",
}
ALIKE = 3  # facts of one kind that are told of a cause; the others are counted
REPAIR = (FAULT, *dict.fromkeys(KINDS.values()))


@dataclass(frozen=True)
class Subject:
    """What an alert is about; alerts about one subject are one cause.

    `kind` is `feature`, `pair`, `rows`, `scores`, `performance`, `labels`, `segments` (with the metric as
    `name`), `run`, `failure` (of a run), `table` or `input` (with the prediction table),
    `retraining`, `version`, `dbt`, or `source`.
    """

    kind: str
    name: str = ""


@dataclass(frozen=True)
class Alert:
    """What is wrong. `level` is `bad` or `warn`; `numbers` is what its words say beside `row`.

    `row` is the row of a monitoring table. `also` are the other alerts of the cause, set when alerts are
    grouped, and `together` the features that change with this one. `rows_sql` selects the rows behind the
    number; empty if they are not known. `state` is `new`, `continuing` or empty (nothing to compare with),
    and `since` names the window in which it began. `action` mends it, if that is known of this one.
    `first` says that it is to be mended first, of several kinds.
    """

    code: str
    level: str
    subject: Subject
    sql: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    row: Row | None = None
    rows_sql: str = ""
    state: str = ""
    since: str = ""
    anchor: str = ""
    action: str = ""
    also: tuple[Alert, ...] = ()
    together: tuple[str, ...] = ()
    first: bool = False

    @property
    def topic(self) -> str:
        """The section of the report that it belongs to."""
        return WORDS[self.code].topic

    @property
    def kind(self) -> str:
        """How the cause is called: a data fault, also one that stopped the scoring, or by its topic."""
        stopped = self.code == "run_skipped" and self.numbers["of_test"]
        return FAULT if self.is_fault or stopped else KINDS[self.topic]

    @property
    def repair(self) -> int:
        """Its place in the order of repair."""
        return REPAIR.index(self.kind)

    @property
    def title(self) -> str:
        """One sentence without a full stop."""
        said = phrase(WORDS[self.code].title, self.row or {}, self.numbers)
        if not self.together:
            return said
        goes = "which goes" if len(self.together) == 1 else "which go"
        return f"{said}, with {' and '.join(self.together)}, {goes} together with it"

    @property
    def short(self) -> str:
        """Its title, without the reason where one may be long, for a page that has the title as well."""
        return phrase(SHORT[self.code], {}, self.numbers) if self.code in SHORT else self.title

    @property
    def text(self) -> str:
        """The numbers behind the title."""
        said = phrase(WORDS[self.code].text, self.row or {}, self.numbers)
        said += f"; {self.numbers['behind']}" if self.numbers.get("behind") else ""
        return f"{said}. {self.numbers['moved_by']}" if self.numbers.get("moved_by") else said

    @property
    def what_to_do(self) -> str:
        """Its command, or what its code tells."""
        return self.action or phrase(WORDS[self.code].action, self.row or {}, self.numbers)

    @property
    def told(self) -> list[Alert]:
        """Its other facts, of each kind only the first few."""
        counts = Counter([self.code])
        shown = []
        for one in self.also:
            counts[one.code] += 1
            if counts[one.code] <= ALIKE:
                shown.append(one)
        return shown

    @property
    def untold(self) -> str:
        """How many of its other facts are not among those."""
        return f"and {count} more" if (count := len(self.also) - len(self.told)) else ""

    @property
    def fault(self) -> int:
        """Its place among the kinds of data faults, the most specific first; the last place if it is none."""
        return FAULTS.index(self.code) if self.code in FAULTS else len(FAULTS)

    @property
    def is_fault(self) -> bool:
        """Whether the data are at fault."""
        return self.code in FAULTS

    @property
    def feature(self) -> str | None:
        """The feature that it is about, if it is about one."""
        return self.subject.name if self.subject.kind == "feature" else None
