"""A person asks about a decision, and another one wants to be forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from expected import champion
from invariants import predictions_are_those_of_git
from shop import CHURN

if TYPE_CHECKING:
    from life import Life

CHANGEABLE = {"churn": {"changeable": {"visits": "up", "calls": "down"}}}


def asked(life: Life) -> None:
    """The letter is of the version that decides, and is verified as it is."""
    life.night()
    life.house.write("answers.yml", json.dumps(CHANGEABLE))
    life.house.commit("Say what customers can change")
    (key,) = life.world.sample(CHURN.subject, 1)
    words = ("scorehouse", "answer", CHURN.name, "--key", str(key), "--target", "dev")
    told = json.loads(life.house.run(*words, "--json").output)
    if (version := champion(life.house.folder, CHURN.name).version) != told["story"]["version"]:
        life.violate(
            "same words", f"an answer names version {told['story']['version']}, and version {version} decides"
        )
    life.house.run(*words, "--output", "letter")
    life.house.run("scorehouse", "evidence", "verify", "letter", "--unsigned")
    life.house.run("git", "clean", "-fdq", "letter")


def forgotten(life: Life) -> None:
    """Nothing of the person is left in tables of predictions, and all others stay as they were."""
    life.night()
    life.house.run("scorehouse", "evidence", "seal", "--target", "dev")
    subject = CHURN.subject
    (key,) = life.world.sample(subject, 1)
    life.world.delete(subject, key)
    life.scored_before[CHURN.name].rows.pop(key, None)
    life.load()
    life.house.run("dbt", "run", "--select", CHURN.feature_table)
    words = ("scorehouse", "forget", "--key", f"{subject.key}={key}", "--target", "dev")
    life.house.run(*words, codes=(0, 3))  # 3: files in Git have such a number, too
    quote = life.warehouse.quote
    (row,) = life.warehouse.rows(
        f"select count(*) as n from {life.table(CHURN.predictions)} "
        f"where cast({quote}{subject.key}{quote} as varchar) = '{key}'"
    )
    if row["n"]:
        life.violate("forgotten", f"{row['n']} rows of {key} are left in {CHURN.predictions}")
    life.house.run("scorehouse", "evidence", "seal", "--target", "dev", "--check")
    for invariant, text in predictions_are_those_of_git(life, CHURN):
        life.violate(invariant, text)
    life.house.commit("Forget a customer")
    life.night()
