"""The arguments of `score()` and of the macro `scored()`, checked before anything is read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from scorehouse.errors import ConfigurationError, listed
from scorehouse.kernel.rows import STRICT_CHOICES
from scorehouse.scoring.arguments import (
    Arguments,
    Count,
    Date,
    Name,
    Names,
    NameSet,
    Number,
    Numbers,
    argument,
    check_arguments,
    refuse,
    shown,
    unknown_words,
)
from scorehouse.scoring.decision import DecisionPolicy
from scorehouse.scoring.reasons import ReasonOptions

RULES = ("all", "given", "new", "changed", "updated_at", "feed")
PLANNED_RULES = ("new", "changed", "updated_at", "feed")  # rules that compare rows with the existing table
VANISHED_CHOICES = ("keep", "flag", "delete")
BACKENDS = ("auto", "estimator", "matrix", "native", "sql")
LAYOUTS = ("long", "wide")
READ_ROWS = 32_768  # rows that are read at a time; several batches are in memory at the same time
CORRECT = "correct the call"
AS_OF = "as_of"  # name of the column for an as-of date that is given as a value


class Rescore(Arguments):
    """Which rows a run scores.

    `rule`: `all` rebuilds the table; `given` scores the given rows and merges them by key; `new` scores keys
    that are not in the table yet; `changed` also scores rows whose features differ and rows that were scored
    by another version or with other settings; `updated_at` is like `changed`, but uses a column of
    timestamps; `feed` is like `changed`, but reads what changed from the change feed of a DuckLake.
    `updated_at`: that column. `lookback`: how far behind the newest timestamp of the last run an
    update may still have been committed, in seconds or as an interval (`2 days`). `vanished`: what happens to
    predictions whose row is no longer in the feature table. `max_rows`, `max_seconds`: the budget of one run;
    the next run scores the rest. `slice_rows`: under `all`, the rows of a slice, which is committed by itself
    so that a run that was stopped is resumed.
    """

    rule: Name = argument("all", "the name of a rule")
    updated_at: Name | None = argument(None, "the name of a column of timestamps")
    lookback: Name | Annotated[int | Number, Field(ge=0, le=1e10)] = argument(
        0, "seconds from 0, or an interval such as '2 days'"
    )
    vanished: Name = argument("keep", "'keep', 'flag' or 'delete'")
    max_rows: Count | None = argument(None, "a whole number above 0")
    max_seconds: Annotated[Number, Field(gt=0)] | None = argument(None, "a number above 0")
    slice_rows: Count | None = argument(None, "a whole number above 0")

    @property
    def has_budget(self) -> bool:
        return self.max_rows is not None or self.max_seconds is not None

    @classmethod
    def checked(cls, call: str, value: Any, *, history: bool) -> Rescore:
        """Read the argument `rescore`, a rule or a mapping of settings."""
        if not isinstance(value, str | Mapping):
            raise _bad(
                call,
                f"rescore is {shown(value)}",
                f"one of the rules {listed(RULES)}, or a mapping of settings",
            )
        settings: dict[str, Any] = {"rule": value} if isinstance(value, str) else dict(value)
        is_given = settings.get("rule") is not None
        if not is_given:
            settings["rule"] = "changed" if settings.get("updated_at") is None else "updated_at"
        rescore = check_arguments(cls, settings, call, "rescore")
        if history:  # it only grows
            if (is_given and rescore.rule not in ("all", "new")) or rescore.vanished != "keep":
                raise _bad(
                    call,
                    f"rescore is {value!r} for a prediction history (as_of was given)",
                    "no rescore, or only its budget: a history is appended to and never rescored",
                )
            rescore = rescore.model_copy(update={"rule": "new"})
        rule, vanished = rescore.rule, rescore.vanished
        _one_of(call, "rescore", {rule}, RULES)
        _one_of(call, "rescore vanished", {vanished}, VANISHED_CHOICES)
        rules = [
            (
                (rescore.updated_at is not None) != (rule == "updated_at"),
                f"rescore has the rule {rule!r} and updated_at {rescore.updated_at!r}",
                "the rule 'updated_at' together with updated_at, the name of a column",
                CORRECT,
            ),
            (
                rule not in PLANNED_RULES and (rescore.has_budget or vanished != "keep"),
                f"rescore has the rule {rule!r} and a budget or vanished={vanished!r}",
                f"one of the rules {listed(PLANNED_RULES)}, which read the existing table",
                CORRECT,
            ),
            (
                rescore.slice_rows is not None and rule != "all",
                f"rescore has the rule {rule!r} and slice_rows",
                "the rule 'all'; others have the budget max_rows, and a history is backfilled in slices",
                CORRECT,
            ),
        ]
        refuse(call, rules)
        return rescore


class ScoreOptions(Arguments):
    """The arguments, checked.

    `key`: columns that identify a row; `alias`, `version`: which versions score, the first one is live;
    `passthrough`: feature table columns to keep; `group`: column of the groups within which a ranking ranks;
    `strict`: checks that reject rows even if the pipeline accepts them; `max_rejected_share`: the run fails
    above it; `as_of`: column, or date, of a prediction history; `decision`: how to decide from the score;
    `batch_rows`: rows per call of the estimator (None: measured); `backend`: what scores; `layout`:
    several versions as one row each, or as columns of one row; `reasons`: why a row has its score.
    """

    LISTS = ("key", "alias", "version", "passthrough", "strict")

    key: Names = argument((), "the name of the column that identifies a row, or a list of names, each once")
    alias: Names = argument(("champion",), "an alias, or a list of aliases, each once")
    version: Numbers = argument((), "the number of a version, or a list of numbers, each once")
    passthrough: Names = argument((), "the name of a column to keep, or a list of names, each once")
    group: Name | None = argument(None, "the name of the column within which to rank")
    rescore: Rescore = Field(default_factory=Rescore)
    strict: NameSet = argument(frozenset(), "the name of a check, or a list of names")
    max_rejected_share: Annotated[Number, Field(ge=0, le=1)] | None = argument(
        None, "a share between 0 and 1"
    )
    batch_rows: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = argument(None, "a positive number of rows")
    as_of: Date | None = argument(None, "the name of a column, or a date such as '2024-01-31'")
    decision: DecisionPolicy | None = None
    backend: Name = argument("auto", "the name of a backend, such as 'auto'")
    layout: Name = argument("long", "'long' or 'wide'")
    reasons: ReasonOptions | None = None

    @property
    def read_rows(self) -> int:
        """The number of rows of a record batch that is read."""
        return self.batch_rows or READ_ROWS

    @property
    def as_of_value(self) -> str | None:
        """The as-of date, if a date was given and not the name of a column."""
        return self.as_of if self.as_of is not None and _is_date(self.as_of) else None

    @property
    def as_of_column(self) -> str | None:
        """The column of a history's as-of date."""
        return AS_OF if self.as_of_value is not None else self.as_of

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that identify a row: the key, and in a history the as-of date."""
        dated = self.as_of_column
        return self.key if dated is None else tuple(dict.fromkeys([*self.key, dated]))

    @property
    def table_key(self) -> tuple[str, ...]:
        """The columns that identify a row of the prediction table."""
        return (*self.row_key, "model_alias") if self.in_parts else self.row_key

    @property
    def in_parts(self) -> bool:
        """Whether each version has its own row, so that key and alias identify a prediction."""
        return self.several and self.layout == "long"

    @property
    def is_wide(self) -> bool:
        """Whether versions share one row, side by side."""
        return self.several and self.layout == "wide"

    @property
    def ranks_by_score(self) -> bool:
        """Whether a decision depends on the scores of other rows."""
        return self.decision is not None and self.decision.top_n is not None

    @property
    def several(self) -> bool:
        """Whether several versions score in one scan."""
        return len(self.alias) + len(self.version) > 1

    @classmethod
    def checked(cls, call: str, **values: Any) -> ScoreOptions:
        """Build from loose arguments; raises ConfigurationError for any that cannot be used."""
        given = {name: value for name, value in values.items() if value is not None}
        history = "as_of" in given
        if "rescore" in given or history:
            given["rescore"] = Rescore.checked(call, given.get("rescore", "all"), history=history)
        if "decision" in given:
            given["decision"] = DecisionPolicy.checked(call, given["decision"])
        if "reasons" in given:
            given["reasons"] = ReasonOptions.checked(call, given["reasons"], given.get("decision"))
        options = check_arguments(cls, given, call)
        if options.version:
            options = options.model_copy(update={"alias": ()})
        rules = [
            (
                not options.key,
                "no key was given",
                "the column or columns that identify a feature row",
                CORRECT,
            ),
            (
                not (options.alias or options.version),
                "neither alias nor version was given",
                "at least one of them",
                CORRECT,
            ),
            (
                options.rescore.slice_rows is not None
                and (options.several or options.group is not None or options.ranks_by_score),
                "rescore has slice_rows together with several versions, a group or top_n",
                "one version whose rows are independent of each other",
                "leave out slice_rows",
            ),
        ]
        refuse(call, rules)
        _one_of(call, "strict", options.strict, STRICT_CHOICES)
        _one_of(call, "backend", {options.backend}, BACKENDS)
        _one_of(call, "layout", {options.layout}, LAYOUTS)
        return options

    def of_request(self, *, partial: bool) -> ScoreOptions:
        """The options of a run; if dbt limited the features, missing rows have not vanished."""
        if not partial or self.rescore.vanished == "keep":
            return self
        return self.model_copy(update={"rescore": self.rescore.model_copy(update={"vanished": "keep"})})

    def to_json(self) -> str:
        """Canonical JSON for the run log."""
        values = {**self.model_dump(), "strict": sorted(self.strict)}
        values["reasons"] = self.reasons and self.reasons.settings()
        return json.dumps(values, sort_keys=True)


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _one_of(call: str, name: str, given: Collection[str], allowed: Sequence[str]) -> None:
    if wrong := sorted(set(given) - set(allowed)):
        raise unknown_words(call, name, wrong, allowed, f"{name} among {listed(allowed)}", CORRECT)


def _bad(call: str, problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=expected, action=CORRECT)
