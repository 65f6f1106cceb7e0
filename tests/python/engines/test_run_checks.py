"""What an engine checks and counts: columns, keys, lost rows, hashes and statistics, each by itself."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from asked_of_engines import REQUEST, options
from scorehouse.engines.base import ColumnChange, Scan
from scorehouse.engines.columns import Columns, of_part, types_digest, wanted_rows
from scorehouse.engines.duckdb.counted import BatchStatistics, count_table
from scorehouse.engines.duckdb.keys import check_keys
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.errors import (
    ConfigurationError,
    ConservationError,
    RowKeyError,
    SignatureError,
)
from scorehouse.registry.signature import Feature, Signature
from scorehouse.scoring.request import RunRecord

# --- columns ---


def test_how_a_table_differs_from_a_run() -> None:
    table = {"id": "INTEGER", "Score": "DOUBLE", "old": "VARCHAR", "kept": "DATE"}
    run = {"ID": "BIGINT", "score": "DOUBLE", "new": "BOOLEAN", "kept": "DATE"}
    change = ColumnChange.between(table, run)
    assert change == ColumnChange({"new": "BOOLEAN"}, {"old": "VARCHAR"}, {"id": ("INTEGER", "BIGINT")})
    for setting in ("", "fail"):
        for lacks, has, said in (
            (change.lacks, {}, r"this run: it lacks new$"),
            ({}, change.has, r"this run: it has old, which this run does not write$"),
            (change.lacks, change.has, r"it lacks new, and it has old, which"),
        ):
            with pytest.raises(ConfigurationError) as raised:
                ColumnChange(lacks, has).check_names("scores", setting, "score()")
            assert re.search(said, raised.value.problem)
        ColumnChange(retyped=change.retyped).check_names("scores", setting, "score()")
    for setting in ("ignore", "append_new_columns", "sync_all_columns"):
        change.check_names("scores", setting, "score()")


def signature(*names: str) -> Signature:
    return Signature(tuple(Feature(name, "double", "float64") for name in names), "frame")


def test_columns_are_found_by_role_and_hashed_without_the_key() -> None:
    names = ["ID", "day", "a", "B", "c", "shop", "region"]
    asked = options(passthrough=["region", "id"], group="Shop", as_of="day")
    found = Columns.found(
        [signature("A", "b"), signature("b", "c"), signature("A", "b")], names, asked, [], "x"
    )
    assert (found.key, found.passthrough) == ({"id": "ID", "day": "day"}, {"region": "region"})
    assert found.group == {"Shop": "shop"} and found.used == ["a", "B", "c"]
    assert list(found.kept) == ["id", "day", "region", "Shop"]
    assert found.hashed(1) == ["B", "c", "region", "shop"]
    assert [found.hash_part(part) for part in range(3)] == [0, 1, 0] and found.hash_parts == [0, 1]
    shared = replace(found, share_hash=True)
    assert shared.hashed(1) == ["a", "B", "c", "region", "shop"] and shared.hash_parts == [0]
    for given, said in (
        ({"key": "no"}, "key names columns that the feature table does not have: 'no'"),
        ({"passthrough": ["no", "c", "nor"]}, "passthrough names columns .*: 'no', 'nor'"),
        ({"group": "no"}, "group names columns"),
        ({"as_of": "no"}, "as_of names columns"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Columns.found([signature("a")], names, options(**given), [], "x")
    for given in ({"key": "c"}, {"passthrough": "C"}, {"group": "c"}):
        with pytest.raises(SignatureError, match="have names that the prediction table uses itself"):
            Columns.found([signature("a")], names, options(**given), ["score", "C"], "x")
    Columns.found([signature("score")], ["id", "score"], options(), ["score"], "x")  # a feature may


def test_a_digest_of_types_is_of_full_types_in_order() -> None:
    types = {"a": "DECIMAL(10,2)", "A": "DECIMAL(10,2)", "b": "INTEGER"}
    first = types_digest(["a", "b"], types)
    assert len(first) == 16 and first == types_digest(["A", "b"], types)
    others = [types_digest(["b", "a"], types), types_digest(["a"], types)]
    others.append(types_digest(["a", "b"], {**types, "a": "DECIMAL(10,3)"}))
    assert len({first, *others}) == 4


def test_one_value_per_version(connection: duckdb.DuckDBPyConnection) -> None:
    assert of_part(["'a'", "'a'"]) == "'a'"
    sql = f"select list({of_part(['10', '20', '30'], 'part')} order by part) from range(3) as parts(part)"
    assert connection.execute(sql).fetchall() == [([10, 20, 30],)]
    batch = pa.record_batch({"x": pa.array([0, 1, 2, 3]), "scorehouse_need": pa.array([0, 1, 2, 3])})
    assert [wanted_rows(batch, part).column("x").to_pylist() for part in (0, 1)] == [[1, 3], [2, 3]]
    assert wanted_rows(batch.select(["x"]), 1).num_rows == 4


# --- keys ---


@pytest.mark.parametrize("kind", ["integer", "bigint", "varchar", "hugeint", "double", "date"])
def test_keys_are_unique_and_known(kind: str, connection: duckdb.DuckDBPyConnection) -> None:
    def checked(values: str, keys: tuple[str, ...] = ("id",), *, unique: bool = True) -> int:
        connection.execute(f"create or replace table features as select * from ({values})")
        counts = {
            check_keys(connection, table, list(keys), "score()", unique=unique)
            for table in ("(select * from features)", "(select * from features where true)")
        }
        (count,) = counts
        return count

    cast = "date '2026-01-01' + i::int" if kind == "date" else f"i::{kind}"
    some = f"select {cast} as id, i % 3 as part from range(9) as t(i)"
    assert checked(some) == checked(some, ("id", "part")) == 9 and checked(f"{some} limit 0") == 0
    far = f"select {cast} as id from (values (1), (100000)) as t(i)"
    assert checked(far) == 2
    with pytest.raises(RowKeyError, match="1 of 10 feature rows have a NULL in the key"):
        checked(f"{some} union all select null, 1")
    with pytest.raises(RowKeyError, match=r"11 feature rows, 9 distinct keys, such as .* \(3 times\)\."):
        checked(f"{some} union all select {cast}, 5 from (values (2), (2)) as t(i)")
    with pytest.raises(RowKeyError, match=r"the key part is not unique: .* such as 0 \(3 times\), 1 \("):
        checked(some, ("part",))
    with pytest.raises(RowKeyError, match=r"such as \(.*, 0\) \(2 times\)"):
        checked(f"select * from ({some}) union all select * from ({some})", ("id", "part"))
    assert checked(f"select * from ({some}) union all select * from ({some})", unique=False) == 18
    with pytest.raises(RowKeyError, match="NULL in the key"):
        checked("select null::int as id", unique=False)


# --- counts ---


@pytest.mark.parametrize(
    ("rows", "limit", "said"),
    [
        ((10, 8, 2), None, None),
        ((10, 8, 2), 0.2, None),
        ((10, 8, 2), 0.19, r"2 of 10 rows were rejected \(0.2000\), mostly for \[\('null:a', 2\)\]"),
        ((0, 0, 0), 0.0, None),
        ((10, 8, 1), None, "10 rows went in, 8 scored and 1 rejected rows came out"),
        ((10, 9, 2), 1.0, "10 rows went in, 9 scored and 2 rejected"),
    ],
)
def test_rows_that_are_lost_or_rejected(rows: tuple[int, ...], limit: float | None, said: str | None) -> None:
    record = RunRecord(REQUEST, rows_in=rows[0], rows_scored=rows[1], rows_rejected=rows[2])
    record.reject_reasons = Counter({"null:a": rows[2]})
    source: Any = SimpleNamespace(call="score()", options=options(max_rejected_share=limit))
    nothing: Any = None
    fine = RunRecord(REQUEST)
    for records in ([record], [fine, record]):
        scan = Scan(source, nothing, nothing, [], [], ColumnChange(), records, [])
        assert scan.record is records[0]
        if said is None:
            scan.check_conserved()
            continue
        with pytest.raises(ConservationError, match=said):
            scan.check_conserved()


def test_a_fingerprint_is_of_rows_in_any_order() -> None:
    hashes = np.array([2**64 - 1, 7, 2**63, 12345], dtype=np.uint64)
    whole, parts = Fingerprint("types"), Fingerprint("types")
    whole.add(pa.array(hashes))
    for some in (hashes[3:], hashes[:0], hashes[1:3], hashes[:1]):
        parts.add(pa.array(some))
    total, xor = sum(map(int, hashes)) % 2**64, int(np.bitwise_xor.reduce(hashes))
    assert whole.text() == parts.text() == f"4:{total:016x}:{xor:016x}:types"
    assert Fingerprint("t").text() == f"0:{0:016x}:{0:016x}:t"
    assert [score_column(names) for names in (["x"], ["prediction", "score"], ["prediction"])] == [
        *(None, "score", "prediction")
    ]


def test_batches_are_counted_as_the_table_that_one_statement_writes(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    draw = random.Random(1)
    reasons = [draw.choice([None, None, "null:a", "unseen_category:b=x=y"]) for _ in range(50)]
    scores = [None if why else draw.uniform(-3, 9) for why in reasons]
    written = pa.table(
        {"id": range(50), "score": scores, "reject_reason": reasons, "scoring_run_id": ["run"] * 50}
    )
    connection.register("written", written)
    connection.execute("create table scores as select *, hash(id) as feature_hash from written")
    hashes = connection.sql("select hash(id, feature_hash) as h from scores").to_arrow_table()["h"]
    one, other = (RunRecord(replace(REQUEST, staging="scores"), input_types="t") for _ in range(2))
    counted = BatchStatistics(one)
    for start, length in ((0, 20), (20, 0), (20, 1), (21, 29)):
        batch = written.select(["score", "reject_reason"]).slice(start, length).combine_chunks()
        for each in batch.to_batches() or [pa.RecordBatch.from_pylist([], schema=batch.schema)]:
            counted.add(each, hashes.slice(start, length).combine_chunks())
    counted.finish()
    count_table(connection, [other], ["id"], [])
    kept = [score for score in scores if score is not None]
    for record in (one, other):
        assert (record.rows_scored, record.rows_rejected) == (len(kept), 50 - len(kept))
        assert (record.score_min, record.score_max) == (min(kept), max(kept))
        assert record.score_mean == pytest.approx(math.fsum(kept) / len(kept), rel=1e-15)
        assert record.reject_reasons == Counter(why.split("=")[0] for why in reasons if why)
    assert one.fingerprint == other.fingerprint != ""
    empty = RunRecord(REQUEST)
    BatchStatistics(empty).finish()
    assert (empty.score_mean, empty.score_min, empty.rows_scored) == (None, None, 0)
