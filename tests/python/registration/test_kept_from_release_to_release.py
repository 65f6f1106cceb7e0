"""What files and digests of registered versions depend on: the next release reads and writes the same."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import pytest
from sklearn.linear_model import LinearRegression

from scorehouse.errors import (
    ArtifactError,
    ConfigurationError,
    EstimatorError,
    LoadRefusedError,
    RegistryError,
    SignatureError,
)
from scorehouse.registry.artifact import (
    beside,
    decision,
    open_given,
    pinned_files,
    read_program,
    signed_digests,
)
from scorehouse.registry.formats import FORMATS
from scorehouse.registry.formats.base import import_extra
from scorehouse.registry.label_rule import fault_of, proven_for
from scorehouse.registry.policy import LoadPolicy, installed, saved_by
from scorehouse.registry.registry_file import _projects
from scorehouse.registry.seeds import (
    Importance,
    ModelSeeds,
    signature_rows,
    with_importance,
    without_importance,
)
from scorehouse.registry.signature import Feature, Signature, match_columns
from scorehouse.registry.version import Version, resolve

OWN = Version(
    name="churn",
    version=12,
    task="classification",
    artifact="artifacts\\churn\\12\\model.joblib",
    artifact_format="joblib",
    sha256="ab" * 32,
    signature_sha256="cd" * 32,
    classes=("nein", "jä"),
    score_method="predict_proba",
    threshold=0.1 + 0.2,
    program={"program_sha256": "01", "proof_sha256": "02", "reasons": {"proof_sha256": "03"}},
)
SIGNATURE = """{
 "array_dtype": "float64",
 "container": "frame",
 "features": [
  {
   "accepts_non_finite": false,
   "accepts_null": true,
   "accepts_unseen": true,
   "categories": [
    "ü"
   ],
   "dtype": "object",
   "max_magnitude": null,
   "maximum": null,
   "minimum": null,
   "name": "ä",
   "null_as": "nan",
   "null_share": 0.25,
   "type": "string"
  }
 ],
 "format": 1
}
"""


def test_a_signature_file_that_is_registered() -> None:
    found = Signature.from_json(SIGNATURE.encode())
    assert found == Signature(
        (Feature("ä", "string", "object", accepts_null=True, categories=("ü",), null_share=0.25),), "frame"
    )
    assert found.to_json() == SIGNATURE.encode()
    for text, said in (
        (SIGNATURE.replace(": 1\n", ": 0\n"), "its format number is not known"),
        (SIGNATURE.replace(": 1\n", ": 2\n"), "its format number is not known"),
        (SIGNATURE.replace('"dtype"', '"type_"'), "it cannot be read (TypeError"),
        ("{}", "it cannot be read (KeyError"),
        ("[", "it cannot be read (JSONDecodeError"),
    ):
        with pytest.raises(SignatureError) as raised:
            Signature.from_json(text.encode())
        assert said in str(raised.value)


def test_what_is_pinned_and_signed_of_a_version() -> None:
    """The digest of the decision is part of each signature that a project has."""
    pinned = {"model.joblib": "ab" * 32, "signature.json": "cd" * 32}
    pinned |= {"program.npz": "01", "proof.arrow": "02", "proof_reasons.arrow": "03"}
    assert pinned_files(OWN) == pinned and b'"nein\\", \\"j\xc3\xa4' in decision(OWN)
    digest = "d6bea09df85c834351ce398acd5b4e8c91020f190498372f5e72af0cb5a563b2"
    assert (
        signed_digests(OWN)
        == pinned | {"decision.json": digest}
        == {
            **pinned,
            "decision.json": sha256(decision(OWN)).hexdigest(),
        }
    )
    assert [beside(replace(OWN, artifact=place), "x") for place in ("a/b/m", "m", r"a\m")] == [
        "a/b/x",
        "x",
        "a/x",
    ]
    with pytest.raises(ArtifactError, match="no digest of the proof of the reasons of churn version 12"):
        read_program(Path(), replace(OWN, program={}), "proof_reasons.arrow", LoadPolicy(), "x")


def test_what_backends_are_proven_for() -> None:
    two = {"task": "classification", "score_method": "predict_proba", "label_method": "", "columns": []}
    assert proven_for(OWN) == {**two, "classes": 2, "threshold": True}
    three = replace(OWN, classes=(1, 2, 3), class_columns={"a": 1, "b": 2, "c": 3}, threshold=None)
    assert proven_for(three) == {**two, "classes": 3, "threshold": False, "columns": ["a", "b", "c"]}
    many = replace(three, class_columns={"score": 3}, classes=(3,))
    assert proven_for(many)["columns"] == ["score"] and fault_of(replace(many, program={})) is None
    assert proven_for(Version(name="m", version=1, class_columns={"score": 3}))["columns"] == []
    for proven, said in (({"classes": 3}, "'3'"), ({"threshold": False}, None), ({"threshold": True}, None)):
        fault = fault_of(replace(OWN, program={"proven_for": proven}))
        assert (fault is None) == (said is None)
    thresholds = {0.0: "all rows would have one label", 1.0: "", 1.1: "all rows would", float("nan"): "nan"}
    for threshold, said in thresholds.items():
        fault = fault_of(replace(OWN, program={}, threshold=threshold))
        assert (said in fault.problem) if fault else not said
    raw = replace(OWN, program={}, threshold=7.0, score_method="decision_function")
    assert fault_of(raw) is None and fault_of(replace(raw, task="multilabel_classification", classes=(-1, 1)))


# --- features ---


@pytest.mark.parametrize(
    ("kind", "dtype", "objects", "nullable", "single", "zone", "sql"),
    [
        ("double", "float64", False, False, False, False, "double"),
        ("double", "float32", False, False, True, False, "double"),
        ("double", "Float32", False, True, True, False, "double"),
        ("double", "Float64", False, True, False, False, "double"),
        *(
            ("integer", f"{sign}nt{bits}", False, sign in ("I", "UI"), False, False, "integer")
            for sign in ("i", "I", "ui", "UI")
            for bits in (8, 16, 32, 64)
        ),
        ("boolean", "boolean", False, True, False, False, "boolean"),
        ("double", "decimal", True, False, False, False, "double"),
        ("boolean", "object", True, False, False, False, "boolean"),
        ("string", "category", True, False, False, False, "string"),
        ("timestamp", "datetime64[us]", False, False, False, False, "timestamp"),
        ("timestamp", "datetime64[us, UTC]", False, False, False, True, "timestamp with time zone"),
    ],
)
def test_what_a_dtype_of_training_means(
    kind: str, dtype: str, objects: bool, nullable: bool, single: bool, zone: bool, sql: str
) -> None:
    feature = Feature("f", kind, dtype)
    found = (feature.holds_objects, feature.is_nullable, feature.is_single, feature.has_zone)
    assert (*found, feature.sql_kind) == (objects, nullable, single, zone, sql)


def test_features_that_a_table_lacks() -> None:
    signature = Signature(
        tuple(Feature(name, "double", "float64") for name in ("age", "visits", "fee")), "frame"
    )
    assert match_columns(signature, ["FEE", "Age", "visits"], "x") == {
        "age": "Age",
        "visits": "visits",
        "fee": "FEE",
    }
    with pytest.raises(SignatureError) as raised:
        match_columns(signature, ["age", "Visit", "VISIT"], "x")
    assert raised.value.problem == (
        "the feature table lacks 2 of 3 features: 'visits' (near: 'Visit'), 'fee'"
    )


def test_importance_stands_beside_the_features(tmp_path: Path) -> None:
    seeds = ModelSeeds(tmp_path, "churn")
    importance = Importance("permutation: log_loss", {"a": 0.1 + 0.2, "b": 0.7})
    assert not seeds.write_importance(1, importance)
    features = (Feature("a", "double", "float64"), Feature("b", "double", "float64"))
    rows = signature_rows(Version(name="churn", version=1), Signature(features, "frame"))
    seeds.write_rows("signature", 1, rows)
    assert seeds.write_importance(1, importance) and seeds.features(1)[0]["importance"] == 0.1 + 0.2
    assert [row["importance_kind"] for row in seeds.features(1)] == [importance.kind] * 2
    assert [without_importance(row) for row in with_importance(rows, importance)] == rows
    known = {"version": "1", "part": "feature", "kind": "bin", "row_count": "3", "lower": "", "upper": "0.5"}
    seeds.write_rows("reference", 1, [known])
    (row,) = seeds.reference(1)
    assert (row["row_count"], row["lower"], row["upper"], row["part"]) == (3.0, None, 0.5, "feature")


# --- which libraries, files and projects ---


def test_libraries_of_a_file() -> None:
    present = installed("scikit-learn")
    assert present is not None and installed("no-such-library") is None
    saved = replace(OWN, sklearn_version="0.1", libraries={"xgboost": "9.9", "numpy": "1.0"})
    assert saved_by(replace(saved, artifact_format="xgboost")) == {"xgboost": "9.9"}
    assert saved_by(saved) == {"scikit-learn": "0.1", "xgboost": "9.9"}
    same = replace(OWN, sklearn_version=present)
    assert LoadPolicy().check_libraries(same, "x") == []
    early = replace(OWN, sklearn_version="1.0rc1")  # alike, though it was no release
    assert LoadPolicy(library_versions=">=0.1").check_libraries(early, "x") == []
    for rule, version in ((">=0.1,<1.0", early), ("==1.0rc1", early)):  # one of both is outside
        with pytest.raises(LoadRefusedError, match=f"but {present} is installed") as raised:
            LoadPolicy(library_versions=rule).check_libraries(version, "x")
        assert raised.value.expected == f"both versions within {rule}"
    gone = replace(OWN, artifact_format="xgboost", libraries={"xgboost": "0.0.1"})
    with pytest.raises(LoadRefusedError) as raised:  # one text is a range of scikit-learn
        LoadPolicy(library_versions=">=0.0.1").check_libraries(gone, "x")
    assert raised.value.expected.startswith("the version that saved the estimator")
    assert "install xgboost==0.0.1, " in raised.value.action


def test_which_files_run_code_and_predict_as_the_estimator_did() -> None:
    assert [name for name, one in FORMATS.items() if one.runs_code] == ["joblib"]
    assert [name for name, one in FORMATS.items() if not one.exact] == ["onnx"]
    assert not LoadPolicy().require_certificate
    for name in ("no_such_library", "no_such_library.part.of"):
        with pytest.raises(ConfigurationError, match=r"library 'no_such_library' is .*\n.*\n.*\[onnx\]"):
            import_extra(name, "onnx", "x")


def test_a_file_that_is_given(tmp_path: Path) -> None:
    estimator = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    joblib.dump(estimator, tmp_path / "m.pkl")
    assert open_given(tmp_path / "m.pkl", LoadPolicy(), "x").coef_ == estimator.coef_
    with pytest.raises(LoadRefusedError, match=r"m.pkl' is read as 'joblib', which the load policy does not"):
        open_given(tmp_path / "m.pkl", LoadPolicy(pickle="refuse"), "x")
    with pytest.raises(
        LoadRefusedError, match=r"m.skops' is read as 'skops', which the load policy does not"
    ):
        open_given(tmp_path / "m.skops", LoadPolicy(formats=("joblib",)), "x")
    (tmp_path / "train.py").write_text("print(5)\n")
    (tmp_path / "text.joblib").write_text("# x\n")
    for name, said in (
        ("train.py", "it is a script"),
        ("text.joblib", "it holds no pickle"),
        ("no.joblib", "No such file or directory"),
        ("no.py", "No such file or directory"),
    ):
        with pytest.raises((EstimatorError, ArtifactError)) as raised:
            open_given(tmp_path / name, LoadPolicy(), "x")
        assert said in str(raised.value) and ("run it" in raised.value.action) == (name == "train.py")


def test_the_projects_that_dbt_has_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the dbt that runs in this project, since paths may be Jinja; another one's are not asked."""
    factory = pytest.importorskip("dbt.adapters.factory")

    def adapter(root: Path, *names: str) -> Any:
        read = {
            name: SimpleNamespace(project_name=name, project_root=str(root / name), seed_paths=["s"])
            for name in names
        }
        return SimpleNamespace(config=SimpleNamespace(project_root=str(root), load_dependencies=lambda: read))

    own, others = adapter(tmp_path, "house", "shared"), [adapter(tmp_path / name, "z") for name in ("a", "~")]
    monkeypatch.setattr(factory.FACTORY, "adapters", {"1": others[0], "2": own, "3": others[1]})
    found = [(name, tmp_path / name, ["s"]) for name in ("house", "shared")]
    assert _projects(tmp_path) == found
    monkeypatch.setattr(factory.FACTORY, "adapters", dict(enumerate(others)))
    (tmp_path / "dbt_project.yml").write_text("name: written\n")
    assert _projects(tmp_path) == [("written", tmp_path, ["seeds"])]


# --- a version by its alias or number ---


def test_what_is_said_of_a_version_that_is_not_there() -> None:
    versions = [
        Version(name="m", version=n, aliases=one) for n, one in ((3, ()), (1, ("champion",)), (2, ()))
    ]
    cases: list[tuple[list[Version], dict[str, Any], str, str]] = [
        ([], {"alias": "a"}, "the registry has no versions", "at least one row"),
        (versions, {"version": 7}, "ML model 'm' has no version 7", "one of the versions 1, 2, 3"),
        (versions, {"alias": "champoin"}, "did you mean 'champion'", "one of the aliases champion"),
        (versions[:1], {"alias": "blue"}, "the alias 'blue'", "an alias; there is none yet"),
    ]
    for known, asked, problem, expected in cases:
        with pytest.raises(RegistryError) as raised:
            resolve(known, call="x", **{"alias": None, "version": None, **asked})
        assert problem in raised.value.problem and raised.value.expected.startswith(expected)
    assert resolve(versions, alias=None, version=3, call="x").version == 3


@pytest.mark.parametrize("named", [{"churn": 5}, {5: "x"}, "x"])
def test_settings_that_are_no_texts(named: Any) -> None:
    with pytest.raises(ConfigurationError, match="roots is "):
        LoadPolicy.from_variable({"roots": named} if not isinstance(named, str) else {"roots": [named, 5]})
    assert LoadPolicy.from_variable({"roots": "x"}).roots == ("x",)
