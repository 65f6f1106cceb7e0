"""Registration writes an artifact and three seeds, counts up, and rewrites nothing that is registered."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import jinja2
import joblib
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from scorehouse import Card, Storage, promote, register
from scorehouse.errors import RegistryError
from scorehouse.registration import seeds_yaml
from scorehouse.registration.reference import BIN_KINDS
from scorehouse.registry.program_facts import undated
from scorehouse.registry.seeds import ModelSeeds
from small_churn import X, Y, churn, classifier


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_files_written(empty_project: Path) -> None:
    version = churn()
    assert version.version == 1 and version.aliases == ()
    assert set(files(empty_project)) == {
        "dbt_project.yml",
        "artifacts/churn/1/model.joblib",
        "artifacts/churn/1/program.npz",
        "artifacts/churn/1/proof.arrow",
        "artifacts/churn/1/proof_reasons.arrow",
        "artifacts/churn/1/signature.json",
        "seeds/ml/churn/ml_churn.csv",
        "seeds/ml/churn/ml_churn__signature.csv",
        "seeds/ml/churn/ml_churn__reference.csv",
        "seeds/ml/churn/_ml_churn.yml",
    }


def test_registry_row(empty_project: Path) -> None:
    facts = {"owner": "team", "trained_from": "2025-01-01", "trained_to": "2025-06-30"}
    churn(metrics={"roc_auc": 0.8125}, description="who leaves", threshold=0.4, alias="champion", **facts)
    (row,) = rows(empty_project / "seeds/ml/churn/ml_churn.csv")
    data = (empty_project / row["artifact"]).read_bytes()
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert row["size_bytes"] == str(len(data))
    signature = (empty_project / row["artifact"]).with_name("signature.json").read_bytes()
    assert row["signature_sha256"] == hashlib.sha256(signature).hexdigest()
    expected = {
        "name": "churn",
        "version": "1",
        "aliases": "champion",
        "task": "classification",
        "artifact_format": "joblib",
        "classes": "[false, true]",
        "score_method": "predict_proba",
        "threshold": "0.4",
        "n_features": "2",
        "training_rows": "40",
        "metrics": '{"roc_auc": 0.8125}',
        "description": "who leaves",
        **facts,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["sklearn_version"] and row["registered_at"].endswith("Z") and json.loads(row["libraries"])


def test_signature_rows(empty_project: Path) -> None:
    churn()
    found = rows(empty_project / "seeds/ml/churn/ml_churn__signature.csv")
    told = [(row["version"], row["position"], row["feature"], row["type"], row["minimum"]) for row in found]
    assert told == [("1", "1", "age", "double", "0.0"), ("1", "2", "visits", "integer", "0.0")]
    assert {(row["accepts_null"], row["null_share"]) for row in found} == {("false", "0.0")}


def test_reference_counts_every_training_row_in_each_column(empty_project: Path) -> None:
    churn()
    counted: dict[tuple[str, str], int] = {}
    for row in rows(empty_project / "seeds/ml/churn/ml_churn__reference.csv"):
        if row["kind"] not in BIN_KINDS:
            continue
        key = (row["part"], row["name"])
        counted[key] = counted.get(key, 0) + int(row["row_count"])
    assert counted == {
        ("feature", "age"): 40,
        ("feature", "visits"): 40,
        ("output", "prediction"): 40,
        ("output", "score"): 40,
    }


def test_yaml_has_the_model_card_and_every_column(empty_project: Path) -> None:
    churn(description="who {{ leaves }}, by | age", owner="team", metrics={"roc_auc": 0.8125})
    document = yaml.safe_load((empty_project / "seeds/ml/churn/_ml_churn.yml").read_text())
    seeds = {seed["name"]: seed for seed in document["seeds"]}
    assert list(seeds) == ["ml_churn", "ml_churn__signature", "ml_churn__reference"]
    for name, seed in seeds.items():
        header = (empty_project / f"seeds/ml/churn/{name}.csv").read_text().splitlines()[0].split(",")
        assert [column["name"] for column in seed["columns"]] == header
        assert all(column["description"] for column in seed["columns"])
        assert list(seed["config"]["column_types"]) == header
    card = seeds["ml_churn"]["description"]
    assert (
        "**ML model `churn`** (classification)" in card and "Owner: team" in card and "roc_auc 0.8125" in card
    )
    assert "| `visits` | integer | 0 to 6 | rejected |" in card
    assert "who {{ leaves }}, by / age" in jinja2.Template(card).render()


def test_versions_count_up_and_nothing_is_rewritten(empty_project: Path) -> None:
    churn(1.0, alias="champion")
    before = files(empty_project)
    assert churn(0.1).version == 2
    assert churn(0.01).version == 3
    after = files(empty_project)
    for path, data in before.items():
        if path.endswith((".csv", ".sql")):
            assert after[path].startswith(data), path  # appended to
        elif not path.endswith(".yml"):
            assert after[path] == data, path
    assert [row["version"] for row in rows(empty_project / "seeds/ml/churn/ml_churn.csv")] == ["1", "2", "3"]
    card = yaml.safe_load(after["seeds/ml/churn/_ml_churn.yml"])["seeds"][0]["description"]
    listed = [line[2] for line in card.splitlines() if line[:3] in ("| 1", "| 2", "| 3")]
    assert "".join(listed) == "123" + "111222333"  # the versions, and their proven backends and reasons


def test_the_same_artifact_is_the_same_version(empty_project: Path) -> None:
    first = churn(1.0, alias="champion")
    churn(0.1)
    before = files(empty_project)
    again = churn(1.0, description="told otherwise")
    assert again.version == 1 and again.sha256 == first.sha256
    assert files(empty_project) == before
    assert "until when churn version 1 was trained" in undated(again)
    begun = churn(0.3, trained_from="2025-01-01")
    ended = churn(0.3, trained_to="2025-06-30")
    assert (ended.version, ended.trained_from) == (begun.version, "2025-01-01")
    known = churn(1.0, trained_from="2025-01-01", trained_to="2025-06-30")
    kept = churn(1.0, trained_to="2025-07-31")
    assert known.version == 1 and kept.trained_to == "2025-06-30" and undated(kept) == ""
    days = [row["trained_to"] for row in rows(empty_project / "seeds/ml/churn/ml_churn.csv")]
    assert days == ["2025-06-30", "", "2025-06-30"]
    assert "2025-06-30" in (empty_project / "seeds/ml/churn/_ml_churn.yml").read_text()


def test_the_same_artifact_with_another_threshold_is_another_version(empty_project: Path) -> None:
    churn(threshold=0.5)
    second = churn(threshold=0.6)
    assert second.version == 2
    assert (empty_project / second.artifact).is_file()


@pytest.mark.slow
def test_registering_again_moves_the_alias(empty_project: Path) -> None:
    churn(1.0)
    churn(0.1, alias="champion")
    assert churn(1.0, alias="champion").aliases == ("champion",)
    assert [row["aliases"] for row in rows(empty_project / "seeds/ml/churn/ml_churn.csv")] == ["champion", ""]


def test_promotion_touches_the_lines_of_two_versions(empty_project: Path) -> None:
    for strength in (1.0, 0.1, 0.01):
        churn(strength, alias="champion")
    promote("churn", 1, alias="challenger")
    before = files(empty_project)
    assert promote("churn", 2).aliases == ("champion",)
    after = files(empty_project)
    changed = [path for path in before if before[path] != after[path]]
    registry = "seeds/ml/churn/ml_churn.csv"
    assert sorted(changed) == ["seeds/ml/churn/_ml_churn.yml", registry]  # the model card names aliases
    lines = zip(before[registry].splitlines(), after[registry].splitlines(), strict=True)
    assert [number for number, (old, new) in enumerate(lines) if old != new] == [2, 3]
    assert [v.aliases for v in ModelSeeds(empty_project, "churn").versions()] == [
        ("challenger",),
        ("champion",),
        (),
    ]


def test_a_card_that_cannot_be_made_moves_no_alias(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for strength in (1.0, 0.1):
        churn(strength)
    before = files(empty_project)

    def stopped(*args: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(seeds_yaml, "seeds_yaml", stopped)
    with pytest.raises(KeyboardInterrupt):
        promote("churn", 2)
    assert files(empty_project) == before


def test_a_promotion_after_a_comparison_asks_who_has_the_alias(empty_project: Path) -> None:
    for strength in (1.0, 0.1, 0.01):
        churn(strength)
    promote("churn", 2)
    before = files(empty_project)
    with pytest.raises(RegistryError, match="champion is version 2, and was version 1 when version 3 was"):
        promote("churn", 3, replacing=1)
    with pytest.raises(RegistryError, match="challenger is no version"):
        promote("churn", 3, alias="challenger", replacing=1)
    assert files(empty_project) == before
    promote("churn", 2, replacing=1)  # which has it already
    assert promote("churn", 3, replacing=2).aliases == ("champion",)


def test_promoting_the_holder_changes_nothing(empty_project: Path) -> None:
    churn(alias="champion")
    before = files(empty_project)
    promote("churn", 1)
    assert files(empty_project) == before


def test_many_long_categories_are_read_back(empty_project: Path) -> None:
    """Python's csv stops at 131,072 characters of a value, until something in the process raises that."""
    kept = csv.field_size_limit(131_072)
    try:
        frame = pd.DataFrame({"text": [f"{place} {'x' * 400}" for place in range(500)]})
        model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(frame, range(500))
        for _ in range(2):
            register(
                model,
                "long",
                frame,
                task="regression",
                storage=Storage(program=False),
                project_dir=empty_project,
            )
    finally:
        csv.field_size_limit(kept)
    (row,) = ModelSeeds(empty_project, "long").features(1)
    assert row["categories"] == sorted(frame.text)


def test_text_of_any_kind_survives(empty_project: Path) -> None:
    told = 'it\'s "quoted", with a comma\nand a second line, ü and {{ braces }}'
    churn(description=told, owner="a|b")
    (version,) = ModelSeeds(empty_project, "churn").versions()
    assert (version.description, version.owner) == (told, "a|b")


def test_what_an_interrupted_registration_left_is_written_over(empty_project: Path) -> None:
    churn(1.0)
    complete = files(empty_project)
    registry = empty_project / "seeds/ml/churn/ml_churn.csv"
    churn(0.1)
    registry.write_bytes(complete["seeds/ml/churn/ml_churn.csv"])  # killed before its last step
    assert churn(0.01).version == 2
    assert [row["version"] for row in rows(registry)] == ["1", "2"]
    signature = rows(empty_project / "seeds/ml/churn/ml_churn__signature.csv")
    assert [row["version"] for row in signature] == ["1", "1", "2", "2"]


def test_a_joblib_path(empty_project: Path) -> None:
    joblib.dump(classifier(), empty_project / "given.joblib")
    assert register(empty_project / "given.joblib", "churn", X, Y, task="classification").version == 1
    assert register(str(empty_project / "given.joblib"), "churn", X, task="classification").version == 1


def test_an_array_with_names(empty_project: Path) -> None:
    fitted = LinearRegression().fit(X.to_numpy(), Y)
    version = register(
        fitted, "plain", X.to_numpy(), task="regression", card=Card(feature_names=["age", "visits"])
    )
    assert version.n_features == 2
    signature = json.loads((empty_project / version.artifact).with_name("signature.json").read_text())
    assert [feature["name"] for feature in signature["features"]] == ["age", "visits"]
    assert signature["container"] == "array"


FORKED = """
import os, signal, sys
import duckdb, pandas as pd
from sklearn.linear_model import LogisticRegression
from scorehouse import register

X = pd.DataFrame({"amount": [float(i) for i in range(60)]})
register(LogisticRegression().fit(X, X.amount > 20), "churn", X, task="classification")
child = os.fork()
if child == 0:
    signal.alarm(60)  # to end a child that hangs
    sys.exit(int(duckdb.sql("select 7").fetchall()[0][0]))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks are safe on Linux alone")
def test_a_process_that_registered_may_be_forked(empty_project: Path) -> None:
    """A database that stayed open would have threads, for which a fork waits for ever when it ends."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "7", ended.stdout
