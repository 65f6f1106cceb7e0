"""The skills that the package ships: their form, and each one followed literally in a stranger's shop."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from followed_page import Followed, blocks, follow
from foreign import ForeignProject
from project import REPOSITORY
from skilled_shop import environment, make_skilled_shop, with_monitors

SKILLS = sorted((REPOSITORY / "skills").glob("*/SKILL.md"))
NAMES = {
    "scoring-with-scorehouse",
    "promoting-with-scorehouse",
    "investigating-alerts-with-scorehouse",
    "retraining-with-scorehouse",
}


def head_of(skill: Path) -> dict[str, str]:
    """The fields of the YAML at the top."""
    found = re.match(r"---\n(.*?)\n---\n", skill.read_text(), re.S)
    assert found, skill
    fields: dict[str, str] = yaml.safe_load(found[1])
    return fields


def test_there_are_four() -> None:
    assert {skill.parent.name for skill in SKILLS} == NAMES


@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.parent.name)
def test_a_skill_has_the_form_that_dbt_installs(skill: Path) -> None:
    """https://agentskills.io/specification, in `skills`, the default of dbt's `skill-paths`."""
    head = head_of(skill)
    assert set(head) == {"name", "description"}
    assert head["name"] == skill.parent.name and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", head["name"])
    assert len(head["name"]) <= 64 and 0 < len(head["description"]) <= 1024
    lines = skill.read_text().splitlines()
    assert len(lines) <= 500 and max(map(len, lines[4:])) <= 140
    for block in blocks(skill):
        assert block.language in ("console", "yaml"), block
    assert "skill-paths" not in (REPOSITORY / "dbt_project.yml").read_text()
    assert "```console" in skill.read_text()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ForeignProject:
    return make_skilled_shop(tmp_path_factory.mktemp("skills"))


def tried(name: str, shop: ForeignProject, folder: Path, *, monitored: bool = False) -> Followed:
    """The skill, followed in a copy of the shop; fails with what was printed if a command fails."""
    copy = ForeignProject(folder / "shop", shop.home)
    shutil.copytree(shop.folder, copy.folder, symlinks=True)
    if monitored:
        with_monitors(copy)
    skill = REPOSITORY / "skills" / name / "SKILL.md"
    return follow(skill, copy.folder, {}, **environment(copy))


def printed(followed: Followed) -> str:
    return "".join(text for _, text in followed.said)


@pytest.mark.slow
def test_scoring(shop: ForeignProject, tmp_path: Path) -> None:
    followed = tried("scoring-with-scorehouse", shop, tmp_path)
    said = printed(followed)
    assert "5 rows: 5 scored" in said or "rejected" in said
    assert "PASS" in said and "ERROR=0" in said
    assert (followed.folder / "models/ml/churn_predictions.sql").is_file()
    copy = ForeignProject(followed.folder, shop.home)
    (run,) = json.loads(copy.run("scorehouse", "runs", "--target", "dev", "--json").stdout)
    assert run["status"] == "success" and run["rows_in"] == run["rows_scored"] + run["rows_rejected"] == 1500


@pytest.mark.soak  # the life that CI lives promotes and investigates by the pages that these repeat
def test_promoting(shop: ForeignProject, tmp_path: Path) -> None:
    followed = tried("promoting-with-scorehouse", shop, tmp_path)
    said = printed(followed)
    assert re.search(r"PASS churn_challenger_not_worse", said)
    assert "aliases of churn version 2: challenger, champion" in said
    assert "seeds/ml/churn/ml_churn.csv" in said
    copy = ForeignProject(followed.folder, shop.home)
    runs = json.loads(copy.run("scorehouse", "runs", "--target", "dev", "--json").stdout)
    scored = {(run["model_version"], run["status"]) for run in runs}
    assert scored == {(1, "success"), (2, "success")}
    shown = json.loads(copy.run("scorehouse", "show", "churn", "--json").stdout)
    assert shown["version"] == 1  # the last section is the way back


@pytest.mark.soak
def test_investigating(shop: ForeignProject, tmp_path: Path) -> None:
    followed = tried("investigating-alerts-with-scorehouse", shop, tmp_path, monitored=True)
    said = printed(followed)
    document = json.loads(followed.said[0][1].partition("\nwritten: ")[0])
    (told,) = document["ml_models"]
    assert told["state"] in ("warn", "bad") and told["alerts"] > 0
    alerts = json.loads((followed.folder / "target/alerts.json").read_text())["alerts"]
    assert alerts[0]["title"] in said and "amount" in json.dumps(alerts)
    assert "customer_id 17" in said


@pytest.mark.slow
def test_retraining(shop: ForeignProject, tmp_path: Path) -> None:
    followed = tried("retraining-with-scorehouse", shop, tmp_path, monitored=True)
    said = printed(followed)
    assert "exit code 20" in said and "waits for a person" in said
    assert "reproducible" in said and "registered churn version 3" in said
    (folder,) = (followed.folder / "artifacts/churn").glob("3")
    assert any(folder.iterdir())


@pytest.mark.slow
def test_dbt_parses_the_package_as_if_the_skills_were_not_there(shop: ForeignProject) -> None:
    manifest = json.loads((shop.folder / "target/manifest.json").read_text())
    for kind in ("nodes", "sources", "docs", "macros", "exposures", "disabled"):
        assert not [name for name in manifest[kind] if "skill" in name.lower()], kind
    files = [entry["original_file_path"] for entry in manifest["docs"].values()]
    assert not [file for file in files if file.startswith("skills")]


def test_git_has_them_for_the_package_and_the_source_distribution() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "skills"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert {Path(name).parent.name for name in listed.stdout.split()} == NAMES
