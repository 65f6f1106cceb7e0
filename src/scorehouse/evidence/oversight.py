"""Who answers for a version: inventory, approval, validation, incidents, and how long the logs are kept."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.evidence.seal import PRUNED, SEAL, Line
from scorehouse.project.run_log_place import FAILED, SUCCESS
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.version import Version
from scorehouse.report.page import read_given

FILE = "oversight.yml"
OF_MODELS = ("materiality", "validated_by", "validation")
OF_INCIDENTS = ("date", "model", "what", "done", "by")
REVIEWERS = ("Reviewed-by", "Approved-by", "Acked-by")
LOG = "--format=%H%x1f%an%x1f%aI%x1f%cn%x1f%(trailers:{},valueonly,unfold,separator=%x2C )%x1f%s"
# whatever the user's settings are, and whatever line breaks a subject has
PLAIN = ("-z", "--no-show-signature", "--encoding=UTF-8")
MOST_COMMITS = 20


def oversight_of(
    project: Path,
    version: Version,
    rows: Iterable[Mapping[str, Any]],
    seal: Sequence[Line],
    cards: Path,
    now: datetime,
    call: str,
) -> dict[str, Any]:
    """What the project, its history in Git and its run log say; None where nobody has said anything.

    `rows` are those of the whole run log, `cards` the file of model cards. Raises ConfigurationError for a
    file of cards, or `oversight.yml`, that cannot be used.
    """
    names, rows = registered_names(project), list(rows)
    given = read_given(cards, names, call) if cards.is_file() else {}
    models, incidents = _said(project, names, call)
    said, approved = models.get(version.name) or {}, _approvals(project, version)
    by = said.get("validated_by")
    validation = {"by": by, "what": said.get("validation"), "by_an_author": False}
    validation["by_an_author"] = any(one["author"] == by for one in approved or ())
    own = [row for row in rows if row["model_name"] == version.name]
    return {
        "inventory": [
            _inventory(project, name, {**given.get(name, {}), **(models.get(name) or {})}, rows)
            for name in names
        ],
        "approvals": approved,
        "validation": validation if by else None,
        "incidents": incidents
        and [each for each in incidents if each.get("model", version.name) == version.name],
        "failed_runs": sum(row["status"] == FAILED for row in own),
        "retention": _retention(rows, seal, now),
    }


def _inventory(
    project: Path, name: str, said: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    versions = ModelSeeds(project, name).versions()
    live = next((one for one in versions if "champion" in one.aliases), versions[-1])
    own = [row for row in rows if row["model_name"] == name and row["status"] == SUCCESS]
    return {
        "name": name,
        "version": live.version,
        "versions": len(versions),
        "owner": live.owner or None,
        "purpose": said.get("intended_use") or live.description or None,
        "materiality": said.get("materiality"),
        "next_review": said.get("next_review"),
        "runs": len(own),
        "rows_read": sum(int(row.get("rows_in") or 0) for row in own),
        "last_run": max((str(row["started_at"]) for row in own), default=None),
    }


def _approvals(project: Path, version: Version) -> list[dict[str, Any]] | None:
    """The commits that changed the files of a version, or its row, the newest first; None without Git."""
    trailers = ",".join(f"key={name}" for name in REVIEWERS)
    places = [str(Path(version.artifact).parent), f"seeds/ml/{version.name}"]
    words = [
        "git",
        "-C",
        str(project),
        "log",
        *PLAIN,
        f"-{MOST_COMMITS}",
        LOG.format(trailers),
        "--",
        *places,
    ]
    try:
        ended = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace")
    except OSError:
        return None
    if ended.returncode:
        return None
    names = ("commit", "author", "at", "committer", "reviewed_by", "subject")
    lines = [line.split("\x1f", len(names) - 1) for line in ended.stdout.split("\0") if line]
    found = [dict(zip(names, line, strict=True)) for line in lines]
    return [{**one, "reviewed_by": one["reviewed_by"] or None} for one in found]


def _said(project: Path, names: Sequence[str], call: str) -> tuple[dict[str, Any], list[Any] | None]:
    """What `oversight.yml` says of the ML models, by name, and its incidents; None without any."""
    file = project / FILE
    problem = ""
    try:
        found = (yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None) or {}
        models, incidents = found.get("models") or {}, found.get("incidents")
        if unknown := [name for name in models if name not in names]:
            problem = f"{unknown[0]!r} is not registered{did_you_mean(unknown[0], names)}"
        if not all({*said} <= {*OF_MODELS} for said in models.values()):
            problem = "an ML model has other keys"
        if not all({*OF_INCIDENTS} - {"model"} <= {*line} <= {*OF_INCIDENTS} for line in incidents or ()):
            problem = "an incident has other keys"
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        problem = str(error)
    if problem:
        raise ConfigurationError(
            call,
            f"{str(file)!r} cannot be used: {problem}",
            expected=f"models, by name, each with {', '.join(OF_MODELS)}, and incidents, a list, each with "
            f"{', '.join(OF_INCIDENTS)} (model may be left out)",
            action="correct the file",
        )
    return models, incidents


def _retention(rows: Sequence[Mapping[str, Any]], seal: Sequence[Line], now: datetime) -> dict[str, Any]:
    """Since when the run log, and its seal, have rows, and what was deleted."""
    started = [row["started_at"] for row in rows if isinstance(row["started_at"], datetime)]
    oldest = min((one.replace(tzinfo=one.tzinfo or UTC) for one in started), default=None)
    return {
        "oldest_run": oldest and oldest.isoformat(timespec="seconds"),
        "days_in_the_log": oldest and (now - oldest).days,
        "sealed_since": next((line["at"] for line in seal if line["kind"] == SEAL), None),
        "deleted": [
            {"runs": len(line["runs"]), "reason": line["reason"]} for line in seal if line["kind"] == PRUNED
        ],
    }
