"""Columns of class scores lead back to any label; columns that nobody reads may have any name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from project import EVERY_DATABASE, DbtProject
from scorehouse.registry.version import class_columns

NAMED: list[tuple[list[Any], list[str]]] = [
    ([-1, 0, 1], ["score_minus_1", "score_0", "score_1"]),
    ([-1.5, 0.0, 1.5], ["score_minus_1_5", "score_0_0", "score_1_5"]),
    (["да", "нет", "Может быть"], ["score_да", "score_нет", "score_может_быть"]),
    (["a b", "a_b", "a_b_0"], ["score_a_b_0_", "score_a_b_1", "score_a_b_0"]),
    (["", "?", "!"], ["score_empty_0", "score_empty_1", "score_empty_2"]),
    (["high", "low", "Very-Low"], ["score_high", "score_low", "score_very_low"]),
    (["größe", "हिन्दी", "x"], ["score_größe", "score_हिन्दी", "score_x"]),
    ([True, False, "true"], ["score_true_0", "score_false", "score_true_2"]),
    (['it\'s "it"', "it_s_it", "{{ x }}"], ["score_it_s_it_0", "score_it_s_it_1", "score_x"]),
]


@pytest.mark.parametrize(("labels", "names"), NAMED, ids=lambda value: str(value[0]))
def test_the_names(labels: list[Any], names: list[str]) -> None:
    columns = class_columns(labels)
    assert list(columns) == names
    assert list(columns.values()) == labels


@given(
    st.lists(
        st.text(max_size=6) | st.integers(-3, 3) | st.sampled_from(["a", "a_", "a_0", "a_0_"]), unique=True
    )
)
def test_no_two_columns_have_one_name(labels: list[Any]) -> None:
    columns = class_columns(labels)
    assert list(columns.values()) == labels
    assert len({name.lower() for name in columns}) == len(labels)


# --- through the door ---

LABELS: dict[str, list[Any]] = {
    "signed": [-1, 0, 1],
    "cyrillic": ["Может быть", "да", "нет"],  # as scikit-learn sorts them
    "alike": ["a b", "a_b", "c"],
}
# columns that are named like those of a prediction table, and that nobody reads
FEATURES = (
    "select i as id, (i % 10)::double as a, (i % 7)::double as b, 'x' as prediction, -1 as score, 7 as rank, "
    "i % 3 as label_number, 'never' as scored_at from range(90) as t(i)"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("classes") / "house", variables=EVERY_DATABASE)
    random = np.random.default_rng(0)
    X = pd.DataFrame({"a": random.uniform(0, 10, 300), "b": random.uniform(0, 7, 300)})
    place = np.digitize(X.a + X.b, [6, 11])
    project.features(FEATURES)
    for name, labels in LABELS.items():
        y = np.array(labels, dtype=object if isinstance(labels[0], str) else int)[place]
        model = LogisticRegression(max_iter=500).fit(X, y)
        project.register(model, name, X, y, task="classification")
        project.sql_model(f"{name}_scored", name, key="id")
        project.write(
            f"models/{name}_predicted.sql",
            f"select * from {{{{ scorehouse.predict({name!r}, relation=ref('features'), keep=['id']) }}}}",
        )
        project.write(
            f"models/{name}_labels.sql",
            "select id, case label_number "
            + " ".join(f"when {n} then {label!r}" for n, label in enumerate(labels))
            + " end as label from {{ ref('features') }}",
        )
        project.write(
            f"models/{name}_performance.sql",
            f"{{{{ scorehouse.performance(predictions=ref('{name}_scored'), labels=ref('{name}_labels'), "
            f"key='id', label='label', task='classification', options={{'classes': {labels!r}}}, "
            "maturity={'as_of': '2100-01-01'}) }}",
        )
        project.write(
            f"models/{name}_columns.sql",
            f"{{% for column, label in scorehouse.class_columns({name!r}).items() %}}"
            "select {{ dbt.string_literal(column) }} as name, '{{ label }}' as label "
            "{{ 'union all ' if not loop.last }}{% endfor %}"
            "{% if not execute %}select 1 as name, 2 as label{% endif %}",
        )
    lists = json.dumps([labels for labels, _ in NAMED if "{{ x }}" not in labels])
    project.write(
        "models/twins.sql",
        f"{{% set lists = fromjson({lists!r}) %}}"
        "{% for labels in lists %}select {{ loop.index0 }} as place, "
        "{{ dbt.string_literal(tojson(scorehouse._class_columns(labels))) }} as names "
        "{{ 'union all ' if not loop.last }}{% endfor %}",
    )
    X["c"] = X.a
    answer = np.where(X.a > 5, "yes", "no")
    model = LogisticRegression().fit(X[["a", "b"]], answer)
    project.register(model, "answer", X[["a", "b"]], answer, task="classification")
    project.build().check()
    return project


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LABELS))
def test_columns_of_all_doors_are_those_of_the_registry(name: str, project: DbtProject) -> None:
    labels = LABELS[name]
    columns = class_columns(labels)
    for table in (f"{name}_scored", f"{name}_predicted"):
        assert [c for c in project.columns(table) if c.startswith("score_")] == list(columns)
    for column, label in columns.items():
        wrong = (
            f'select count(*) from {name}_scored where (prediction = ?) <> ("{column}" = greatest('
            + ", ".join(f'"{other}"' for other in columns)
            + "))"
        ).replace("?", repr(label))
        assert project.query(wrong) == [(0,)]
        assert project.query(
            f"select count(*) from {name}_scored join {name}_predicted as p using (id) "
            f'where abs({name}_scored."{column}" - p."{column}") > 1e-12'
        ) == [(0,)]
    told = project.query(f"select class_columns from ml_{name}")[0][0]
    assert json.loads(told) == columns
    found = dict(project.query(f"select name, label from {name}_columns"))
    assert found == {column: str(label) for column, label in columns.items()}
    card = (project.folder / f"seeds/ml/{name}/_ml_{name}.yml").read_text()
    assert all(f"`{label}` (score in `{column}`)" in card for column, label in columns.items())
    metrics = dict(project.query(f"select metric, value from {name}_performance where segment = 'all'"))
    assert metrics["log_loss"] > 0 and all(f"roc_auc_of_{label}" in metrics for label in labels)


@pytest.mark.slow
def test_every_database_has_its_own_marks_around_the_names(project: DbtProject) -> None:
    text = (project.folder / "macros/ml/cyrillic.sql").read_text()
    assert 'as "score_да"' in text and "as `score_да`" in text and "as score_да" not in text
    assert "as score_minus_1" in (project.folder / "macros/ml/signed.sql").read_text()


@pytest.mark.slow
def test_the_macro_has_the_rule_of_python(project: DbtProject) -> None:
    named = [names for labels, names in NAMED if "{{ x }}" not in labels]
    found = [json.loads(names) for _, names in project.query("select place, names from twins order by place")]
    assert [[name.strip('"') for name in names] for names in found] == named


@pytest.mark.slow
def test_scaffolded_monitors_name_the_positive_class(project: DbtProject) -> None:
    program = str(Path(sys.executable).with_name("scorehouse"))
    arguments = ["answer", "--features", "features", "--key", "id", "--labels", "l", "--label", "y"]
    command = [program, "scaffold", "monitors", *arguments, "--yes"]
    ended = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    written = (project.folder / "models/ml/monitoring/answer_performance.sql").read_text()
    assert "options={'positive': 'yes'}" in written


# --- versions whose columns of the same classes have other names ---

RENAMED = ["score_first", "score_second", "score_third"]
SPLIT = "select * from ({}) where id % 2 = {{{{ var('half') }}}}"


@pytest.fixture(scope="module")
def renamed_project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Half of the rows are scored by a version with other names of its columns, in one table."""
    project = DbtProject(tmp_path_factory.mktemp("renamed") / "house", variables={"half": 0})
    random = np.random.default_rng(0)
    X = pd.DataFrame({"a": random.uniform(0, 10, 300), "b": random.uniform(0, 7, 300)})
    y = np.array(LABELS["alike"])[np.digitize(X.a + X.b, [6, 11])]
    project.features(SPLIT.format(FEATURES))
    label = "case when a + b < 6 then 'a b' when a + b < 11 then 'a_b' else 'c' end"
    project.write("models/labels.sql", f"select id, {label} as label from ({FEATURES})")
    project.sql_model(
        "scored", "alike", key="id", rescore="given", config="on_schema_change='append_new_columns'"
    )
    project.write(
        "models/judged.sql",
        "{{ scorehouse.performance(predictions=ref('scored'), labels=ref('labels'), key='id', label='label', "
        "options={'classes': ['c', 'a_b', 'a b']}, maturity={'as_of': '2100-01-01'}) }}",
    )
    for strength, half in ((1.0, 0), (0.01, 1)):
        model = LogisticRegression(C=strength, max_iter=500).fit(X, y)
        project.register(model, "alike", X, y, task="classification", program=False)
        if half == 0:
            file = project.folder / "seeds/ml/alike/ml_alike.csv"
            named = json.dumps(dict(zip(RENAMED, LABELS["alike"], strict=True)))
            pd.read_csv(file, dtype=str).assign(class_columns=named).to_csv(file, index=False)
        project.build("--vars", json.dumps({"half": half})).check()
        project.query(f"create or replace table judged_{half} as select * from judged")
    return project


@pytest.mark.slow
def test_performance_reads_the_columns_of_each_version(renamed_project: DbtProject) -> None:
    names = {1: RENAMED, 2: ["score_a_b_0", "score_a_b_1", "score_c"]}
    assert {*names[1], *names[2]} < set(renamed_project.columns("scored"))
    for version, columns in names.items():
        listed = ", ".join(columns)
        rows = renamed_project.query(
            f"select list_position(['a b', 'a_b', 'c'], label) - 1, {listed} "
            f"from scored join labels using (id) where model_version = {version}"
        )
        assert len(rows) == 45
        expected = -np.mean([np.log(row[1 + row[0]]) for row in rows])
        for table in ["judged_0", "judged_1"][version - 1 :]:  # before and after the second version came
            ((found,),) = renamed_project.query(
                f"select value from {table} where metric = 'log_loss' and segment = 'all' "
                f"and version = {version}"
            )
            assert found == pytest.approx(expected)
