"""What a prediction table must hold, in plain Python: the rules of rescoring, without the package's SQL.

It follows the user's guide (docs/how-to/rescore.md, backfill.md, decide.md) row by row, over dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from oracle.values import Features, Key, Outcome, Settings, Version

PLANNED = ("new", "changed", "updated_at")
STATES = ("new", "changed", "stale", "unchanged", "vanished")

Slice = tuple[date, date]  # as-of dates from the first to before the second


@dataclass(frozen=True)
class Prediction:
    """A row of the prediction table, and what the run log knows of the run that made it.

    `basis` is None, as `watermark` and `hashed`, where the run log lost the run.
    """

    made_from: Features
    outcome: Outcome
    version: int
    is_live: bool
    run: int
    basis: Any
    watermark: datetime | None
    hashed: bool = True
    vanished: bool = False
    decided: tuple[str | None, str | None] = (None, None)
    policy: Any = None


@dataclass
class LoggedRun:
    """What the run log must tell of one version in one run; `states` is None where no rule looked."""

    states: dict[str, int] | None
    rows_in: int
    rejected: int
    rows_left: int


@dataclass
class Table:
    """One prediction table, by key and label of the version (its alias, where several score)."""

    settings: Settings
    rows: dict[tuple[Key, str], Prediction] = field(default_factory=dict)
    exists: bool = False
    columns: tuple[Any, ...] = ()
    live: str = ""  # label of the live version, when the table was last written

    def replaces(self, refresh: bool) -> bool:
        """Whether a run builds the table anew."""
        rebuilds = self.settings.rule == "all" or (refresh and not self.settings.history)
        return not self.exists or rebuilds

    def refuses(self, refresh: bool) -> bool:
        """Whether a run must end with an error, since the table has other columns."""
        return not self.replaces(refresh) and self.columns != self.settings.columns

    def run(
        self,
        number: int,
        features: Mapping[Key, Features],
        versions: Mapping[int, Version],
        aliases: Mapping[str, int],
        *,
        refresh: bool = False,
        window: Slice | None = None,
    ) -> dict[str, LoggedRun]:
        """Do what a run does; returns what it must report, by label."""
        asked = self.settings
        given = {key: row for key, row in features.items() if not window or window[0] <= key[-1] < window[1]}
        parts = parts_of(asked, aliases)
        replaces = self.replaces(refresh)
        old = {} if replaces else dict(self.rows)
        states = {
            label: {key: self._state(old.get((key, label)), row, basis) for key, row in given.items()}
            for label, (_, basis) in parts.items()
        }
        chosen = self._within_budget(old, states)
        made = {}
        stamps = [row.updated_at for row in given.values() if row.updated_at]
        watermark = max(stamps, default=None) if asked.rule == "updated_at" else None
        for place, (label, (version, basis)) in enumerate(parts.items()):
            for key in chosen:
                if states[label][key] != "unchanged":
                    outcome = versions[version].outcome(given[key], asked.strict)
                    made[key, label] = Prediction(
                        given[key], outcome, version, place == 0, number, basis, watermark
                    )
        watches = asked.rule in PLANNED and not asked.history
        gone = {name for name in old if name[0] not in given or name[1] not in parts} if watches else set()
        found = self._found(states, made, gone, planned=asked.rule in PLANNED and not replaces)
        for name in gone:
            if asked.vanished == "delete":
                del old[name]
            elif asked.vanished == "flag":
                old[name] = replace(old[name], vanished=True)
        self.rows = {**old, **made}
        self._decide(made if asked.history or replaces else self.rows, gone)
        self.exists, self.columns, self.live = True, asked.columns, next(iter(parts))
        return found

    def _state(self, old: Prediction | None, row: Features, basis: Any) -> str:
        rule = self.settings.rule
        if old is None or rule in ("all", "given") or old.vanished:
            return "new"
        if rule == "new":
            return "unchanged"
        if old.basis != basis:
            return "stale"
        if rule == "changed":
            return "unchanged" if old.hashed and old.made_from.scored == row.scored else "changed"
        if old.watermark is None or row.updated_at is None or old.made_from.type_of_a != row.type_of_a:
            return "changed"
        late = row.updated_at > old.watermark - timedelta(seconds=self.settings.lookback)
        return "changed" if late else "unchanged"

    def _within_budget(
        self, old: Mapping[tuple[Key, str], Prediction], states: Mapping[str, Mapping[Key, str]]
    ) -> list[Key]:
        """Keys to score: never scored by one of the versions first, then the oldest."""
        keys = {key for found in states.values() for key, state in found.items() if state != "unchanged"}

        def order(key: Key) -> tuple[Any, ...]:
            ages = [old[key, label].run if (key, label) in old else -1 for label in states]
            return min(ages), key

        return sorted(keys, key=order)[: self.settings.max_rows]

    def _found(
        self,
        states: Mapping[str, Mapping[Key, str]],
        made: Mapping[tuple[Key, str], Prediction],
        gone: Iterable[tuple[Key, str]],
        planned: bool,
    ) -> dict[str, LoggedRun]:
        found = {}
        lost = [label for _, label in gone]
        live = next(iter(states))
        for label, by_key in states.items():
            counts = {state: list(by_key.values()).count(state) for state in STATES}
            own = [other for other in lost if other == label or (label == live and other not in states)]
            counts["vanished"] = len(own) if planned else 0
            rows = [row for (_, other), row in made.items() if other == label]
            left = len(by_key) - counts["unchanged"] - len(rows)
            rejected = sum(bool(row.outcome.reasons) for row in rows)
            known = None if self.settings.rule == "given" else counts
            found[label] = LoggedRun(known, len(rows), rejected, left)
        return found

    def _decide(self, among: Mapping[tuple[Key, str], Prediction], gone: set[tuple[Key, str]]) -> None:
        policy = self.settings.decision
        if policy is None:
            return
        # predictions whose row vanished take no part, unless they are kept and nobody has a place
        unplaced = gone if "top_n" in policy and self.settings.vanished == "keep" else set()
        for name in unplaced:
            self.rows[name] = replace(self.rows[name], decided=(None, self.rows[name].decided[1]))
        open_to = {name: row for name, row in among.items() if not row.vanished and name not in unplaced}
        if self.settings.wide:  # the live version decides
            open_to = {name: row for name, row in open_to.items() if row.is_live}
        for name, decided in decide(policy, open_to, self.settings.history).items():
            self.rows[name] = replace(self.rows[name], decided=decided, policy=policy)

    def forget_runs(self) -> None:
        """The run log was lost."""
        for name, row in self.rows.items():
            self.rows[name] = replace(row, basis=None, watermark=None, hashed=False)


def parts_of(settings: Settings, aliases: Mapping[str, int]) -> dict[str, tuple[int, Any]]:
    """Version and basis by label; a version that is asked for twice scores once."""
    parts: dict[str, tuple[int, Any]] = {}
    for target in settings.targets:
        version = aliases[target] if isinstance(target, str) else target
        if version in [other for other, _ in parts.values()] and not settings.wide:
            continue
        label = target if isinstance(target, str) else f"version {target}"
        role = (label, not parts) if settings.several else None
        parts[label if settings.several else ""] = (version, (version, settings.strict, role))
    if settings.wide:  # a row is made by all of them
        shared = tuple(basis for _, basis in parts.values())
        return {label: (version, shared) for label, (version, _) in parts.items()}
    return parts


def decide(
    policy: Mapping[str, Any], rows: Mapping[tuple[Key, str], Prediction], history: bool
) -> dict[tuple[Key, str], tuple[str | None, str | None]]:
    """Decision and band of each row."""
    decided: dict[tuple[Key, str], tuple[str | None, str | None]] = {}
    taken: dict[Any, int] = {}
    low, high = policy.get("abstain") or (2.0, 2.0)
    for name in sorted(rows, key=lambda n: (-(rows[n].outcome.score or 0.0), n[0])):
        row, score = rows[name], rows[name].outcome.score
        if score is None:
            decided[name] = (None, None)
            continue
        answer = None
        if "threshold" in policy or "top_n" in policy:
            answer = "no" if score < policy.get("threshold", 0) else "yes"
            if low <= score < high:
                answer = "abstain"
            elif "top_n" in policy:
                group = (row.made_from.part if "per" in policy else None, name[1], history and name[0][-1])
                taken[group] = taken.get(group, 0) + 1
                answer = "no" if taken[group] > policy["top_n"] else answer
        bands = [band for band, least in policy.get("bands", {}).items() if score >= least]
        decided[name] = (answer, bands[-1] if bands else None)
    return decided
