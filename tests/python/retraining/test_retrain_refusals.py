"""What cannot be trained on is refused before or right after the training, and nothing is registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from scorehouse.errors import ConfigurationError, EstimatorError, ScorehouseError, SignatureError
from scorehouse.project.run_log_place import Place
from scorehouse.report.warehouse import Warehouse
from scorehouse.retraining.gate import promotion_diff
from scorehouse.retraining.job import Job, read_frames
from scorehouse.retraining.prepared import TrainingProcess
from scorehouse.retraining.rows import TrainingTable
from scorehouse.retraining.signals import Signal, signal_of
from scorehouse.training import read_training
from trained_rows import CHOSEN, PARENT, written

# --- rows ---

SOUND = (
    "select i as id, date '2025-01-01' + (i // 10)::integer as day, i * 1e0 as a, i % 3 as b, i % 2 as y "
    "from range(100) as t(i)"
)


@pytest.mark.parametrize(
    ("sql", "changed", "said"),
    [
        (f"select * replace (null::int as y) from ({SOUND})", {}, "100 rows, and none has a label yet"),
        (f"select *, 'immature' as label_status from ({SOUND})", {}, "none has a label yet"),
        (
            f"select * replace (if(id = 7, null, day) as day) from ({SOUND})",
            {},
            "1 of 100 labelled rows of visits",
        ),
        (f"select * from ({SOUND}) where id < 15", {}, "visits has 15 labelled rows"),
        (f"select * replace (1 as y) from ({SOUND})", {}, "all 80 rows to train on have the same y"),
        (f"select * replace (date '2025-01-01' as day) from ({SOUND})", {}, "leaves 0 rows to train on"),
        (SOUND, {"holdout": "90 days"}, "leaves 0 rows to train on and 100 to hold out"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, sql: str, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        written(tmp_path, sql, **changed)
    assert said in str(error.value) and "What to do" in str(error.value)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="has no column 'b'"):
        written(tmp_path, f"select * exclude (b) from ({SOUND})")


@pytest.mark.parametrize("holdout", [0.2, "2 days", "2025-01-09"])
def test_rows_are_split_by_time_and_counted(tmp_path: Path, holdout: float | str) -> None:
    some = f"select * replace (if(id = 3, null, y) as y) from ({SOUND}) order by random()"
    found = written(tmp_path, some, holdout=holdout)
    expected = (69, 30, "2025-01-07") if holdout == "2 days" else (79, 20, "2025-01-08")
    assert (found.training, found.holdout, found.last, found.left_out) == (*expected, 1)
    held = "select min(day) filter (scorehouse_holdout) > max(day) filter (not scorehouse_holdout)"
    assert duckdb.sql(f"{held} from '{tmp_path}/rows.parquet'").fetchall() == [(True,)]


def test_the_digest_of_rows_is_of_their_values_not_of_their_order(tmp_path: Path) -> None:
    one = written(tmp_path, f"{SOUND} order by i").digest
    assert written(tmp_path, f"{SOUND} order by hash(i)").digest == one
    assert written(tmp_path, f"select * replace (a + (id = 4)::int * 1e-9 as a) from ({SOUND})").digest != one
    gaps = written(tmp_path, f"select * replace (nullif(b, 0) as b) from ({SOUND})").digest
    # a release that changes it finds no training again, and proves none
    assert one != gaps == "7d09507ed0f8a94e14e15d1433fe80e720a50ae1e1edfe110e9faea3915ff54a"


def test_the_function_gets_the_frame_that_a_training_script_reads(tmp_path: Path) -> None:
    sql = f"""select *, nullif(i % 3, 0) = 1 as known, (i / 8)::decimal(8, 2) as fee, 'p' || i % 2 as plan
        from ({SOUND.replace("i as id", "i as id, i")})"""
    with duckdb.connect() as connection:
        connection.execute(f"create table visits as {sql}")
        table = TrainingTable(connection, "visits", CHOSEN, ["y"], PARENT, "retrain loyal")
        table.written(("known", "fee", "plan"), tmp_path / "rows.parquet")
        script = read_training(
            connection.cursor().sql("select day, known, fee, plan, y from visits order by all")
        )
    frames = read_frames(Job(*[""] * 6, (), ("y",), "day", 0, rows=str(tmp_path / "rows.parquet")))
    both = pd.concat([frames.training, frames.holdout])
    assert frames.training.dtypes.equals(script.dtypes) and frames.training.known.dtype == object
    assert both.known.tolist() == script.known.tolist() and both.fee.tolist() == script.fee.tolist()


# --- signals ---


def verdict(sql: str | None, *, force: bool = False) -> Signal:
    with duckdb.connect() as connection:
        columns = "1 as version, '' as aliases, '' as task, '' as sha256, 1 as training_rows"
        connection.execute(f"create table ml_loyal as select 'loyal' as name, {columns}")
        if sql:
            connection.execute(f"create table loyal_retraining as select 'loyal' as ml_model, {sql}")
        warehouse = Warehouse(connection, Place(Path("w.duckdb")), None, "retrain loyal")
        return signal_of(warehouse, PARENT, "retrain loyal", force=force)


def test_signals_ask_or_do_not() -> None:
    asks = "1 as version, true as retrain, 'drift of a' as reasons, 1 as n_drifted"
    assert verdict(asks) == Signal(True, "loyal_retraining asks to train loyal version 1 again: drift of a")
    quiet = "1 as version, false as retrain, null as reasons, 0 as n_drifted"
    assert verdict(quiet) == Signal(False, "loyal_retraining has no reason to train loyal version 1 again")
    assert verdict(quiet, force=True).retrain
    nothing = "1 as version, null as retrain, null as reasons, 'drift: no window' as not_judged"
    assert verdict(nothing) == Signal(None, "loyal_retraining cannot judge loyal version 1: drift: no window")
    assert verdict(None, force=True).retrain
    for reasons, then in (("null", ""), ("'drift'", "; then think of training again: drift")):
        faults = f"1 as version, false as retrain, {reasons} as reasons, 'a: nulls' as data_faults"
        said = f"loyal_retraining finds the data at fault, look at them first: a: nulls{then}"
        assert verdict(faults) == Signal(False, said)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (None, "there is no table of signals"),
        ("0 as version, true as retrain, '' as reasons", "judges version 0, but the champion is loyal ver"),
        (
            "7 as version, true as retrain, '' as reasons",
            "judges version 7, but the champion is loyal version 1",
        ),
    ],
)
def test_without_a_verdict_on_the_champion_nothing_is_trained(sql: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        verdict(sql)
    assert said in str(error.value) and "--force" in str(error.value)


# --- the function ---

OWN = """
from sklearn.linear_model import LogisticRegression

number = 7

def class_(frame):
    return LogisticRegression

def unfitted(frame):
    return LogisticRegression()

def nothing(frame):
    LogisticRegression().fit(frame[["a", "b"]], frame["y"])

def leaks(frame, label):
    return LogisticRegression().fit(frame[["a", "b", label]], frame[label])

def fewer(frame):
    return LogisticRegression().fit(frame[["a"]], frame["y"])

def other_labels(frame):
    return LogisticRegression().fit(frame[["a", "b"]], frame["y"] + 1)

def regression(frame):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(frame[["a", "b"]], frame["y"])

def knows_no_other_values(frame):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    return make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame[["a", "b"]], frame["y"])

def fails(frame):
    return frame["no such column"]
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_code.py").write_text(OWN)
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    (folder / "leaving.py").write_text("raise SystemExit(3)\n")
    (folder / "dies.py").write_text("def train(frame):\n    import os\n    os._exit(9)\n")
    written(folder, SOUND.replace("i // 10", "i // 20").replace("range(100)", "range(200)"))
    names = {
        "project": str(folder),
        "name": "loyal",
        "call": "retrain loyal",
        "labels": ("y",),
        "time": "day",
    }
    places = {"rows": str(folder / "rows.parquet"), "module_paths": (), "features": ("a", "b")}
    return Job("train", answer="", function="", seed=7, parent=PARENT.to_row(), **names, **places)


@pytest.fixture(scope="module")
def process() -> Iterator[TrainingProcess]:
    with TrainingProcess() as running:
        yield running


@pytest.mark.slow
def test_too_short_a_time_is_refused_before_training(
    process: TrainingProcess, job: Job, tmp_path: Path
) -> None:
    written(tmp_path, SOUND)
    short = dataclasses.replace(job, function="own_code:fails", rows=str(tmp_path / "rows.parquet"))
    with pytest.raises(ConfigurationError) as error:
        process.step(short)
    said = "the rows to train on cannot be registered, by day: time has 8 days in 80 rows"
    assert said in str(error.value) and "at least 8 days, weeks or months, with 20 rows" in str(error.value)
    assert "a longer time" in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("owncode:train", "there is no module 'owncode'"),
        ("own_code:train", "own_code has no function 'train'"),
        ("own_code:number", "own_code:number is no function"),
        ("broken:train", "cannot be imported (ModuleNotFoundError: No module named 'nothing_of_this_name')"),
        ("leaving:train", "cannot be imported (SystemExit: 3)"),
        ("own_code:class_", "own_code:class_ returned the class LogisticRegression"),
        ("own_code:unfitted", "LogisticRegression is not fitted"),
        ("own_code:nothing", "own_code:nothing returned None"),
        ("own_code:leaks", "fit without the column 'y', which is no feature"),
        ("own_code:fewer", "fitted other features than it should: without 'b'"),
        ("own_code:other_labels", "a classifier of [1, 2], but the label y is also 0"),
        ("own_code:regression", "task is 'classification', but LinearRegression is a regressor"),
        ("own_code:knows_no_other_values", "fails on the 40 rows held out (ValueError: Found unknown categ"),
        ("own_code:fails", "own_code:fails failed (KeyError: 'no such column')\n    own_code.py line"),
        ("dies:train", "the process that trains ended with status 9"),  # the last: no process is left
    ],
)
def test_functions_that_are_refused(process: TrainingProcess, job: Job, function: str, said: str) -> None:
    with pytest.raises(ScorehouseError) as error:
        process.step(dataclasses.replace(job, function=function))
    assert isinstance(error.value, EstimatorError | ConfigurationError)
    assert said in str(error.value) and "Traceback" not in str(error.value)


def test_the_promotion_is_a_diff_of_two_rows() -> None:
    challenger = dataclasses.replace(PARENT, version=2, aliases=("challenger",))
    assert promotion_diff([PARENT, challenger], 2) == [
        "-loyal,1,champion,...",
        "+loyal,1,,...",
        "-loyal,2,challenger,...",
        "+loyal,2,challenger|champion,...",
    ]
