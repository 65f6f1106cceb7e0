"""Online scoring: the row that a service scores is the row that stands in the prediction table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import REPOSITORY, DbtProject
from rescoring import execute, make_project
from scorehouse import register
from scorehouse.errors import ArtifactError, ConfigurationError, RegistryError, SignatureError
from scorehouse.online.online_scorer import load

EXAMPLES = {
    "churn": ("churn_scoring_features", "churn_predictions", ["customer_id", "snapshot_date"]),
    "flight_delay": ("flight_scoring_features", "flight_predictions", ["flight_id"]),
}


def tables(database: Path, name: str) -> tuple[pa.Table, pa.Table]:
    """The feature table and the prediction table of an example, in the order of their key."""
    features, predictions, key = EXAMPLES[name]
    with duckdb.connect(str(database), read_only=True) as connection:
        order = ", ".join(key)
        return tuple(
            connection.sql(f"from {table} order by {order}").to_arrow_table()
            for table in (features, predictions)
        )


def assert_rows_equal(online: pa.Table, batch: pa.Table) -> None:
    """Every column that online scoring gives equals that of the prediction table, bit for bit."""
    assert len(online) == len(batch) > 0
    for name in online.column_names:
        found, expected = (table.column(name).combine_chunks() for table in (online, batch))
        assert found.equals(expected.cast(found.type)), name


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_online_equals_batch_row_for_row(examples: Path, name: str) -> None:
    features, predictions = tables(examples, name)
    online = load(f"{name}@champion", REPOSITORY).predict(features)
    assert_rows_equal(online, predictions)
    statuses = {item["values"] for item in pc.value_counts(online.column("row_status")).to_pylist()}
    assert "scored" in statuses


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_dicts_and_frames_give_the_same_rows_as_the_table(examples: Path, name: str) -> None:
    features, predictions = tables(examples, name)
    rejected = pc.indices_nonzero(pc.equal(predictions.column("row_status"), "rejected")).to_pylist()[:50]
    rows = sorted({*range(0, len(features), len(features) // 300), *rejected})
    some, expected = features.take(rows), predictions.take(rows)
    model = load(name, REPOSITORY)

    together = model.predict(some.to_pylist())
    assert_rows_equal(pa.Table.from_pylist(together, schema=model.predict(some).schema), expected)
    one_by_one = [model.predict(row) for row in some.to_pylist()]
    assert one_by_one == together

    frame = some.to_pandas().set_index(np.arange(len(rows)) * 3 + 7)
    scored = model.predict(frame)
    assert scored.index.equals(frame.index)
    assert scored["row_status"].tolist() == expected.column("row_status").to_pylist()
    assert scored["reject_reason"].isna().tolist() == expected.column("reject_reason").is_null().to_pylist()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two versions of a small ML model."""
    (tmp_path / "dbt_project.yml").write_text("name: shop\n")
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"amount": rng.normal(size=200), "visits": rng.integers(0, 9, 200)})
    label = (frame["amount"] > 0).astype(int)
    for strength, alias in ((1.0, "challenger"), (10.0, "champion")):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(frame, label)
        register(pipeline, "buyer", frame, label, task="classification", alias=alias, project_dir=tmp_path)
    return tmp_path


def test_a_dict_gives_a_dict_with_status_and_origin(project: Path) -> None:
    row = load("buyer@champion", project).predict({"amount": 1.5, "visits": 2, "ignored": "x"})
    assert row["prediction"] == 1
    assert 0.5 < row["score"] < 1
    assert (row["row_status"], row["reject_reason"], row["model_name"]) == ("scored", None, "buyer")
    assert row["model_version"] == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"amount": None, "visits": 2}, "null:amount"),
        ({"amount": float("nan"), "visits": 2}, "not_finite:amount"),
        ({"amount": 1.0, "visits": 2.5}, "out_of_type:visits=2.5"),
    ],
)
def test_a_row_that_the_table_would_reject_is_rejected(
    project: Path, row: dict[str, Any], reason: str
) -> None:
    scored = load("buyer", project).predict(row)
    assert scored["row_status"] == "rejected"
    assert scored["reject_reason"].split(";")[0] == reason
    assert scored["score"] is None and scored["prediction"] is None


def test_strict_rejects_online_too(project: Path) -> None:
    scored = load("buyer", project, strict=["out_of_range"]).predict({"amount": 1.0, "visits": 99})
    assert scored["reject_reason"] == "out_of_range:visits=99"


def test_what_comes_back_is_of_the_kind_given(project: Path) -> None:
    model = load("buyer", project)
    table = pa.table({"amount": [1.0, -1.0], "VISITS": [1, 2]})
    assert isinstance(model.predict(table), pa.Table)
    (batch,) = table.to_batches()
    assert isinstance(model.predict(batch), pa.RecordBatch)
    assert isinstance(model.predict(table.to_pandas()), pd.DataFrame)
    assert model.predict([]) == []
    assert model.predict(table.slice(0, 0)).column_names == model.predict(table).column_names


def test_an_alias_a_version_and_the_default(project: Path) -> None:
    assert load("buyer@challenger", project).version.version == 1
    assert load("buyer/1", project).version.version == 1
    assert load("buyer", project).version.version == 2
    with pytest.raises(RegistryError, match="no version 7"):
        load("buyer/7", project)
    with pytest.raises(ConfigurationError, match="such as churn@champion"):
        load("models:/buyer@champion", project)


def test_the_project_is_found_from_a_folder_inside_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "models").mkdir()
    monkeypatch.chdir(project / "models")
    assert load("buyer").version.name == "buyer"


def test_steps_see_the_finished_table(project: Path) -> None:
    def decide(table: pa.Table) -> pa.Table:
        return table.append_column(
            "decision", pc.if_else(pc.greater(table.column("score"), 0.9), "call", "wait")
        )

    row = load("buyer", project, steps=[decide]).predict({"amount": 9.0, "visits": 1})
    assert row["decision"] == "call"


def decisions_in_a_table(folder: Path, policy: dict[str, Any]) -> tuple[DbtProject, pa.Table]:
    """A dbt project whose prediction table decides by the policy, and that table in the order of its key."""
    dbt = make_project(folder, decision=policy, backend="estimator")
    execute(dbt, "update raw_rows set b = null where id % 50 = 1")
    dbt.build().check()
    names = "prediction, score, row_status, reject_reason, decision, band, decision_policy"
    rows = dbt.query(f"select {names} from scores order by id")
    return dbt, pa.Table.from_pylist(
        [dict(zip(names.split(", "), map(plain, row), strict=True)) for row in rows]
    )


def plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


@pytest.mark.slow
def test_decisions_online_are_those_of_the_table(tmp_path: Path) -> None:
    policy = {"threshold": 0.5, "abstain": [0.4, 0.6], "labels": ["leave", "call"]}
    policy |= {"bands": {"low": 0, "medium": 0.3, "high": 0.7}}
    dbt, table = decisions_in_a_table(tmp_path / "p", policy)
    features = dbt.query("select * from features order by id")
    names = list(dbt.columns("features"))
    rows = [dict(zip(names, row, strict=True)) for row in features]
    model = load("toy", dbt.folder, decision=policy, backend="estimator")
    expected = table.to_pylist()
    assert {row["decision"] for row in expected} == {None, "leave", "abstain", "call"}
    for online in (
        model.predict(rows),
        [model.predict(row) for row in rows[:60]],
        model.predict(pa.Table.from_pylist(rows)).to_pylist(),
    ):
        assert [{name: row[name] for name in table.column_names} for row in online] == expected[: len(online)]
    frame = model.predict(pd.DataFrame(rows))
    assert frame["decision"].fillna("").tolist() == [row["decision"] or "" for row in expected]


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        ({"threshold": 0.5, "top_n": 3}, "decision has top_n, which chooses among all rows"),
        (
            {"threshold": 0.5, "score": "rank"},
            r"'rank', which this ML model does not output[\s\S]*one of prediction, score\.",
        ),
        ({"treshold": 0.5}, r"'treshold' \(near: 'threshold'\)[\s\S]*settings among"),
    ],
)
def test_a_policy_that_cannot_decide_online_is_refused(
    project: Path, decision: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load("buyer", project, decision=decision)


def test_faults_of_the_rows_are_named(project: Path) -> None:
    model = load("buyer", project)
    with pytest.raises(SignatureError, match=r"lacks 1 of 2 features: 'visits' \(near: 'visit'\)"):
        model.predict({"amount": 1.0, "visit": 2})
    with pytest.raises(SignatureError, match="row 1 lacks the features"):
        model.predict([{"amount": 1.0, "visits": 2}, {"amount": 1.0}])
    with pytest.raises(SignatureError, match="'amount' is string where double was trained"):
        model.predict({"amount": "much", "visits": 2})
    with pytest.raises(SignatureError, match="the values of 'amount' are mixed"):
        model.predict([{"amount": 1.0, "visits": 2}, {"amount": "x", "visits": 2}])
    with pytest.raises(SignatureError, match="rows is a int"):
        model.predict(3)


def test_changed_bytes_are_not_loaded(project: Path) -> None:
    (project / "artifacts/buyer/2/model.joblib").write_bytes(b"other")
    with pytest.raises(ArtifactError, match="buyer version 2 has the sha256"):
        load("buyer", project, backend="estimator")
    (project / "artifacts/buyer/2/program.npz").write_bytes(b"other")
    with pytest.raises(ArtifactError, match="the program of buyer version 2 has the sha256"):
        load("buyer", project)


def test_a_text_feature_online(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\n")
    frame = pd.DataFrame({"city": ["Oslo", "Rome", "Oslo", "Kyiv"] * 10})
    pipeline = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, [0, 1, 0, 1] * 10)
    register(pipeline, "city", frame, task="classification", alias="champion", project_dir=tmp_path)
    model = load("city", tmp_path)
    assert model.predict({"city": "Rome"})["prediction"] == 1
    assert model.predict({"city": "Bonn"})["reject_reason"] == "unseen_category:city=Bonn"
    assert model.predict(pd.DataFrame({"city": ["Rome", None]}))["row_status"].tolist() == [
        "scored",
        "rejected",
    ]
