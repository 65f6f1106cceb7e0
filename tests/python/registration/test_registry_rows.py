"""Rows of the registry by themselves: one version of several, score columns, and what is said of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from scorehouse.errors import RegistryError, SignatureError
from scorehouse.registry.label_rule import proven_for
from scorehouse.registry.program_facts import (
    against,
    backend_lines,
    certified_in_words,
    fragile_in_words,
    proven_in,
    segments_in_words,
)
from scorehouse.registry.registry_file import searched, shown
from scorehouse.registry.seed_columns import PARTS
from scorehouse.registry.seeds import ModelSeeds, calibration_digest
from scorehouse.registry.signature import Feature, Signature, check_types
from scorehouse.registry.version import Version, parse_reference, registered_columns, resolve

NUMBERS = (1, 2, 10)


@pytest.fixture
def seeds(tmp_path: Path) -> ModelSeeds:
    """Three versions, each with two features."""
    found = ModelSeeds(tmp_path, "churn")
    for number in (10, 1, 2):
        rows = [{"version": str(number), "feature": f"{name}{number}", "position": "1"} for name in "ab"]
        found.write_rows("signature", number, rows)
    for number in NUMBERS:
        found.append_version(Version(name="churn", version=number, owner="first"))
    return found


def test_rows_of_one_version_of_several(seeds: ModelSeeds) -> None:
    assert [row["feature"] for row in seeds.rows("signature")] == ["a1", "b1", "a2", "b2", "a10", "b10"]
    for number in NUMBERS:
        assert [row["feature"] for row in seeds.rows("signature", number)] == [f"a{number}", f"b{number}"]
        assert [row["position"] for row in seeds.features(number)] == [1, 1]
    assert seeds.rows("signature", 3) == []
    assert seeds.sizes() == {number: {"signature": 2} for number in NUMBERS}


def test_a_version_that_is_written_again_takes_its_own_place(seeds: ModelSeeds) -> None:
    seeds.append_version(Version(name="churn", version=2, owner="second"))
    assert {one.version: one.owner for one in seeds.versions()} == {1: "first", 2: "second", 10: "first"}
    seeds.write_rows("signature", 2, [{"version": "2", "feature": "c"}])
    assert [row["feature"] for row in seeds.rows("signature")] == ["a1", "b1", "c", "a10", "b10"]


def test_a_calibrations_digest_is_of_its_rows_but_for_the_version() -> None:
    row = dict.fromkeys(PARTS["calibration"], "1")
    first = calibration_digest([row])
    assert first == calibration_digest([{**row, "version": "2"}]) != calibration_digest([row, row])


def test_score_columns() -> None:
    assert registered_columns((), "predict_proba") == registered_columns((0, 1), "none") == {}
    assert registered_columns((0, 1), "predict_proba") == {"score": 1}
    assert registered_columns(("a", "b", "c"), "decision_function") == {
        "score_a": "a",
        "score_b": "b",
        "score_c": "c",
    }


def test_backends_are_proven_for_the_columns_of_more_than_two_classes() -> None:
    two = Version(name="m", version=1, classes=(0, 1), class_columns={"score": 1})
    many = replace(
        two, classes=("a", "b", "c"), class_columns={"score_a": "a", "score_b": "b", "score_c": "c"}
    )
    outputs = Version(name="m", version=1, outputs={"prediction_a": "a"})
    found = [proven_for(version)["columns"] for version in (two, many, outputs, Version(name="m", version=1))]
    assert found == [[], ["score_a", "score_b", "score_c"], ["prediction_a"], []]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"own": 3, "segments": 3, "fallback": "global"},
            "3 values of shop have an estimator of their own; 10 to 3,000 training rows per value, median "
            "20; the estimator of all rows scores unknown and missing ones",
        ),
        (
            {"own": 2, "segments": 3, "fallback": "reject"},
            "2 values of shop have an estimator of their own, 1 have none; 10 to 3,000 training rows per "
            "value, median 20; rows of these, unknown and missing ones are rejected",
        ),
    ],
    ids=["all", "some"],
)
def test_segments_in_words(facts: dict[str, Any], said: str) -> None:
    assert segments_in_words({**facts, "by": "shop", "rows": [10, 20, 3000]}) == said


def test_a_time_zone_is_never_guessed() -> None:
    for dtype, kind, word in (
        ("datetime64[us]", pa.timestamp("us", "UTC"), "without"),
        ("datetime64[us, UTC]", pa.timestamp("us"), "with"),
    ):
        signature = Signature((Feature("at", "timestamp", dtype),), "frame")
        with pytest.raises(SignatureError, match=rf"\({word} a time zone: convert it explicitly\)"):
            check_types(signature, pa.schema({"at": kind}), "score()")


def test_a_version_by_alias_or_number() -> None:
    versions = [
        Version(name="m", version=number, aliases=aliases) for number, aliases in ((1, ("a",)), (2, ()))
    ]
    assert resolve(versions, alias="a", version=None, call="x").version == 1
    assert resolve(versions, alias=None, version=2, call="x").version == 2
    for wanted, action in (
        ({"alias": "zzz", "version": None}, "run `scorehouse promote m 2 --alias zzz` and `dbt seed`"),
        ({"alias": None, "version": 3}, "name one of these, or register the version first"),
    ):
        with pytest.raises(RegistryError) as raised:
            resolve(versions[::-1], call="x", **wanted)  # type: ignore[arg-type]
        assert raised.value.action == action
    with pytest.raises(RegistryError, match=r"versions 1, 2 of ML model 'm' have the alias 'a'"):
        resolve([versions[0], replace(versions[1], aliases=("a",))], alias="a", version=None, call="x")
    assert [parse_reference(text, "x") for text in ("m", "m@a", "m/3")] == [
        ("m", "champion", None),
        ("m", "a", None),
        ("m", None, 3),
    ]


# --- what is said of a version ---


def test_labels_that_hang_on_the_last_place() -> None:
    """The features with the most first; of steps, three."""
    fact: dict[str, Any] = {"rows": 1200, "labels": {"a": 1, "b": 2000, "c": 30}, "steps": {}}
    assert fragile_in_words({}) == fragile_in_words({"fragile": {**fact, "labels": {}}}) == ""
    said = fragile_in_words({"fragile": fact})
    assert said.startswith(
        "of 1,200 rows, the label changes with the last place of a feature: 2,000 in 'b', "
    )
    assert "30 in 'c', 1 in 'a' (round these features" in said and "step" not in said
    steps = {
        name: {"labels": count, "step": 0.5} for name, count in zip("dghef", (4, 0, 1, 1500, 3), strict=True)
    }
    said = fragile_in_words({"fragile": {**fact, "labels": {}, "steps": steps}})
    changed = "with one step of its values: 1,500 by 0.5 of 'e', 4 by 0.5 of 'd', 3 by 0.5 of 'f'"
    assert said == f"of 1,200 rows, the label changes {changed}"
    both = fragile_in_words({"fragile": {**fact, "steps": steps}})
    assert f"; {changed}" in both and "2,000 in 'b'" in both


def test_what_backends_and_reasons_were_proven_on() -> None:
    fact = {"rows": 10, "largest_difference": 0.0, "background": {"rows": 1200}}
    version = Version(name="m", version=3)
    lines = backend_lines(version, {"reasons": fact, "fragile": {"rows": 5, "labels": {"a": 2}}})
    assert (
        lines[0]
        == "m version 3: reasons against 1,200 background rows proven on 10 rows, largest difference 0"
    )
    assert lines[1].startswith("m version 3: of 5 rows, the label changes with ")
    assert against({"background": {"rows": 2}}) == " against 2 background rows" and against({}) == ""
    assert list(proven_in({"sql": 1, "native": 2, "proof_sha256": "x"})) == [
        "native",
        "sql",
    ]
    certificate = {"certified": [], "within": {}, "on_rows": {}}
    assert (
        certified_in_words(replace(version, program={"certificate": certificate}))
        == "for every input: nothing"
    )


# --- the registry of a project whose dbt is not asked ---


class Refs:
    """dbt's object in a Python model: it knows the relations that the model refs."""

    def __init__(self, name: Any) -> None:
        self.known = {("ml_churn",): "house.ml_churn", ("shared", "ml_delay"): "shared.ml_delay"}

    def ref(self, *reference: str) -> str:
        return self.known[reference]


def test_registries_among_the_refs_of_a_model(tmp_path: Path) -> None:
    """Those of the project and of its packages, with the seed paths of each; parts of seeds are none."""
    files = {
        "dbt_project.yml": "name: house\npackages-install-path: packages\n",
        "seeds/ml/churn/ml_churn.csv": "",
        "seeds/ml/churn/ml_churn__signature.csv": "",
        "seeds/ml/other/ml_other.csv": "",
        "packages/shared/dbt_project.yml": "name: shared\nseed-paths: [data]\n",
        "packages/shared/data/ml_delay.csv": "",
        "packages/shared/seeds/ml_delay.csv": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = searched(Refs(str), None, tmp_path)
    assert [(one.name, one.relation, one.files) for one in found] == [
        ("churn", "house.ml_churn", (tmp_path / "seeds/ml/churn/ml_churn.csv",)),
        ("delay", "shared.ml_delay", (tmp_path / "packages/shared/data/ml_delay.csv",)),
    ]
    named = searched(Refs(str), {"churn": "../c.csv", "far": "f.csv"}, tmp_path)
    assert [one.files for one in named] == [(tmp_path / "../c.csv",), found[1].files, (tmp_path / "f.csv",)]
    assert (named[2].name, named[2].relation) == ("far", "ml_far")
    with pytest.raises(RegistryError, match=r"churn version 2 scores, and it is not in the table of a, b"):
        replace(found[0], not_loaded={"2": ["a", "b"]}).check_loaded(Version(name="churn", version=2), "x")
    replace(found[0], not_loaded={"2": ["a"]}).check_loaded(Version(name="churn", version=3), "x")


def test_a_difference_between_table_and_file_is_short() -> None:
    assert shown({"a": 1, "b": 2}, {"a": 1, "b": 3}) == "{'b': 2}" and shown({"a": 1}, 5) == "{'a': 1}"
    assert [shown("x" * size, "") for size in (58, 59)] == [repr("x" * 58), "'" + "x" * 59 + "..."]
