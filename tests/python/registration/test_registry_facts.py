"""What the registry reads, writes and refuses, without a registration: rows, seeds, tables beside files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scorehouse.errors import ConfigurationError, RegistryError
from scorehouse.registry.registry_file import RegistryFile, listed, only
from scorehouse.registry.seed_columns import PARTS
from scorehouse.registry.seeds import (
    ModelSeeds,
    build_command,
    read_rows,
    registered_names,
    signature_rows,
    write_rows,
)
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import (
    COLUMNS,
    Version,
    class_columns,
    column_of,
    parse_reference,
    text_of,
    versions_of,
)

WHOLE = Version(
    name="churn",
    version=12,
    aliases=("champion", "next"),
    task="classification",
    artifact="artifacts/churn/12/model.joblib",
    artifact_format="joblib",
    sha256="ab" * 32,
    size_bytes=10,
    signature_sha256="cd" * 32,
    classes=("nein", "jä"),
    score_method="predict_proba",
    label_method="score",
    threshold=0.1 + 0.2,
    n_features=2,
    training_rows=1000,
    sklearn_version="1.9.1",
    libraries={"numpy": "2.4.6", "joblib": "1.6.0"},
    metrics={"roc_auc": 0.91, "brier": 1e-9},
    owner="CRM, Süd",
    class_columns={"score": "jä"},
    outputs={"prediction_b": "b", "prediction_a": "a"},
    program={"native": {"rows": 100}},
)


# --- rows ---


def test_a_version_is_read_as_it_was_written() -> None:
    row = WHOLE.to_row()
    assert Version.from_row(row) == WHOLE and all(isinstance(value, str) for value in row.values())
    assert row["aliases"] == "champion|next" and row["classes"] == '["nein", "jä"]'
    assert row["libraries"] == '{"joblib": "1.6.0", "numpy": "2.4.6"}'
    assert row["outputs"] == '{"prediction_b": "b", "prediction_a": "a"}'  # whose order has a meaning
    bare = Version(name="m", version=1)
    assert Version.from_row(bare.to_row()) == bare and bare.to_row()["libraries"] == "{}"
    assert {bare.to_row()[name] for name in ("metrics", "classes", "threshold", "program", "aliases")} == {""}
    typed = {**row, "version": 12, "threshold": WHOLE.threshold, "owner": None}  # as a warehouse has them
    assert Version.from_row(typed) == replace(WHOLE, owner="")
    assert [version.version for version in versions_of([bare.to_row(), row])] == [1, 12]


@pytest.mark.parametrize(
    ("column", "value", "said", "expected"),
    [
        ("version", "x", "holds 'x'", "a whole number"),
        ("training_rows", None, "holds 'None'", "a whole number"),
        ("threshold", "half", "holds 'half'", "a number such as 0.35"),
        ("threshold", "inf", "the threshold of churn version 12 is inf", "a finite number"),
        ("classes", "[", "holds '['", "JSON"),
        ("metrics", "{" * 99, f"holds '{'{' * 60}'", "JSON"),
        ("owner", ..., "the column 'owner' of churn version 12 is missing", "text"),
    ],
)
def test_a_row_that_cannot_be_read(column: str, value: Any, said: str, expected: str) -> None:
    row: dict[str, Any] = {**WHOLE.to_row(), column: value}
    if value is ...:
        del row[column]
    with pytest.raises(RegistryError) as raised:
        Version.from_row(row)
    assert said in raised.value.problem and raised.value.expected.startswith(expected)


def test_a_version_that_is_there_twice() -> None:
    rows = [replace(WHOLE, version=number).to_row() for number in (1, 2, 2, 3)]
    with pytest.raises(RegistryError, match="churn version 2 is there 2 times"):
        versions_of(rows)


def test_seeds_of_several_models(tmp_path: Path) -> None:
    seeds = ModelSeeds(tmp_path, "churn")
    with pytest.raises(RegistryError, match="there is no ML model 'churn'"):
        seeds.registered("x")
    for name in ("churn", "delay"):
        ModelSeeds(tmp_path, name).append_version(replace(WHOLE, name=name))
    for left in ("a", "z"):  # neither is a registry
        write_rows(tmp_path / f"seeds/ml/churn/ml_{left}.csv", COLUMNS, [])
        (tmp_path / f"seeds/ml/{left}").mkdir()
    assert registered_names(tmp_path) == ["churn", "delay"] and seeds.registered("x") == [WHOLE]
    with pytest.raises(RegistryError, match=r"no ML model 'chrun'.*did you mean 'churn'"):
        ModelSeeds(tmp_path, "chrun").registered("x")
    assert build_command("churn") == "dbt build --select tag:ml_churn+"
    one = "dbt build --select tag:ml_churn scores+ --indirect-selection buildable"
    assert build_command("churn", "scores+") == one


def test_a_seed_has_only_the_optional_columns_that_it_needs(tmp_path: Path) -> None:
    seeds = ModelSeeds(tmp_path, "churn")
    header = lambda: seeds.registry_file.read_text().partition("\n")[0].split(",")  # noqa: E731
    seeds.write_versions([replace(WHOLE, outputs={}, class_columns={}, program={})])
    few = header()
    seeds.append_version(replace(WHOLE, version=13, provenance={"seed": 1}))
    assert set(header()) > set(few) and "provenance" not in few and "provenance" in header()
    assert [version.provenance for version in seeds.versions()] == [{}, {"seed": 1}]
    assert header() == [column for column in COLUMNS if column in header()]
    for text in ("name,version\nchurn,1\n", ",".join(reversed(header())) + "\n"):
        seeds.registry_file.write_text(text)
        with pytest.raises(RegistryError, match="its columns are"):
            seeds.versions()
    assert read_rows(tmp_path / "nothing.csv", ["a"]) == []
    write_rows(tmp_path / "long.csv", ["a"], [{"a": "x" * 200_000}])  # as a list of categories may be
    assert read_rows(tmp_path / "long.csv", ["a"]) == [{"a": "x" * 200_000}]


def test_features_are_read_from_their_seed_as_they_were_written(tmp_path: Path) -> None:
    features = (
        Feature("amount", "double", "float64", True, False, max_magnitude=1e30, minimum=-0.5, maximum=2.0),
        Feature("plan", "string", "object", categories=("ü", 'a "b"', ""), null_share=0.25),
        Feature("stops", "integer", "int64", accepts_unseen=False, categories=(1, 2)),
    )
    seeds = ModelSeeds(tmp_path, "churn")
    signature = Signature(features, "frame")
    seeds.write_rows("signature", 12, signature_rows(WHOLE, signature))
    found = seeds.features(12)
    assert [row["position"] for row in found] == [1, 2, 3]
    assert {"version", *found[0]} == set(PARTS["signature"]) and "version" not in found[0]
    for row, feature in zip(found, features, strict=True):
        assert row["feature"] == feature.name
        for name in ("type", "dtype", "accepts_null", "accepts_non_finite", "accepts_unseen"):
            assert row[name] == getattr(feature, name)
        for name in ("max_magnitude", "minimum", "maximum", "null_share"):
            assert row[name] == getattr(feature, name)
        assert row["categories"] == (feature.categories and list(feature.categories))
    assert Signature.from_json(signature.to_json()) == signature


def test_what_a_reference_has_learned(tmp_path: Path) -> None:
    seeds = ModelSeeds(tmp_path, "churn")
    row = dict.fromkeys(PARTS["reference"], "")
    kinds = [("window", "week psi"), ("window", "day psi"), ("window", "week mean"), ("window", "rows")]
    rows = [{**row, "version": "12", "kind": kind, "category": text} for kind, text in kinds]
    seeds.write_rows("reference", 12, rows)
    assert seeds.window_units(12) == ["week", "day"] and seeds.window_units(1) == []
    assert not seeds.has_pairs(12)
    seeds.write_rows("reference", 13, [{**row, "version": "13", "kind": "pair", "row_count": "70"}])
    assert seeds.has_pairs(13) and not seeds.has_pairs(12)
    assert seeds.sizes() == {12: {"reference": 4}, 13: {"reference": 70}}


def test_names_of_columns_and_references() -> None:
    assert list(map(text_of, (True, False, "True", 1, 1.5))) == ["true", "false", "True", "1", "1.5"]
    names = [column_of("score_", label) for label in ("Über-Mut!", -1, "- 1", 1.5, "", True)]
    assert len(set(names)) == len(names) and names[1:2] == ["score_minus_1"] and names[4] == "score_empty"
    assert class_columns(["a", "A", "a_0", "b"]) == {
        **{"score_a_0_": "a", "score_a_1": "A", "score_a_0": "a_0", "score_b": "b"}
    }
    for wrong in ("m@", "m/x", "m@a/1", "@a", "m a"):
        with pytest.raises((RegistryError, ConfigurationError)):
            parse_reference(wrong, "x")


# --- the registry in version control, and its table ---


def registry(tmp_path: Path, *versions: Version) -> RegistryFile:
    seeds = ModelSeeds(tmp_path, "churn")
    seeds.write_versions(versions)
    return RegistryFile("churn", "ml_churn", (tmp_path / "elsewhere.csv", seeds.registry_file))


def test_a_table_is_compared_with_the_file(tmp_path: Path) -> None:
    other = replace(WHOLE, version=13, aliases=())
    file = registry(tmp_path, WHOLE, other)
    rows = [other.to_row(), WHOLE.to_row()]
    assert file.compared(rows, "x") == [WHOLE, other]
    assert file.compared([], "x", may_be_empty=True) == [WHOLE, other]
    words = {"owner": "x", "description": "y", "metrics": '{"a": 1.0}', "registered_at": "z"}
    file.compared([{**rows[0], **words}, rows[1]], "x")
    for wrong, said in (
        ([], r"the table has the versions \[\] and the file has \[12, 13\]"),
        (rows[:1], r"the table has the versions \[13\]"),
        ([{**rows[0], "sha256": "ef"}, rows[1]], "sha256"),
        ([{**rows[0], "threshold": "0.4"}, rows[1]], "threshold"),
        ([rows[0], {**rows[1], "aliases": ""}], "aliases"),
    ):
        for empty in (False, True):
            if empty and not wrong:
                continue
            with pytest.raises(RegistryError, match=f"ml_churn differs from the registry.*{said}"):
                file.compared(wrong, "x", **({"may_be_empty": True} if empty else {}))
    for files, said in (((), "dbt knows of no seed"), ((tmp_path / "no.csv",), r"no.csv' does not exist")):
        with pytest.raises(RegistryError, match=said):
            replace(file, files=files).versions("x")
    assert only([file], "x", "call") is file
    for several, said in (([], "fits none"), ([file, file], "fits several")):
        with pytest.raises(ConfigurationError, match=said):
            only(several, "x", "call")


def test_where_the_files_of_registries_are(tmp_path: Path) -> None:
    entry = {"name": "churn", "relation": "r", "path": "seeds/c.csv", "package": "", "root": "/other"}
    entries = [entry, {**entry, "package": "house"}, {**entry, "path": "", "not_loaded": {"1": ["s"]}}]
    found = listed(entries, None, tmp_path)
    assert found[0].files == (tmp_path / "seeds/c.csv",) and found[2].files == ()
    assert found[1].files[1] == Path("/other/seeds/c.csv") and "house" in found[1].files[0].parts
    assert [dict(each.not_loaded) for each in found] == [{}, {}, {"1": ["s"]}]
    assert listed(entries, {"churn": "../x.csv"}, tmp_path)[1].files == (tmp_path / "../x.csv",)
    for named in ("x", {"churn": 5}, ["churn"]):
        with pytest.raises(ConfigurationError, match="a mapping from ML models to paths"):
            listed(entries, named, tmp_path)  # type: ignore[arg-type]
