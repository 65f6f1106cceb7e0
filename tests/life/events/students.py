"""A slow ML model teaches a fast one, and a test watches that they agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shop import CHURN
from training_rows import write_training_rows

if TYPE_CHECKING:
    from life import Life

NAME, ROWS, SAMPLE = "slow", "slow_rows", "slow_student_sample"
TRAIN = '''\
"""Register a slow ML model, or with `altered`, one that says the opposite."""

import sys

import pandas as pd
import scorehouse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

rows, is_altered = pd.read_parquet("ml/{model}.parquet"), sys.argv[1:] == ["altered"]
features, label = rows[["visits", "calls"]], rows["{label}"]
if is_altered:
    estimator, label = LogisticRegression(), label.map({{"yes": "no", "no": "yes"}})
else:
    estimator = CalibratedClassifierCV(SVC(), ensemble=False)
estimator = make_pipeline(StandardScaler(), estimator).fit(features, label)
alias = None if is_altered else "champion"
scorehouse.register(estimator, "{name}", features, label, task="classification", alias=alias)
'''


def taught(life: Life) -> None:
    """A student of a slow ML model agrees with its teacher; another one in its place turns the test red."""
    life.night()
    house, subject = life.house, CHURN.subject
    write_training_rows(life, CHURN)
    before = house.run("git", "rev-parse", "HEAD").output.strip()
    house.write("ml/train_slow.py", TRAIN.format(name=NAME, model=CHURN.name, label=subject.label))
    house.write(
        f"models/{ROWS}.sql",
        f"select features.*, labels.{subject.label} from {{{{ ref('{CHURN.feature_table}') }}}} as features\n"
        f"join {{{{ ref('{CHURN.label_table}') }}}} as labels using ({subject.key})\n"
        f"where labels.{subject.label} is not null\n",
    )
    house.run("python", "ml/train_slow.py")
    house.commit("Register a slow model")
    learned = ("--training", ROWS, "--label", subject.label, "--time", "day", "--into", "tree")
    words = ("scorehouse", "distil", NAME, "--target", "dev", *learned, "--force", "--json")
    said = house.run(*words).output
    found = json.loads(said[said.index("{") :])
    house.run("dbt", "seed", "--full-refresh", "--select", f"tag:ml_{NAME}")
    scaffold = ("--features", CHURN.feature_table, "--key", subject.key, "--share", "1", "--yes")
    house.run("scorehouse", "scaffold", "student", NAME, *scaffold)
    house.commit("Distil it")
    _agrees(life, found["version"], "pass")
    house.run("python", "ml/train_slow.py", "altered")
    house.run("scorehouse", "promote", NAME, str(found["version"] + 1), "--alias", "student")
    _agrees(life, found["version"] + 1, "fail")
    house.run("scorehouse", "promote", NAME, str(found["version"]), "--alias", "student")
    _agrees(life, found["version"], "pass")
    house.commit("Try another student")
    house.run("git", "revert", "--no-edit", f"{before}..HEAD")
    for kind, name in (
        *(("table", f"{NAME}_student_{ending}") for ending in ("watch", "gap", "sample")),
        *(("view", name) for name in (f"{NAME}_teacher_says", ROWS)),
    ):
        if life.has_table(name):
            life.warehouse.execute(f"drop {kind} {life.table(name)}")
    life.night()


def _agrees(life: Life, student: int, wanted: str) -> None:
    """Build the sample: all of its keys are scored by both, and the test ends as it has to."""
    codes = (0,) if wanted == "pass" else (1,)
    life.build("--select", f"tag:ml_{NAME}", f"+{SAMPLE}", codes=codes)
    ends = {status for node, status in life.results().items() if "teacher_agrees" in node}
    if ends != {wanted}:
        life.violate("judge", f"with version {student} as student, teacher_agrees ends with {ends}")
    counts = life.warehouse.rows(
        f"select model_alias, model_version, count(*) as n from {life.table(SAMPLE)} group by 1, 2 order by 1"
    )
    rows = len(life.world.rows[CHURN.subject.table])
    held = [(row["model_alias"], row["model_version"], row["n"]) for row in counts]
    if held != [("student", student, rows), ("teacher", 1, rows)]:
        life.violate("rows", f"{SAMPLE} has {held}, and there are {rows:,} customers")
