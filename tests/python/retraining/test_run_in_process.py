"""A retraining from top to bottom with a training process, and the files of a dbt that has run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sklearn.linear_model import LogisticRegression

from keys import make_key
from retrained import FEATURES, TRAIN, world
from scorehouse.cli.retrain import _measured
from scorehouse.errors import ConfigurationError, EngineError, LoadRefusedError
from scorehouse.project.run_log_place import Place
from scorehouse.registration.groups import grouped
from scorehouse.registration.register import register
from scorehouse.registry.artifact import sign_version
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.report.warehouse import Warehouse
from scorehouse.retraining.dbt import Dbt
from scorehouse.retraining.prepared import House
from scorehouse.retraining.proof import prove_again, prove_version
from scorehouse.retraining.run import Outcome, measure, resumed, retrain
from scorehouse.retraining.settings import Settings

pytestmark = pytest.mark.slow
CALL = "retrain loyal"
JUDGED = """
with judged as (
    select
        o.output, 'roc_auc' as metric, 0.8e0 as challenger_value, 0.7e0 as live_value, 0.1e0 as difference,
        0.05e0 as difference_low, 0.15e0 as difference_high, 1200 as n_rows, true as is_judged,
        {problem} as problem
    from (values ('late'), ('early')) as o(output)
),
validation_errors as (select * from judged where problem is not null)
select * from validation_errors"""


@dataclass(frozen=True)
class Ran(Dbt):
    """dbt after a command: its files, with the status of the gate."""

    words: list[str] = field(default_factory=list)
    gate: list[str] = field(default_factory=lambda: ["pass"])

    def run(self, *words: str, may_fail: bool = False) -> None:
        self.words.append(" ".join(words) + (" may fail" if may_fail else ""))
        text = ModelSeeds(self.project, "loyal").registry_file.read_text().strip()
        checksum = {"name": "sha256", "checksum": sha256(text.encode()).hexdigest()}
        seed, test = "seed.house.ml_loyal", "test.house.not_worse.1"
        nodes = {
            seed: {"resource_type": "seed", "name": "ml_loyal", "checksum": checksum},
            test: {"resource_type": "test", "name": "not_worse", "depends_on": {"nodes": [seed]}},
        }
        for name in ("loyal_training_set", "loyal_scores"):
            key = f"model.house.{name}"
            nodes[key] = {"resource_type": "model", "name": name, "schema": "main", "alias": name}
        problem = "'is worse'" if self.gate[0] == "fail" else "null"
        result = {"unique_id": test, "status": self.gate[0], "compiled_code": JUDGED.format(problem=problem)}
        metadata = {"invocation_id": "one", "generated_at": "2026-03-01T12:00:00Z"}
        for file, document in (
            ("manifest.json", {"nodes": {key: {**node, "unique_id": key} for key, node in nodes.items()}}),
            ("run_results.json", {"results": [result]}),
        ):
            (self.project / "target").mkdir(exist_ok=True)
            (self.project / "target" / file).write_text(json.dumps({**document, "metadata": metadata}))


@pytest.fixture
def house(tmp_path: Path) -> House:
    project, frame = tmp_path / "shop", world()
    (project / "learning").mkdir(parents=True)
    (project / "learning/loyal.py").write_text(TRAIN)
    (project / "dbt_project.yml").write_text("name: house\n")
    early = frame[frame.day < "2025-02-10"]
    facts = grouped({"task": "classification", "owner": "the shop", "program": False, "alias": "champion",
                     "y": early.came_back, "trained_to": "2025-02-09"})  # fmt: skip
    estimator = LogisticRegression().fit(early[FEATURES], early.came_back)
    register(estimator, "loyal", early[FEATURES], project_dir=project, **facts)
    file = project / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.register("frame", frame)
        later = "select * exclude (id) from frame where day >= '2025-02-10'"
        connection.execute(f"create table loyal_training_set as {later}")
        for seed in ("ml_loyal", "ml_loyal__signature", "ml_loyal__reference"):
            csv = project / f"seeds/ml/loyal/{seed}.csv"
            connection.execute(f"create table {seed} as from read_csv('{csv}', header = true)")
        asks = "1 as version, true as retrain, 'drift of amount' as reasons, 1 as n_drifted"
        connection.execute(f"create table signals as select 'loyal' as ml_model, {asks}")

    @contextlib.contextmanager
    def connect() -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(file)) as connection:
            yield connection

    settings = Settings("loyal_training_set", "learning.loyal:train", "came_back", "day", seed=7,
                        shadow=("loyal_scores",))  # fmt: skip
    said: list[str] = []
    return House(ModelSeeds(project, "loyal"), settings, Ran(project, (), CALL), connect, said.append, CALL)


def trained(house: House, *, force: bool = False) -> Outcome:
    place = Place(house.project / "warehouse.duckdb")
    return retrain(house, lambda connection: Warehouse(connection, place, None, CALL), force=force)


def reported(house: House) -> list[str]:
    return list(house.report.__self__)  # type: ignore[attr-defined]


def sql(house: House, text: str) -> None:
    with house.connect() as connection:
        connection.execute(text)


def aliases(house: House) -> list[tuple[str, ...]]:
    return [version.aliases for version in house.seeds.versions()]


def with_gate(house: House, status: str, **changed: Any) -> House:
    settings = replace(house.settings, gate="not_worse", **changed)
    return replace(house, settings=settings, dbt=Ran(house.project, (), CALL, gate=[status]))


def test_from_no_reason_to_a_promotion_and_a_proof(house: House) -> None:
    for asks, outcome in (("false", "not_asked"), ("null", "not_judged")):
        sql(house, f"update signals set retrain = {asks}")
        assert trained(house).outcome == outcome and aliases(house) == [("champion",)]
    first = trained(house, force=True)
    assert (first.outcome, first.champion, first.version, first.found) == ("waits_for_a_person", 1, 2, False)
    assert first.gate == "no gate is set" and "--force was given" in first.why
    before, after = ["-loyal,1,champion,...", "+loyal,1,,..."], "loyal,2,challenger"
    assert list(first.diff) == [*before, f"-{after},...", f"+{after}|champion,..."]
    assert aliases(house) == [("champion",), ("challenger",)]
    seeds = "ml_loyal ml_loyal__signature ml_loyal__reference"
    assert house.dbt.words == [  # type: ignore[attr-defined]
        "build --select loyal_training_set",
        f"seed --full-refresh --select {seeds}",
        "build --select loyal_scores",
    ]
    version = house.seeds.versions()[1]
    record = version.provenance
    assert (record["parent"], record["seed"], record["commit"], record["dirty"]) == (1, 7, None, False)
    known = ("model.house.loyal_training_set", "day", "came_back", FEATURES, "joblib")
    assert tuple(record[name] for name in ("training", "time", "label", "features", "format")) == known
    assert (version.owner, version.trained_from, first.metrics) == ("the shop", "2025-02-10", version.metrics)
    assert version.trained_from < version.trained_to <= record["cut"]
    said = "\n".join(reported(house))
    assert f"rows: {version.training_rows:,} to train on (2025-02-10 to " in said
    assert "registered loyal version 2: accuracy 0." in said
    assert "shadow: loyal_scores scored with loyal version 2 as challenger" in said

    gated = with_gate(house, "pass", promote="when_gate_passes")
    second = trained(gated, force=True)
    assert (second.outcome, second.version, second.found) == ("promoted", 2, True)
    assert second.gate == "not_worse passed at 2026-03-01T12:00:00"
    assert [row["output"] for row in second.comparison] == ["early", "late"]
    assert "  late: roc_auc 0.8, champion 0.7, lead 0.1 (0.05 to 0.15), 1,200 rows" in reported(house)
    assert aliases(house) == [(), ("challenger", "champion")]
    assert gated.dbt.words[2:] == [  # type: ignore[attr-defined]
        "build --select loyal_scores --exclude not_worse",
        "test --select not_worse may fail",
    ]
    again = resumed(gated, 2)
    same = f"loyal version 2 (sha256 {version.sha256[:12]}) is the champion already"
    assert (again.outcome, again.gate) == ("unchanged", same)
    assert (again.found, again.version, again.champion) == (True, 2, 2)
    with pytest.raises(ConfigurationError, match="judges version 1, but the champion is loyal version 2"):
        trained(house)

    proof = prove_version(house, 2)
    assert (proof.equal, proof.version, proof.differs) == ("artifact", 2, {})
    sql(house, "update loyal_training_set set visits = visits + 1 where day > date '2025-03-20'")
    proof = prove_version(replace(house, settings=replace(house.settings, seed=9)), 2)
    assert proof.equal == "nothing" and list(proof.differs or ()) == ["rows"] and proof.rows == record["rows"]
    assert prove_again(house).equal == "artifact" and len(house.seeds.versions()) == 2


def test_a_gate_that_fails_or_cannot_be_asked(house: House) -> None:
    failing = with_gate(house, "fail", promote="when_gate_passes")
    ended = trained(failing)
    assert (ended.outcome, ended.version, ended.found) == ("gate_refused", 2, False)
    assert "ended with 'fail': early is worse, late is worse" in str(ended.gate)
    assert aliases(house) == [("champion",), ("challenger",)] and ended.why.endswith("again: drift of amount")
    with pytest.raises(EngineError, match="the gate not_worse ended with 'error'"):
        resumed(with_gate(house, "error"), 2)
    waits = resumed(with_gate(house, "pass"), 2)  # a person decides
    assert (waits.outcome, waits.gate) == ("waits_for_a_person", "not_worse passed at 2026-03-01T12:00:00")
    gain = measure(house)
    assert gain["version"] == 1 and gain["metric"] == "roc_auc" and gain["gain_low"] > 0.2
    assert gain["newer_rows"] > 700 and (house.seeds.folder / "ml_loyal__refit.csv").is_file()
    sql(house, "drop table ml_loyal")  # what is measured and written is no failure
    assert _measured(house, Place(house.project / "warehouse.duckdb"), as_json=False) == 0


def test_only_what_is_signed_is_judged(house: House, tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra evidence")
    private, public = make_key(tmp_path)
    (house.project / "key.pem").write_bytes(public.read_bytes())
    text = "name: house\nvars: {scorehouse_load_policy: {require_signed_by: key.pem}}\n"
    (house.project / "dbt_project.yml").write_text(text)
    with pytest.raises(LoadRefusedError):  # before it trains
        trained(house)
    assert house.dbt.words == []  # type: ignore[attr-defined]
    sign_version(house.project, house.champion(), private, LoadPolicy(), CALL)
    ended = trained(house)
    assert (ended.outcome, ended.version, ended.gate) == ("waits_for_a_signature", 2, None)
    assert aliases(house) == [("champion",), ()]
    with pytest.raises(ConfigurationError, match="none of those whose signature this project accepts"):
        trained(replace(house, key=make_key(tmp_path, "other")[0]))
    signed = resumed(replace(house, key=private), 2)
    assert signed.outcome == "waits_for_a_person" and aliases(house) == [("champion",), ("challenger",)]
    assert any(line.startswith("signed: loyal version 2 (") for line in reported(house))
    assert resumed(house, 2).outcome == "waits_for_a_person"
