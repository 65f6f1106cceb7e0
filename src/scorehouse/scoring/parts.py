"""The versions that score in one scan: one part each, the first of them live."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from scorehouse.errors import did_you_mean
from scorehouse.project.log import logger
from scorehouse.registry.version import PROOF_SHA256, Version, resolve
from scorehouse.scoring.arguments import refuse
from scorehouse.scoring.options import PLANNED_RULES, ScoreOptions


@dataclass(frozen=True)
class Part:
    """One version in a scan, and the alias by which it was requested (NULL: by its number)."""

    version: Version
    alias: str | None
    is_live: bool

    @property
    def label(self) -> str:
        """The value of the column `model_alias`."""
        return self.alias or f"version {self.version.version}"

    @property
    def suffix(self) -> str:
        """The suffix of its columns in a wide table."""
        return "" if self.is_live else f"__{self.alias or f'version_{self.version.version}'}"

    def basis(self, options: ScoreOptions) -> str:
        """Identifies everything that a prediction depends on besides its row.

        If it differs from the basis of the run that made a prediction, the prediction is stale.
        """
        version = self.version
        facts = {
            "digest": version.sha256,
            "signature": version.signature_sha256,
            "version": version.label,
            "threshold": version.threshold,
            "classes": list(version.classes),
            **({"outputs": list(version.outputs)} if version.outputs else {}),
            "methods": [version.score_method, version.label_method],
            "strict": sorted(options.strict),
            **({"group": options.group} if options.group else {}),
            **({"reasons": [options.reasons.settings(), _reasons_of(version)]} if options.reasons else {}),
            "part": [self.label, self.is_live] if options.several else None,
        }
        return sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _reasons_of(version: Version) -> str | None:
    """The digest of what a version's reasons are computed from: proven again, they may have another base."""
    digest = version.program.get("reasons", {}).get(PROOF_SHA256)
    return None if digest is None else str(digest)


def scoring_bases(parts: Sequence[Part], options: ScoreOptions) -> list[str]:
    """The basis of each part; versions that share a row also share its basis."""
    bases = [part.basis(options) for part in parts]
    if options.is_wide:
        return [sha256("|".join(bases).encode()).hexdigest()[:16]] * len(parts)
    return bases


def resolve_parts(versions: Sequence[Version], options: ScoreOptions, call: str) -> list[Part]:
    """The parts of a scan.

    A version that is requested by two aliases scores once, under the first. In a wide table it fills the
    columns of both, so that a promotion does not change the table's columns. An alias behind the first that
    no version has is left out: there is not always a challenger.
    """
    known = sorted({alias for version in versions for alias in version.aliases})
    asked: list[tuple[str | None, int | None]] = [(alias, None) for alias in options.alias[:1]]
    for further in options.alias[1:]:
        if further in known or not known:
            asked.append((further, None))
            continue
        near = did_you_mean(further, known) or "."
        logger.warning(
            f"{call}: no version of {versions[0].name} has the alias {further!r}{near} "
            f"It is left out; the other aliases score: {', '.join(a for a in options.alias if a in known)}"
        )
    asked += [(None, number) for number in options.version]
    parts: list[Part] = []
    for alias, number in asked:
        version = resolve(versions, alias=alias, version=number, call=call)
        part = Part(version, alias, is_live=not parts)
        same = next((other for other in parts if other.version.version == version.version), None)
        if same and not options.is_wide:
            logger.warning(f"{call}: {version.label} is both {same.label} and {part.label}; it scores once")
        else:
            parts.append(part)
    for part in parts:
        _check(part, options, call)
    return parts


def _check(part: Part, options: ScoreOptions, call: str) -> None:
    version, group, rule = part.version, options.group, options.rescore.rule
    ranks = version.task == "ranking"
    is_kept = group in {*options.row_key, *options.passthrough}
    rules = [
        (
            not ranks and group is not None,
            f"group is {group!r}, but {version.label} does not rank: its task is {version.task!r}",
            "group only for rankings: it is the column within which rows are ranked",
            "leave out group; to keep the column in the prediction table, pass it in passthrough",
        ),
        (
            ranks and options.is_wide,
            f"{version.label} ranks, but layout is 'wide'",
            "layout='long' for rankings, since each version has its own ranks",
            "leave out layout",
        ),
        (
            ranks and group is None,
            f"{version.label} ranks, but no group was given",
            "the column within which to rank, such as the customer",
            "pass group",
        ),
        (
            ranks and rule in PLANNED_RULES and not is_kept,
            f"the group {group!r} is neither in key nor in passthrough, but rescore is {rule!r}",
            "the group in the prediction table, since a changed row changes the ranks of its group",
            f"add {group!r} to passthrough",
        ),
    ]
    refuse(call, rules)
