"""Bad input: the build fails, says what was wrong and what to do, and the old table stands untouched.

One project is built well; then everything is spoilt at once, one way a prediction table, and built again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

from project import Build, DbtProject, Row
from visits import FEATURES, edit_registry, registered_by, training

DOORS = ("python", "sql")
pytestmark = pytest.mark.slow  # each way through both doors is built twice


@dataclass(frozen=True)
class Case:
    """One way to spoil a project: other features, or something done to the ML model; and what is said."""

    told: tuple[str, ...]
    features: str = FEATURES
    spoil: Callable[[DbtProject, str], None] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)


def delete_artifact(project: DbtProject, model: str) -> None:
    (project.folder / f"artifacts/{model}/1/model.joblib").unlink()


def alter_artifact(project: DbtProject, model: str) -> None:
    with (project.folder / f"artifacts/{model}/1/model.joblib").open("ab") as file:
        file.write(b"more")


def alter_signature(project: DbtProject, model: str) -> None:
    file = project.folder / f"artifacts/{model}/1/signature.json"
    file.write_text(file.read_text().replace('"accepts_null": true', '"accepts_null": false'))


CASES: dict[str, Case] = {
    "artifact_missing": Case(
        ("model.joblib' of artifact_missing version 1 cannot be read", "restore it from version control"),
        spoil=delete_artifact,
        arguments={"backend": "estimator"},  # a program does not open it
    ),
    "digest_differs": Case(
        (
            "model.joblib' of digest_differs version 1 has the sha256",
            "the registered sha256",
            "restore the registered file from version control",
        ),
        spoil=alter_artifact,
        arguments={"backend": "estimator"},  # a program does not open it
    ),
    "signature_differs": Case(
        ("the signature of signature_differs version 1 has the sha256", "the registered sha256"),
        spoil=alter_signature,
    ),
    "artifact_elsewhere": Case(
        ("leads out of the project", "register the ML model again"),
        spoil=edit_registry(",artifacts/", ",../artifacts/"),
    ),
    "unknown_alias": Case(
        (
            "no version of ML model 'unknown_alias' has the alias 'champoin'; did you mean 'champion'?",
            "Expected: one of the aliases champion.",
            "What to do: correct the alias",
        ),
        arguments={"alias": "champoin"},
    ),
    "unknown_version": Case(
        (
            "ML model 'unknown_version' has no version 7",
            "version 1, the only one",
            "register the version first",
        ),
        arguments={"version": 7},
    ),
    "columns_missing": Case(
        (
            "lacks 2 of 2 features: 'age' (near: 'ages'), 'visits' (near: 'visit')",
            "add or rename these columns",
        ),
        features=FEATURES.replace("as age", "as ages").replace("as visits", "as visit"),
    ),
    "unsigned_huge": Case(
        told=("age are UHUGEINT", "cast these columns"),
        features=FEATURES.replace("(i % 50)::double", "(i % 50)::uhugeint"),
    ),
    "union_kept": Case(
        told=("id are UNION, of which Arrow selects no rows", "cast these columns"),
        features=FEATURES.replace("i as id", "union_value(n := i)::union(n bigint, s varchar) as id"),
    ),
    "type_differs": Case(
        (
            "'age' is string where double was trained",
            "'visits' is bool where integer was trained",
            "cast these columns in the feature model",
        ),
        features=FEATURES.replace("::double", "::varchar").replace("i % 7 as", "i % 7 = 1 as"),
    ),
    "key_duplicated": Case(
        (
            "the key id is not unique: 200 feature rows, 150 distinct keys",
            "0 (2 times), 1 (2 times), 2 (2 times)",
            "deduplicate in the feature model",
        ),
        features=FEATURES.replace("i as id", "i % 150 as id"),
    ),
    "key_null": Case(
        ("20 of 200 feature rows have a NULL in the key id", "filter these rows out in"),
        features=FEATURES.replace("i as id", "case when i % 10 != 3 then i end as id"),
    ),
    "key_missing": Case(
        ("'id' (near: 'i_d')", "correct key, or add the columns to the feature model"),
        features=FEATURES.replace("as id", "as i_d"),
    ),
    "passthrough_missing": Case(
        ("passthrough names columns that the feature table does not have", "'not' (near: 'note')"),
        arguments={"passthrough": "not"},
    ),
    "saved_by_another_release": Case(
        ("was saved by scikit-learn 0.19.1", "install scikit-learn==0.19.1", "set library_versions"),
        spoil=registered_by("0.19.1"),
        arguments={"backend": "estimator"},  # a program does not open it
    ),
    "named_like_an_output": Case(
        (
            "names that the prediction table uses itself: score, Model_Name",
            "rename these columns in the feature model, or leave them out of passthrough",
        ),
        features=FEATURES.replace("'x' || i as note", "0.5 as score, 'x' as \"Model_Name\""),
        arguments={"passthrough": ["score", "Model_Name"]},
    ),
    "method_missing": Case(
        (
            "score_method is 'decision_function', and its backends were proven with 'predict_proba'",
            "run `scorehouse compile method_missing --version 1`",
        ),
        spoil=edit_registry(",predict_proba,", ",decision_function,"),
    ),
    "estimator_fails": Case(
        ("score_method is 'score', and its backends were proven", "run `scorehouse compile estimator_fails"),
        spoil=edit_registry(",predict_proba,", ",score,"),
    ),
    "alias_held_twice": Case(
        (
            "versions 1, 2 of ML model 'alias_held_twice' have the alias 'champion'",
            "leaves it there alone",
        ),
        spoil=edit_registry("alias_held_twice,2,,", "alias_held_twice,2,champion,"),
    ),
    "not_a_registry": Case(
        ("the column 'classes' of not_a_registry version 1 holds '[false, true", "restore the seed"),
        spoil=edit_registry("[false, true]", "[false, true"),
    ),
    "rescore_unknown": Case(
        ("rescore has 'sometimes'", "among all, given, new", "correct the call"),
        arguments={"rescore": "sometimes"},
    ),
    "strict_unknown": Case(
        ("strict has 'nulls'", "strict among null, not_finite", "write 'null'"),
        arguments={"strict": ["nulls"]},
    ),
    "share_out_of_range": Case(
        ("max_rejected_share is 5", "a share between 0 and 1"), arguments={"max_rejected_share": 5}
    ),
    "no_key": Case(("no key was given", "the column or columns that identify"), arguments={"key": []}),
}
NAMES = [(name, door) for name in CASES for door in DOORS]


def add_models(project: DbtProject, name: str, arguments: dict[str, Any]) -> None:
    arguments = {"key": "id", **arguments}
    project.python_model(f"{name}_python", name, features=f"{name}_features", **arguments)
    project.sql_model(f"{name}_sql", name, features=f"{name}_features", **arguments)


@dataclass(frozen=True)
class Spoilt:
    """The project after the second build, and what its prediction tables held before it."""

    project: DbtProject
    before: dict[str, list[Row]]
    ended: Build


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Spoilt:
    project = DbtProject(tmp_path_factory.mktemp("bad") / "house")
    X = training()
    estimator = RandomForestClassifier(3, random_state=0).fit(X, X.age > 30)
    for name in CASES:
        project.register(estimator, name, X, task="classification")
        project.features(FEATURES, name=f"{name}_features")
        add_models(project, name, {})
    other = RandomForestClassifier(4, random_state=0).fit(X, X.age > 30)
    project.register(other, "alias_held_twice", X, task="classification", alias=None)
    project.build().check()
    before = {f"{name}_{door}": project.content(f"{name}_{door}") for name, door in NAMES}
    for name, case in CASES.items():
        project.features(case.features, name=f"{name}_features")
        if case.spoil:
            case.spoil(project, name)
        add_models(project, name, case.arguments)
    return Spoilt(project, before, project.build())


@pytest.mark.parametrize(("name", "door"), NAMES)
def test_the_build_fails_and_says_what_to_do(name: str, door: str, spoilt: Spoilt) -> None:
    assert spoilt.ended.statuses[f"{name}_{door}"] == "error"
    message = spoilt.ended.messages[f"{name}_{door}"]
    assert [text for text in (*CASES[name].told, "Expected: ", "What to do: ") if text not in message] == []


@pytest.mark.parametrize(("name", "door"), NAMES)
def test_the_old_table_is_untouched(name: str, door: str, spoilt: Spoilt) -> None:
    before = spoilt.before[f"{name}_{door}"]
    assert len(before) == 200
    assert spoilt.project.content(f"{name}_{door}") == before


@pytest.mark.parametrize(("name", "door"), NAMES)
def test_the_failed_run_is_logged(name: str, door: str, spoilt: Spoilt) -> None:
    good, bad = spoilt.project.runs(f"{name}_{door}")
    assert (good["status"], good["error"]) == ("success", None)
    assert bad["status"] == "failed" and CASES[name].told[0] in bad["error"]
    assert (bad["rows_scored"], bad["invocation_id"] != good["invocation_id"]) == (0, True)


def test_nothing_is_left_behind(spoilt: Spoilt) -> None:
    tables = {row[0] for row in spoilt.project.query("select table_name from duckdb_tables()")}
    assert not [name for name in tables if name.endswith("_new")]


# --- what may be, and what is refused before a build ---
