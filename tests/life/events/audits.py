"""Looking back: replays, reports, seals, packs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shop import ML_MODELS

if TYPE_CHECKING:
    from life import Life


def replayed(life: Life) -> None:
    """The newest run of a prediction table is scored again, to the same values."""
    life.night()
    model = life.pick(ML_MODELS)
    run = life.newest_run(model) or {}
    life.house.run("scorehouse", "replay", str(run["scoring_run_id"]), "--target", "dev")


def looked_up(life: Life) -> None:
    """Commands that read, one after the other; a rehearsal records what it finds."""
    life.night()
    model = life.pick(ML_MODELS)
    key = next(iter(life.world.rows[model.subject.table]))
    for words in (
        ("list",),
        ("show", model.name),
        ("runs", "--target", "dev"),
        ("check", "--certify"),
        ("explain", model.name, "--key", str(key), "--target", "dev"),
        ("status", "--target", "dev"),
    ):
        life.house.run("scorehouse", *words)
    if "export predictions" not in life.engine.refuses:
        words = ("predictions", model.predictions, "--target", "dev", "--to", "exports")
        life.house.run("scorehouse", "export", *words)
    listed = json.loads(life.house.run("scorehouse", "runs", "--target", "dev", "--json").output)
    ids = [run["run_id"] for run in listed]
    if twice := {one for one in ids if ids.count(one) > 1}:
        life.violate("run log", f"`scorehouse runs` lists {len(twice)} runs twice, such as {min(twice)}")
    said, page = (
        json.loads(life.house.run("scorehouse", command, "--target", "dev", "--json").output)
        for command in ("status", "report")
    )
    sentences = [{one["ml_model"]: one["sentence"] for one in found} for found in (said, page["ml_models"])]
    if sentences[0] != sentences[1]:
        life.violate("same words", f"status says {sentences[0]}, and the report {sentences[1]}")
    if life.engine.name == "duckdb":
        told = life.house.run("scorehouse", "rehearse", model.name, "--target", "dev").output
        if "faults are found" not in told:
            life.violate("same words", f"a rehearsal does not say what it finds: {told[-400:]}")
        life.house.commit(f"Rehearse {model.name}")
    life.house.run("git", "clean", "-fdq", "scorehouse_report", "exports")


def sealed(life: Life) -> None:
    """The run log is sealed and the evidence packed: nothing is accused falsely, an altered row is found."""
    life.night()
    target = ("--target", "dev")
    life.house.run("scorehouse", "evidence", "seal", *target)
    model = life.pick(ML_MODELS)
    life.house.run("scorehouse", "evidence", "pack", f"{model.name}@champion", *target, "--output", "audit")
    life.house.run("scorehouse", "evidence", "verify", "audit", "--unsigned")
    life.house.run("git", "clean", "-fdq", "audit")
    life.house.commit("Seal the run log")
    log = life.table("scorehouse_run_log")
    life.warehouse.execute(f"update {log} set rows_in = rows_in + 1 where status = 'success'")
    life.house.run("scorehouse", "evidence", "seal", *target, "--check", codes=(3,))
    life.warehouse.execute(f"update {log} set rows_in = rows_in - 1 where status = 'success'")
    life.house.run("scorehouse", "evidence", "seal", *target, "--check")


def pruned(life: Life) -> None:
    """Old runs leave the run log, less those that rows of prediction tables name."""
    life.night()
    words = ("dbt", "run-operation", "prune_run_log", "--args")
    life.house.run(*words, "{older_than_days: 60}")
    life.house.run(*words, "{older_than_days: 60, dry_run: false}")
    life.house.run(
        "scorehouse", "evidence", "seal", "--target", "dev", "--pruned", "older than 60 days", codes=(0,)
    )
    life.house.commit("Prune the run log")
    life.night()
