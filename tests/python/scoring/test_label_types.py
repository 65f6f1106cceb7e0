"""A label meets its class whatever the type of its column: contests, performance, calibration, segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from project import DbtProject
from rescoring import execute

pytestmark = pytest.mark.slow

ROWS = 300
# the classes of each ML model, and columns that hold them: SQL of the number of a class, `n`
CLASSES: dict[str, list[Any]] = {
    "whole": [0, 1],
    "flag": [False, True],
    "words": [" <=50K", " >50K"],
    "three": [0, 1, 2],
    "sizes": ["low", "middle size", "high"],
}
AS_NUMBERS = {
    "integers": "n::integer",
    "doubles": "n::double",
    "decimals": "n::decimal(9, 2)",
    "texts": "n::varchar",
    "padded": "' ' || n || '.00 '",
}
COLUMNS = {
    "whole": {**AS_NUMBERS, "flags": "n = 1"},
    "flag": {**AS_NUMBERS, "flags": "n = 1", "spelled": "if(n = 1, 'True', 'FALSE')"},
    "words": {"given": "[' <=50K', ' >50K'][n + 1]", "trimmed": "['<=50K', '>50K'][n + 1]"},
    "three": AS_NUMBERS,
    "sizes": {
        "given": "['high', 'low', 'middle size'][n + 1]",
        "padded": "['high ', 'low', ' middle size'][n + 1]",
    },
}
CONTEST = """
select '{column}' as said, metric, live_value, challenger_value from (
    {{{{ scorehouse.compare_metric(
        ref('{name}_scores'), ref('{name}_labels'), key='id', label='{column}', metric='{metric}',
        settings={{'replicates': 20}}
    ) }}}}
) as contest
"""
PERFORMANCE = """
select '{column}' as said, metric, value from (
    {{{{ scorehouse.performance(
        ref('{name}_alone'), ref('{name}_labels'), key='id', label='{column}', task='classification',
        options={options}
    ) }}}}
) as performance
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Five ML models, each with a challenger, in the long and in the wide layout by turns."""
    project = DbtProject(tmp_path_factory.mktemp("labels") / "p")
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(0, 10, (ROWS, 2)), columns=["a", "b"])
    project.features("select * from raw_rows")
    truth = np.clip((frame["a"] + random.normal(0, 2, ROWS)) // 4, 0, 2).astype(int)
    rows = frame.assign(id=range(ROWS), n=truth)
    values = ", ".join(f"({r.id}, {r.a!r}, {r.b!r}, {r.n})" for r in rows.itertuples())
    execute(
        project,
        f"create table raw_all as select * from (values {values}) as t(id, a, b, n)",
        "create table raw_rows as select id, a::double as a, b::double as b, if(id < 200, 'a', 'b') as part "
        "from raw_all",
    )
    for place, (name, classes) in enumerate(CLASSES.items()):
        number = np.minimum(truth, len(classes) - 1)
        labels = pd.Series(np.array(sorted(classes), dtype=object)[number]).infer_objects()
        for alias, strength in (("champion", 1.0), ("challenger", 1e-3)):
            model = LogisticRegression(C=strength).fit(frame, labels)
            project.register(model, name, frame, labels, task="classification", alias=alias, program=False)
        both = {"key": "id", "alias": ["champion", "challenger"], "layout": ["long", "wide"][place % 2]}
        project.sql_model(f"{name}_scores", name, **both)
        project.sql_model(f"{name}_alone", name, key="id", passthrough=["part"])
        columns = ", ".join(f"{sql} as {column}" for column, sql in COLUMNS[name].items())
        project.write(
            f"models/{name}_labels.sql",
            f"select id, {columns} from (select id, least(n, {len(classes) - 1}) as n from raw_all)",
        )
        options = {"classes": classes} if len(classes) > 2 else {"positive": classes[1]}
        metrics = ["log_loss", "brier", "accuracy"]
        contests = [CONTEST.format(name=name, column=c, metric=m) for c in COLUMNS[name] for m in metrics]
        project.write(f"models/{name}_contests.sql", "union all".join(contests))
        told = [PERFORMANCE.format(name=name, column=c, options=options) for c in COLUMNS[name]]
        project.write(f"models/{name}_performance.sql", "union all".join(told))
    project.build().check()
    return project


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] * (name == "three")) for name in CLASSES]
)
def test_a_label_of_any_type_meets_its_class(name: str, house: DbtProject) -> None:
    frame = pd.DataFrame(house.query("select a, b from raw_rows order by id"), columns=["a", "b"])
    number = np.array(house.query("select n from raw_all order by id"))[:, 0]
    classes = sorted(CLASSES[name])
    truth = np.array(classes, dtype=object)[np.minimum(number, len(classes) - 1)].tolist()
    expected: dict[str, list[float]] = {"log_loss": [], "brier": [], "accuracy": []}
    for strength in (1.0, 1e-3):
        model = LogisticRegression(C=strength).fit(frame, truth)
        shares = model.predict_proba(frame)
        hit = np.array([[each == own for each in classes] for own in truth])
        expected["log_loss"].append(log_loss(truth, shares, labels=classes))
        squared = ((shares - hit) ** 2).sum(axis=1).mean()
        expected["brier"].append(squared if len(classes) > 2 else squared / 2)
        expected["accuracy"].append(accuracy_score(truth, model.predict(frame)))
    for column in COLUMNS[name]:
        contests = house.query(
            f"select metric, live_value, challenger_value from {name}_contests where said = '{column}'"
        )
        for metric, *values in contests:
            assert values == pytest.approx(expected[metric], rel=1e-9), (column, metric)
        told = dict(house.query(f"select metric, value from {name}_performance where said = '{column}'"))
        for metric in ("accuracy", "log_loss"):
            assert told[metric] == pytest.approx(expected[metric][0], rel=1e-9), (column, metric)


def test_a_label_that_is_no_class_is_no_label(house: DbtProject) -> None:
    """Of two classes, it lowers the share of labels that arrived; a cohort of such labels is not judged."""
    others = "select id, if(id % 10 = 0 or id >= 200, 'maybe', n::varchar) as y"
    house.write("models/others_labels.sql", f"{others} from (select id, least(n, 1) as n from raw_all)")
    call = "ref('whole_scores'), ref('others_labels'), key='id', label='y', metric='accuracy'"
    house.write("models/others_contest.sql", f"{{{{ scorehouse.compare_metric({call}) }}}}")
    call = "ref('whole_alone'), ref('others_labels'), key='id', label='y', segments=['part']"
    more = "options={'min_segment_rows': 1}, maturity={'share': 0.5, 'as_of': '2100-01-01'}"
    task = "task='classification'"
    house.write("models/others_told.sql", f"{{{{ scorehouse.performance({call}, {task}, {more}) }}}}")
    house.dbt("run", "--select", "others_labels", "others_contest", "others_told").check()
    assert house.query("select n_rows from others_contest") == [(180,)]
    told = "select segment, labels_arrived, status from others_told where metric = 'accuracy'"
    assert set(house.query(told)) >= {("part=a", 0.9, "info")}
    told = "select labels_arrived, status from others_told where metric = 'roc_auc' and segment = 'part=b'"
    assert house.query(told) == [(0.0, "immature")]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "{{ scorehouse.performance(ref('words_alone'), ref('whole_labels'), key='id', label='doubles', "
            "task='classification', options={'positive': ' >50K'}) }}",
            "none of the 300 labels in whole_labels is one of them, such as '0",
        ),
        (
            "{{ scorehouse.performance(ref('words_alone'), ref('words_labels'), key='id', label='given', "
            "task='classification') }}",
            "one of the classes of the ML model:  <=50K,  >50K",
        ),
        (
            "{{ scorehouse.compare_metric(ref('three_scores'), ref('words_labels'), key='id', label='given', "
            "metric='log_loss') }}",
            "labels that are classes of the ML model: 0, 1, 2",
        ),
        (
            "{{ scorehouse.compare_metric(ref('three_scores'), ref('three_labels'), key='id', "
            "label='texts') }}",
            "log_loss, brier or accuracy for the 3 classes 0, 1, 2",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(model: str, said: str, house: DbtProject) -> None:
    house.write("models/refused.sql", model)
    try:
        assert said in house.dbt("run", "--select", "refused").messages["refused"]
    finally:
        (Path(house.folder) / "models/refused.sql").unlink()
