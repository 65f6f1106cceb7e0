"""Evidence packs: whole, verified offline, and every alteration of a file is told."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keys import make_key
from project import SUPPORT
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.evidence.collect import Relation, event_of
from scorehouse.evidence.manifest import MANIFEST, require_new, verify, write_pack
from scorehouse.evidence.pack import PARTS, Material, bill_of_materials, contents, facts
from scorehouse.evidence.seal import findings, read_seal, sealed
from scorehouse.registry.version import Version

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNATURE = b'{"features": []}'
VERSION = Version(
    name="churn",
    version=3,
    aliases=("champion",),
    task="classification",
    artifact="artifacts/churn/3/model.joblib",
    artifact_format="joblib",
    sha256="ab" * 32,
    size_bytes=10,
    signature_sha256=sha256(SIGNATURE).hexdigest(),
    score_method="predict_proba",
    label_method="predict",
    registered_at="2026-02-01T00:00:00Z",
    training_rows=1000,
    n_features=2,
    classes=(0, 1),
    python_version="3.11.7",
    sklearn_version="1.9.1",
    libraries={"numpy": "2.4.6", "joblib": "1.6.0"},
    metrics={"roc_auc": 0.91},
    owner="CRM",
    description="Who leaves",
)
FEATURES = [{"name": "amount", "type": "double"}, {"name": "visits", "type": "integer"}]
RUN: dict[str, Any] = {
    "run_id": "5d0f0b1e-0000-0000-0000-000000000001",
    "parent_run_id": "5d0f0b1e-0000-0000-0000-000000000001",
    "status": "success",
    "node": "model.shop.churn_predictions",
    "prediction_table": '"shop"."main"."churn_predictions"',
    "model_name": "churn",
    "model_version": 3,
    "configuration": '{"key": ["id"], "passthrough": ["region"]}',
    "feature_query": "select * from basket",
    "started_at": datetime(2026, 3, 1, 6),
    "finished_at": datetime(2026, 3, 1, 6, 1),
    "rows_in": 300,
    "error": None,
}
INPUT = Relation(
    "shop.main.basket", {"id": "BIGINT", "amount": "DOUBLE", "visits": "INTEGER", "region": "TEXT"}
)
OUTPUT = Relation("shop.main.churn_predictions", {"id": "BIGINT", "score": "DOUBLE", "region": "TEXT"})


def event() -> dict[str, Any]:
    run = {name: str(value) for name, value in RUN.items() if value is not None}
    return event_of(run, VERSION, ["amount", "visits"], [INPUT], OUTPUT, "duckdb://shop.duckdb")


def material(**changed: Any) -> Material:
    made: dict[str, Any] = {
        "version": VERSION,
        "signature": SIGNATURE,
        "features": FEATURES,
        "run": RUN,
        "lineage": event(),
        "tests": {"found": False},
        "configuration": {},
        "card": "<html></html>",
        "made_at": NOW,
        "release": "0.1.0",
        "runs": [RUN],
        "seal": sealed([], [RUN], NOW),
        "replay": {"replayed": True, "rows_different": 0},
    }
    return Material(**(made | changed))


def packed(folder: Path, key: Path | None = None, **changed: Any) -> Path:
    whole = material(**changed)
    write_pack(folder, contents(whole), facts(whole), key, "x")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["evidence", *map(str, words)])


def one_byte(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[random.Random(name).randrange(len(data))] ^= 1
    (folder / name).write_bytes(bytes(data))


def test_every_line_end_of_unicode_and_half_a_character_is_a_part_of_its_line(tmp_path: Path) -> None:
    odd = {**RUN, "error": "a\u2028b\u2029c\u0085d\x0be\x1cf\r\ng\ud800h"}
    pack = packed(tmp_path / "pack", run=odd, runs=[odd], seal=sealed([], [odd], NOW))
    ended = run("verify", pack, "--unsigned")
    assert ended.exit_code == 0, ended.output
    lines = read_seal(pack / "seal.jsonl", "x")
    assert lines == sealed([], [odd], NOW) and not findings(lines, [odd])


def test_a_pack_is_verified_and_each_file_counts(tmp_path: Path) -> None:
    pack = packed(tmp_path / "pack")
    names = sorted(file.name for file in pack.iterdir())
    assert set(names) - {MANIFEST, "README.md"} == set(PARTS) - {"version.sig"}
    assert run("verify", pack, "--unsigned").exit_code == 0
    for number, name in enumerate(names):
        if name == MANIFEST:
            continue
        for alter, kind in ((one_byte, "altered"), (lambda f, n: (f / n).unlink(), "missing")):
            copy = shutil.copytree(pack, tmp_path / f"{number}{kind}")
            alter(copy, name)
            ended = run("verify", copy, "--unsigned")
            assert ended.exit_code == 3 and f"{kind}: {name}" in ended.output
    (pack / "deep").mkdir()
    (pack / "deep/more.txt").write_text("more")
    found = json.loads(run("verify", pack, "--json").output)
    assert [(each["kind"], each["file"]) for each in found["differences"]] == [("added", "deep/more.txt")]
    (pack / "deep/more.txt").unlink()
    (pack / "bom.json").rename(tmp_path / "bom.json")
    (pack / "bom.json").symlink_to(tmp_path / "bom.json")
    assert "it is a link to another file" in run("verify", pack).output


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """An alteration of the manifest itself, by who also knows how to compute digests."""

    def edit(folder: Path) -> None:
        document = json.loads((folder / MANIFEST).read_text())
        change(document)
        (folder / MANIFEST).write_text(json.dumps(document))

    return edit


def forged(folder: Path) -> None:
    """A run is changed, and the manifest is written anew to fit."""
    runs = folder / "runs.jsonl"
    runs.write_text(runs.read_text().replace('"rows_in":300', '"rows_in":299'))
    digest = sha256(runs.read_bytes()).hexdigest()
    edited(lambda document: document["files"]["runs.jsonl"].update(sha256=digest))(folder)


def test_a_manifest_that_was_written_anew_is_found_by_the_parts_or_by_the_key(tmp_path: Path) -> None:
    pack = packed(tmp_path / "pack")
    forged(pack)
    assert "which is not the one that was sealed" in run("verify", pack).output
    pack = packed(tmp_path / "other")
    edited(lambda document: document.update(run_log_head="0" * 64))(pack)
    assert "does not end with the digest in the manifest" in run("verify", pack).output
    pack = packed(tmp_path / "another")
    edited(lambda document: document.update(subject="churn version 4"))(pack)
    whole = run("verify", pack, "--unsigned")  # without a key nobody can know
    assert whole.exit_code == 0 and "who wrote it is not checked: give --key" in whole.output
    asked = run("verify", pack)
    assert (
        asked.exit_code == 3 and "the pack is whole; who wrote it is not checked: give --key" in asked.output
    )


def test_a_seal_that_was_written_anew_is_no_whole_chain(tmp_path: Path) -> None:
    pack = packed(tmp_path / "pack")
    seal = pack / "seal.jsonl"
    seal.write_text(seal.read_text().replace('"number":1,', '"number":7,'))
    known = sha256(seal.read_bytes()).hexdigest()
    edited(lambda document: document["files"]["seal.jsonl"].update(sha256=known))(pack)
    assert "seal.jsonl is no whole chain: line 1 was changed" in run("verify", pack).output


def test_what_a_pack_is_about(tmp_path: Path) -> None:
    pack = packed(tmp_path / "new" / "pack")
    found = json.loads((pack / MANIFEST).read_text())
    assert (found["subject"], found["run_id"]) == ("churn version 3", RUN["run_id"])
    assert facts(material(run=None))["run_id"] is None
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "none", tmp_path / "empty"):
        require_new(folder, "x")
    for there in (pack, pack / "README.md"):
        with pytest.raises(ConfigurationError, match="exists"):
            require_new(there, "x")
    assert f"and run {RUN['run_id']} by it" in (pack / "README.md").read_text()
    assert "and no run. Made" in contents(material(run=None))["README.md"].decode()
    refused = run("verify", tmp_path / "new")
    assert refused.exit_code == 1 and "read (No such file or directory)" in refused.output


def test_a_signed_pack(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra evidence")
    private, public = make_key(tmp_path)
    pack = packed(tmp_path / "pack", private)
    assert "signed by the key of" in run("verify", pack, "--key", public).output
    unchecked = run("verify", pack)
    assert unchecked.exit_code == 3 and "signature not checked" in unchecked.output
    assert run("verify", pack, "--key", public, "--unsigned").exit_code == 2
    other = run("verify", pack, "--key", make_key(tmp_path, "other")[1])
    assert other.exit_code == 3 and "another key signed" in other.output
    edited(lambda document: document.update(subject="churn version 4"))(pack)
    assert f"{MANIFEST} is not what was signed" in run("verify", pack, "--key", public).output
    (pack / "model.sig").unlink()
    assert "has no key signature" in run("verify", pack, "--key", public).output
    refused = run("verify", pack, "--key", tmp_path / "nowhere.pem")
    assert refused.exit_code == 1 and "What to do: correct the path" in refused.output


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("files"),
        lambda document: document.update(format=2),
        lambda document: document["files"].update({"x": {}}),
        lambda document: document.update(notes=None),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(change: Any, tmp_path: Path) -> None:
    pack = packed(tmp_path / "pack")
    edited(change)(pack)
    refused = run("verify", pack)
    assert refused.exit_code == 1 and "is no manifest that can be read" in refused.output
    assert "What to do: " in refused.output


def test_a_manifest_leads_nowhere_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    pack = packed(tmp_path / "pack")
    known = {"sha256": sha256(b"secret").hexdigest(), "bytes": 6}
    edited(lambda document: document["files"].update({"../secret": known}))(pack)
    assert "missing: ../secret" in run("verify", pack).output


def test_a_pack_says_what_was_wrong_when_it_was_made(tmp_path: Path) -> None:
    pack = packed(tmp_path / "pack", findings=("dropped: a run is gone",), seal=[], notes=("not replayed",))
    found = verify(pack, None, "x")
    assert found.differences == () and found.manifest["run_log_findings"] == ["dropped: a run is gone"]
    said = run("verify", pack, "--unsigned")
    assert said.exit_code == 0 and "noted when it was made: dropped: a run is gone" in said.output
    assert "- dropped: a run is gone" in (pack / "README.md").read_text()


def test_a_folder_is_written_once_and_at_once(tmp_path: Path) -> None:
    left = tmp_path / "pack.partial"
    left.mkdir()
    (left / "stray").write_text("left by a command that was killed")
    pack = packed(tmp_path / "pack")
    assert run("verify", pack, "--unsigned").exit_code == 0 and not left.exists()
    with pytest.raises(ConfigurationError, match="exists"):
        packed(pack)


def test_the_bill_of_materials_is_cyclonedx() -> None:
    """Against the schemas of CycloneDX 1.6, as cyclonedx-python-lib 11.12 ships them."""
    jsonschema = pytest.importorskip("jsonschema")
    from referencing import Registry, Resource

    folder = SUPPORT / "evidence"
    schemas = {file.name: json.loads(file.read_text()) for file in folder.glob("*.SNAPSHOT.schema.json")}
    known = [
        (f"http://cyclonedx.org/schema/{name}", Resource.from_contents(each))
        for name, each in schemas.items()
    ]
    schema = schemas["bom-1.6.SNAPSHOT.schema.json"]
    validator = jsonschema.Draft7Validator(schema, registry=Registry().with_resources(known))
    bom = bill_of_materials(VERSION, {"model.joblib": "ab" * 32}, FEATURES, NOW, "0.1.0")
    assert [error.message for error in validator.iter_errors(bom)] == []
    card = bom["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["inputs"][0] == {"format": "amount: double"}
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [{"type": "roc_auc", "value": "0.91"}]
    assert bom["metadata"]["component"]["description"] == VERSION.description
    assert card["properties"] == [{"name": "training", "value": "1000 rows"}]
    assert {"purl": "pkg:pypi/numpy@2.4.6"}.items() <= bom["components"][1].items()
    bom["metadata"]["component"]["modelCard"]["modelParameters"]["approach"] = {"type": "magic"}
    assert [error.message for error in validator.iter_errors(bom)] != []


def test_a_bill_of_materials_says_what_is_known_only() -> None:
    bare = replace(VERSION, metrics={}, owner="", trained_from="2026-01-01", trained_to="2026-02-01")
    found = bill_of_materials(bare, {}, FEATURES, NOW, "0.1.0")["metadata"]["component"]
    assert "supplier" not in found and "quantitativeAnalysis" not in found["modelCard"]
    (training,) = found["modelCard"]["properties"]
    assert training["value"] == "1000 rows, from 2026-01-01 to 2026-02-01"
    for outputs, named in (({}, ["prediction"]), ({"prediction_a": "a", "prediction_b": "b"}, None)):
        version = replace(bare, task="regression", classes=(), outputs=outputs)
        found = bill_of_materials(version, {}, FEATURES, NOW, "0.1.0")["metadata"]["component"]
        parameters = found["modelCard"]["modelParameters"]
        assert [each["format"] for each in parameters["outputs"]] == (named or list(outputs))


def test_lineage_has_the_ml_model_as_an_input_and_columns() -> None:
    found = event()
    assert [each["name"] for each in found["inputs"]] == ["shop.main.basket", "churn"]
    assert found["job"]["facets"]["sql"]["query"] == RUN["feature_query"]
    (output,) = found["outputs"]
    fields = output["facets"]["columnLineage"]["fields"]
    sources = {name: [each["field"] for each in field["inputFields"]] for name, field in fields.items()}
    assert sources == {"id": ["id"], "score": ["amount", "visits", "3"], "region": ["region"]}
    kinds = {name: fields[name]["inputFields"][0]["transformations"] for name in ("id", "score")}
    assert [(one["subtype"], one["masking"]) for (one,) in kinds.values()] == [
        ("IDENTITY", False),
        ("TRANSFORMATION", False),
    ]
    assert fields["score"]["inputFields"][2]["name"] == "churn"


def test_lineage_is_openlineage() -> None:
    """OpenLineage's own classes take the event, with its facets, and check their fields."""
    facets = pytest.importorskip("openlineage.client.facet_v2", reason="needs the extra openlineage")
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

    found = event()
    (output,) = found["outputs"]
    lineage = output["facets"]["columnLineage"]
    module = facets.column_lineage_dataset
    fields = {
        name: module.Fields(
            inputFields=[
                module.InputField(
                    **{
                        **each,
                        "transformations": [module.Transformation(**one) for one in each["transformations"]],
                    }
                )
                for each in field["inputFields"]
            ]
        )
        for name, field in lineage["fields"].items()
    }
    theirs = module.ColumnLineageDatasetFacet(fields=fields)
    assert theirs._get_schema().rpartition("/")[2] == lineage["_schemaURL"].rpartition("/")[2]
    RunEvent(
        eventTime=found["eventTime"],
        run=Run(runId=found["run"]["runId"]),
        job=Job(found["job"]["namespace"], found["job"]["name"]),
        eventType=RunState[found["eventType"]],
        inputs=[InputDataset(each["namespace"], each["name"]) for each in found["inputs"]],
        outputs=[OutputDataset(output["namespace"], output["name"], facets={"columnLineage": theirs})],
        producer=found["producer"],
    )
