"""Two people work on one ML model at once, each on a branch of their own."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from expected import champion
from shop import CHURN
from world import LABEL_DAYS, TRAINING_DAYS

from events.first_week import register

if TYPE_CHECKING:
    from life import Life

# as docs/how-to/register.md says; the last one is there where SQL is printed
FILES = ("seeds/ml/churn", "artifacts/churn", "assets/ml/churn")
PRINTED = "macros/ml/churn.sql"
MARKERS = re.compile(r"^(<<<<<<<|=======|>>>>>>>).*\n", re.MULTILINE)


def same_version_twice(life: Life) -> None:
    """Both branches register the next version: the merge conflicts, and a careless answer is refused."""
    life.night()  # of the rows that the champion was trained on, the same estimator is no new version
    house, before = life.house, champion(life.house.folder, CHURN.name).version
    (ours,) = house.run("git", "branch", "--show-current").output.split()
    last = life.world.today - dt.timedelta(days=LABEL_DAYS)
    house.run("git", "checkout", "--quiet", "-b", "theirs")
    number = register(life, CHURN, last - dt.timedelta(days=TRAINING_DAYS), last, None)
    house.commit("Register a version on a branch")
    house.run("git", "checkout", "--quiet", ours)
    other = register(life, CHURN, last - dt.timedelta(days=TRAINING_DAYS // 2), last, None)
    house.commit("Register a version on the main branch")
    if other != number:
        life.violate("branches", f"version {number} on one branch is version {other} on the other")
    if not house.run("git", "merge", "--quiet", "theirs", codes=(0, 1)).code:
        life.violate("branches", f"two versions {number} are merged without a conflict")
    _keep_both(life)
    life.pass_days()
    for words in (("scorehouse", "check"), ("dbt", "build", "--select", f"+{CHURN.predictions}")):
        ended = house.run(*words, codes=(1,))
        if f"version {number}" not in ended.output:
            life.violate(
                "next step", f"{' '.join(words)} does not name version {number}, which is there twice"
            )
    printed = [PRINTED] if (house.folder / PRINTED).exists() else []
    house.run("git", "checkout", "--ours", "--", *FILES, *printed)
    house.run("git", "commit", "--quiet", "--all", "--no-edit")
    house.run("git", "branch", "--quiet", "-D", "theirs")
    again = register(life, CHURN, last - dt.timedelta(days=TRAINING_DAYS), last, None)
    house.commit("Register the version of the branch anew")
    if again != number + 1:
        life.violate("branches", f"registered anew, it is version {again}, not {number + 1}")
    if champion(house.folder, CHURN.name).version != before:
        life.violate("branches", "registering has moved the champion")
    life.build()
    life.check()
    life.remember()


def _keep_both(life: Life) -> None:
    """Answer a merge's conflicts in a hurry: keep both sides of each CSV, and our side of all other files."""
    listed = life.house.run("git", "diff", "--name-only", "--diff-filter=U", "-z").output
    for path in filter(None, listed.split("\0")):
        if path.endswith(".csv"):
            life.house.write(path, MARKERS.sub("", life.house.read(path)))
        else:
            life.house.run("git", "checkout", "--quiet", "--ours", "--", path)
