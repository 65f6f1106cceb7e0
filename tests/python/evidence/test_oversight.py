"""Who answers for a version, as a pack says: from the registry, Git, cards, incidents and the run log."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from scorehouse import register
from scorehouse.errors import ConfigurationError
from scorehouse.evidence.oversight import FILE, oversight_of
from scorehouse.evidence.seal import link, sealed
from scorehouse.registry.version import Version
from scorehouse.report.page import FILE as CARDS

NOW = datetime(2026, 9, 1, tzinfo=UTC)
BEFORE = datetime(2026, 1, 1)
MODEL = {"materiality": "high", "validated_by": "Eve", "validation": "on 2025"}
INCIDENTS = [
    {"date": "2026-03-01", "what": "wrong unit", "done": "rolled back", "by": "Ada"},
    {"date": "2026-04-01", "model": "other", "what": "late", "done": "nothing", "by": "Ada"},
]


def say(project: Path, model: dict[str, str] = MODEL) -> None:
    (project / FILE).write_text(yaml.safe_dump({"models": {"churn": model}, "incidents": INCIDENTS}))


def git(project: Path, *words: str, author: str = "Ada") -> None:
    identity = ["-c", f"user.name={author}", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(project), *identity, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Version]:
    project = tmp_path_factory.mktemp("oversight")
    (project / "dbt_project.yml").write_text("name: house\n")
    frame = pd.DataFrame({"spend": np.arange(40.0)})
    estimator = LogisticRegression().fit(frame, frame.spend > 20)
    version = register(
        estimator, "churn", frame, frame.spend > 20, task="classification", project_dir=project
    )
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(
        project,
        "commit",
        "-q",
        "-m",
        "Register churn\n\nReviewed-by: Eve <e@x.org>\nApproved-by: Bob <b@x.org>",
    )
    (project / CARDS).write_text("churn: {next_review: 2027-01-01}\n")
    say(project)
    return project, version


def rows() -> list[dict[str, Any]]:
    run = {
        "parent_run_id": None,
        "node": "model.house.p",
        "model_name": "churn",
        "model_version": 1,
        "alias_asked": None,
        "status": "success",
        "rows_in": 30,
    }
    started = {"run_id": "a", "started_at": BEFORE}, {"run_id": "b", "started_at": BEFORE + timedelta(1)}
    return [{**run, **started[0]}, {**run, **started[1], "status": "failed"}]


def oversight(house: tuple[Path, Version], **changed: Any) -> dict[str, Any]:
    project, version = house
    seal = sealed([], rows(), NOW)
    deleted = link({"kind": "pruned", "runs": ["x", "y"], "reason": "400 days"}, seal[-1]["digest"])
    return oversight_of(project, version, rows(), [*seal, deleted], project / CARDS, NOW, "x")


def test_the_pack_says_who_answers_for_a_version(house: tuple[Path, Version]) -> None:
    found = oversight(house)
    (listed,) = found["inventory"]
    assert (listed["name"], listed["materiality"], listed["runs"], listed["rows_read"]) == (
        "churn",
        "high",
        1,
        30,
    )
    (approval,) = found["approvals"]
    assert (approval["author"], approval["subject"]) == ("Ada", "Register churn")
    assert approval["reviewed_by"] == "Eve <e@x.org>, Bob <b@x.org>"
    assert found["validation"] == {"by": "Eve", "what": "on 2025", "by_an_author": False}
    assert [one["done"] for one in found["incidents"]] == ["rolled back"] and found["failed_runs"] == 1
    kept = found["retention"]
    assert (kept["days_in_the_log"], kept["deleted"]) == (243, [{"runs": 2, "reason": "400 days"}])


def test_any_history_of_git_is_read(house: tuple[Path, Version], tmp_path: Path) -> None:
    project = tmp_path / "house"
    copytree(house[0], project)
    git(project, "config", "log.showSignature", "true")
    signed = project / "commit"  # which git tells of before the commit, and checks with no program here
    subject = "Register\u2028churn\x0cagain\x1f"
    message = f"{subject}\n\nReviewed-by: Eve Adams\n  <e@x.org>\nAcked-by: Bob"
    (project / "seeds" / "ml" / "churn" / "more.csv").write_text("a\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "--cleanup=verbatim", "-m", message)
    tree = subprocess.run(
        ["git", "-C", str(project), "cat-file", "commit", "HEAD"], capture_output=True, check=True
    ).stdout
    head, _, body = tree.partition(b"\n\n")
    signature = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    signed.write_bytes(head + b"\n" + signature + b"\n\n" + body)
    made = subprocess.run(
        ["git", "-C", str(project), "hash-object", "-t", "commit", "-w", str(signed)],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    git(project, "reset", "-q", "--soft", made)
    newest, oldest = oversight((project, house[1]))["approvals"]
    assert newest["subject"] == subject and newest["reviewed_by"] == "Eve Adams <e@x.org>, Bob"
    assert (newest["author"], oldest["subject"]) == ("Ada", "Register churn")


def test_a_run_that_waits_or_is_skipped_has_not_failed(house: tuple[Path, Version]) -> None:
    project, version = house
    started, skipped = ({**rows()[0], "status": status} for status in ("started", "skipped"))
    found = oversight_of(project, version, [*rows(), started, skipped], [], project / CARDS, NOW, "x")
    assert found["failed_runs"] == 1


def test_an_author_who_validates_is_named(house: tuple[Path, Version]) -> None:
    project, _ = house
    say(project, {**MODEL, "validated_by": "Ada"})
    assert oversight(house)["validation"]["by_an_author"] is True
    say(project)


def test_what_nobody_has_said_is_missing(tmp_path: Path, house: tuple[Path, Version]) -> None:
    _, version = house
    (tmp_path / "dbt_project.yml").write_text("name: house\n")
    found = oversight_of(tmp_path, version, [], [], tmp_path / CARDS, NOW, "x")
    assert found["approvals"] is None and found["validation"] is None and found["incidents"] is None
    assert found["inventory"] == [] and found["retention"]["oldest_run"] is None


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("incidents: [{date: 2026-03-01, what: wrong unit}]", "an incident has other keys"),
        ("models: {chrn: {materiality: high}}", "did you mean 'churn'"),
        ("models: {churn: {materialty: high}}", "an ML model has other keys"),
        ("- churn", "has no attribute"),
    ],
)
def test_what_cannot_be_read_is_refused(house: tuple[Path, Version], said: str, problem: str) -> None:
    project, _ = house
    (project / FILE).write_text(said)
    with pytest.raises(ConfigurationError, match=problem):
        oversight(house)
    say(project)
