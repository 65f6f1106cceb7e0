"""The edges of promises: files and facts that do not fit, options at their limits, late months."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
import shutil
import signal
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import yaml
from expected import champion, same
from shop import CHURN, ORDER
from training_rows import write_training_rows
from world import LABEL_DAYS, TRAINING_DAYS

from events.disturbances import STOP_SECONDS
from events.first_week import register, register_as_written
from events.fragile import check_fragile_rows
from events.versions import change_columns, edit_columns, follow_edit

if TYPE_CHECKING:
    from life import Life

HISTORY_DAYS, HISTORY_ROWS = 120, 3000  # of a backfill that is stopped
MANY_ROWS = """\
{{{{ config(materialized='table') }}}}
select
    first.*,
    numbers.number,
    cast(date '{until}' - cast(days.back as integer) as date) as day
from (select shop, weight, items, distance from {{{{ ref('{features}') }}}} limit 1) as first
cross join (select unnest(range({rows})) as number) as numbers
cross join (select unnest(range({days})) as back) as days
"""


def until_the_24th(life: Life) -> None:
    """A night late in the month, when a few days no longer move what the whole month says."""
    today = life.world.today
    life.night(days=(24 - today.day) % 30 or 1)


def replayed_after_an_edit(life: Life) -> None:
    """A run is replayed with the threshold that it had, whatever stands in git today."""
    life.night()
    run = life.newest_run(CHURN) or {}
    path = f"seeds/ml/{CHURN.name}/ml_{CHURN.name}.csv"
    before = life.house.read(path)
    threshold = champion(life.house.folder, CHURN.name).threshold or 0.5
    edit_columns(life, threshold="0.7" if threshold < 0.5 else "0.2")
    life.house.run("scorehouse", "replay", str(run["scoring_run_id"]), "--target", "dev")
    life.house.write(path, before)
    life.house.commit("Decide as before")
    life.build()
    life.check()
    life.remember()


def threshold_left_out(life: Life) -> None:
    """Somebody empties the threshold: the run is refused by its name, or obeys."""
    path = f"seeds/ml/{CHURN.name}/ml_{CHURN.name}.csv"
    before = life.house.read(path)
    change_columns(life, threshold="")
    life.house.write(path, before)
    life.house.commit("Decide as before")
    follow_edit(life, "threshold")


def printed_on_demand(life: Life) -> None:
    """predict() in a project that prints no SQL says what prints it; done as it says, it scores.

    fragile_rows() does then, too.
    """
    house, name, key = life.house, f"{CHURN.name}_by_sql", CHURN.subject.key
    call = f"scorehouse.predict('{CHURN.name}', ref('{CHURN.feature_table}'), keep=['{key}'])"
    life.night()
    settings = yaml.safe_load(house.read("dbt_project.yml"))
    printed = settings["vars"].pop("scorehouse_compiled_sql", {"dialects": ["duckdb"]})
    house.write("dbt_project.yml", settings)
    shutil.rmtree(house.folder / "macros" / "ml", ignore_errors=True)
    house.write(f"models/{name}.sql", f"select * from {{{{ {call} }}}} as scored\n")
    said = " ".join(life.build("--select", name, codes=(1,)).output.split())
    advice = re.findall(r"`(scorehouse compile [^`]+|dbt seed [^`]+)`", said)
    if "scorehouse_compiled_sql" not in said or len(set(advice)) < 2:
        life.violate("next step", "predict() without printed SQL does not say what prints it")
    settings["vars"]["scorehouse_compiled_sql"] = printed
    house.write("dbt_project.yml", settings)
    for line in dict.fromkeys(advice):
        house.paste(line)
    life.build("--select", name)
    version = champion(house.folder, CHURN.name)
    wanted = life.oracle.expected(CHURN, life.world.rows[CHURN.subject.table], version)
    rows = life.warehouse.rows(f"select {key} as row_key, score from {life.table(name)}")
    wrong = [row for row in rows if not same(row["score"], wanted[row["row_key"]].score)]
    if wrong or len(rows) != len(wanted):
        life.violate("rows", f"{len(wrong)} of {len(rows)} rows of predict() differ, such as {wrong[:1]}")
    life.warehouse.execute(f"drop view if exists {life.table(name)}")
    check_fragile_rows(life)
    house.run("git", "checkout", "--quiet", "--", ".")
    house.run("git", "clean", "-fdq", "models", "macros", "artifacts", "seeds")
    life.night()


def column_left_out(life: Life) -> None:
    """A select leaves out a feature: the build names the model, the call and the column."""
    house, file = life.house, f"models/ml/{ORDER.predictions}.sql"
    before = house.read(file)
    quote = life.warehouse.quote
    kept = ", ".join(f"{quote}{name}{quote}" for name in ORDER.subject.columns if name != "weight")
    house.write(file, re.sub(r"select\s+\*", f"select {kept}", before))
    ended = life.build("--select", ORDER.predictions, codes=(1, 2))
    said = " ".join(ended.output.split())
    if any(word not in said for word in ("scored(", ORDER.predictions, "weight")) or "predict(" in said:
        life.violate("next step", "a feature that a select leaves out is not named with its call and model")
    house.write(file, before)
    life.build()
    life.check()
    life.remember()


def altered_program(life: Life) -> None:
    """Somebody who may write to git alters a tree, digest and all: each is found and told in words."""
    version = champion(life.house.folder, ORDER.name)
    file = (life.house.folder / version.artifact).parent / "program.npz"
    path = f"seeds/ml/{ORDER.name}/ml_{ORDER.name}.csv"
    content, row = file.read_bytes(), life.house.read(path)
    digest = hashlib.sha256(content).hexdigest()
    if digest not in row:
        life.violate("git", f"the digest of {file.name} is not in the registry")

    def alter(array: str, place: int, value: float) -> None:
        altered = _with_value(content, array, place, value)
        file.write_bytes(altered)
        life.house.write(path, row.replace(digest, hashlib.sha256(altered).hexdigest()))

    life.house.run("scorehouse", "check", ORDER.name, "--certify")
    alter("edge", 0, 1e300)  # a sound file, whose first split sends every row to the left
    certified = life.house.run("scorehouse", "check", ORDER.name, "--certify", codes=(1,))
    if "tree 0, node 0: the largest value to its left is 1e+300" not in certified.output:
        life.violate("no fault unseen", f"`check --certify` does not name the altered split of {file.name}")
    alter("feature", 0, 2_000_000)  # far outside of the rows
    life.pass_days()
    life.build("--select", f"+{ORDER.predictions}", f"ml_{ORDER.name}", codes=(0, 1))
    checked = life.house.run("scorehouse", "check", codes=(0, 1))
    # the YAML beside the registry differs as well: the fault has to be that of the file's content
    if "the backend 'native'" not in checked.output or "its file cannot be read" not in checked.output:
        life.violate("no fault unseen", f"`check` does not say that {file.name} points outside of its arrays")
    life.remember_what_ended()
    file.write_bytes(content)
    life.house.write(path, row)
    life.build()
    life.check()
    life.remember()


def _with_value(content: bytes, name: str, place: int, value: float) -> bytes:
    """The program with another value in one of its arrays."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = dict(stored)
    arrays[name] = arrays[name].copy()
    arrays[name][place] = value
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each, array in arrays.items():
            with archive.open(f"{each}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def own_module(life: Life) -> None:
    """An estimator has a step of its author's: without `module_paths`, it is refused."""
    house = life.house
    before = {path: house.read(path) for path in ("ml/learning.py", "profiles.yml")}
    version = champion(house.folder, ORDER.name).version
    house.write("ml/steps.py", "def as_it_is(frame):\n    return frame\n")
    steps = "import steps\nfrom sklearn.preprocessing import FunctionTransformer"
    learning = before["ml/learning.py"].replace('"""\n', f'"""\n\n{steps}', 1)
    own = "make_pipeline(FunctionTransformer(steps.as_it_is), columns, trees)"
    house.write("ml/learning.py", learning.replace("make_pipeline(columns, trees)", own))
    last = life.world.today - dt.timedelta(days=LABEL_DAYS)
    days = last - dt.timedelta(days=TRAINING_DAYS), last
    write_training_rows(life, ORDER)
    refused = house.run("python", f"ml/train_{ORDER.name}.py", *map(str, days), codes=(1,))
    if "module_paths" not in refused.output or str(house.folder / "ml") not in refused.output:
        life.violate("next step", "a missing module is not answered with module_paths and the folder")
    life.forgive_raw_errors()  # of the author's own script
    profiles = yaml.safe_load(before["profiles.yml"])
    for profile in profiles.values():
        for target in profile["outputs"].values():
            target["module_paths"] = ["ml"]
    house.write("profiles.yml", profiles)
    number = register(life, ORDER, *days, None)
    house.run("scorehouse", "promote", ORDER.name, str(number))
    house.commit("Register a version with a step of our own")
    sys.path.insert(0, str(house.folder / "ml"))  # for the oracle
    life.night()
    house.write("profiles.yml", before["profiles.yml"])  # of a colleague, who has not heard of it
    refused = life.build("--select", ORDER.predictions, codes=(1,))
    if "module_paths" not in refused.output or str(house.folder / "ml") not in " ".join(
        refused.output.split()
    ):
        life.violate(
            "next step", "a build without the author's module does not name module_paths and the folder"
        )
    house.run("scorehouse", "promote", ORDER.name, str(version))
    house.write("ml/learning.py", before["ml/learning.py"])
    house.write("profiles.yml", profiles)  # which the version that stays behind needs
    house.commit("Roll back")
    life.night()
    sys.path.remove(str(house.folder / "ml"))


def script_as_written(life: Life) -> None:
    """The training script that `init` writes, run as it prints it; what it registers is dropped again."""
    house = life.house
    register_as_written(life, ORDER)
    life.build("--select", f"tag:ml_{ORDER.name}+")
    house.run("git", "checkout", "--quiet", "--", ".")
    house.run("git", "clean", "-fdq")
    life.scored_before.pop(ORDER.name, None)
    life.night()


def bands_of_a_mart(life: Life) -> None:
    """A mart with a band of very small scores; a policy that could not be obeyed is refused by its name."""
    house, folder = life.house, life.house.folder / "models"
    for file in folder.rglob(f"*{CHURN.name}_mart*"):
        file.unlink()
    key = ("--key", CHURN.subject.key)
    house.run("scorehouse", "scaffold", "mart", CHURN.name, *key, "--bands", "0.00001", "0.5", "--yes")
    life.night()
    file = f"models/ml/{CHURN.predictions}.sql"
    before = house.read(file)
    doubt = "decision={'bands': {'low': 0, 'high': 0.5}, 'abstain': [0.4, 0.6]}, "
    house.write(file, before.replace("key=", f"{doubt}key=", 1))
    ended = life.build("--select", CHURN.predictions, codes=(0, 1, 2))
    if not ended.code or "abstain" not in ended.output:
        life.violate("next step", "abstain beside bands alone is not refused by its name")
    house.write(file, before)
    house.run("git", "clean", "-fdq", "models")
    house.run("git", "checkout", "--quiet", "--", "models")
    life.build()
    life.check()
    life.remember()


def stopped_backfill(life: Life) -> None:
    """A long backfill is asked to end, and does so within ten seconds; the days that it has are whole."""
    house, name = life.house, f"{ORDER.name}_history"
    features = f"{name}_features"
    until = life.world.today
    since = until - dt.timedelta(days=HISTORY_DAYS - 1)
    size = {"rows": HISTORY_ROWS, "days": HISTORY_DAYS}
    many = MANY_ROWS.format(features=ORDER.feature_table, until=until, **size)
    house.write(f"models/{features}.sql", many)
    scored = f"{{{{ scorehouse.scored('{ORDER.name}', key='number', as_of='day') }}}}\n"
    house.write(f"models/{name}.sql", f"{scored}select * from {{{{ ref('{features}') }}}}\n")
    slices = f"{{scorehouse_backfill: {{from: {since}, to: {until}, slice_days: 1}}}}"
    life.build("--select", features)
    words = ("dbt", "run", "--select", name, "--vars", slices)
    began = time.monotonic()
    process = house.start(*words)
    time.sleep(float(life.random.uniform(8.0, 12.0)))
    process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    ended = house.finished(words, process, began)
    if (seconds := time.monotonic() - sent) > STOP_SECONDS:
        life.violate("stop", f"a backfill took {seconds:.0f} s to end")
    if not ended.code:
        life.violate("life", "the backfill was over before it was stopped: it has too few rows")
    if life.has_table(name):
        days = life.warehouse.rows(f"select day, count(*) as n from {life.table(name)} group by day")
        if torn := [row for row in days if row["n"] != HISTORY_ROWS]:
            life.violate("rows", f"a stopped backfill left {len(torn)} days in part, such as {torn[0]}")
    house.run("git", "clean", "-fdq", "models")
    for each in (name, features):
        life.warehouse.execute(f"drop table if exists {life.table(each)}")
    life.night()
