"""Stored SQL with one operator, number or text changed, and whether rows get other results.

What SQL means is asked of DuckDB, without the certificate.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from altered_programs import packed, unpacked
from certified_models import Stored
from edited_programs import rows_with_holes, scalars
from scorehouse.program.sql.compiled import sql_of
from scorehouse.program.sql.in_duckdb import duckdb_rows, scratch

OPERATORS = {"-": "*", "*": "/", "/": "-", "=": "<", "<": ">", ">": "<", "<=": "<", ">=": ">", "and": "or"}
OPERATORS |= {"or": "and", "coalesce": "greatest", "not": "abs", "exp": "sigmoid", "sigmoid": "exp"}
OPERATORS |= {"greatest": "least", "class_0": "class_1", "class_1": "class_0", "exp_down": "sigmoid"}
NEAR = 1e-12  # sums in another order are no other sums


def sql_edits(program: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Single edits of the SQL of a program, each with what was changed."""
    draw, whole = random.Random(seed), unpacked(program)
    document = json.loads(whole["sql"].tobytes())
    ways = [*scalars(document["program"], ()), *_swaps(document["program"], ())]
    for _ in range(count):
        path, value = draw.choice(ways)
        made = copy.deepcopy(document)
        inside = made["program"]
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = _other(value, draw)
        text = f"{'.'.join(map(str, path))}: {str(value)[:60]} -> {str(inside[path[-1]])[:60]}"
        yield text, packed({**whole, "sql": np.frombuffer(json.dumps(made).encode(), dtype=np.uint8)})


def _swaps(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every case with two sides, and every sum, with the way to its parts."""
    if isinstance(part, dict | list):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _swaps(inner, (*path, key))
            if key == "Case" and inner[1] is not None and len(inner[0]) == 1:
                yield (*path, key), inner
            if key == "Sum":
                yield (*path, key), inner


def _other(value: Any, draw: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, value + draw.choice([-1, 1]))
    if isinstance(value, float):
        return draw.choice([float(np.nextafter(value, np.inf)), value + 1.0, -value, value * 1.001])
    if isinstance(value, str):
        return OPERATORS.get(value, f"{value}x")
    if value is None:
        return {"Literal": [0.0, "double"]}
    if len(value) == 1:  # a sum has a term twice, or lacks one
        place = draw.randrange(len(value[0]))
        return [[*value[0][:place], *value[0][place + draw.choice([-1, 1]) :]]]
    ((condition, then),), default = value
    return [[[condition, default]], then]


class SqlMeaning:
    """The results that SQL gives for rows: those of training, with holes, other numbers and bad values."""

    def __init__(self, model: Stored, X: pd.DataFrame) -> None:
        self.model = model
        self.rows = pa.concat_tables(
            pa.Table.from_pandas(
                part, schema=pa.Schema.from_pandas(X, preserve_index=False), preserve_index=False
            )
            for part in (*rows_with_holes(X), _bad_rows(X))
        )
        self.connection = scratch()
        found = self.of(model.program)
        assert found is not None
        self.expected = found

    def of(self, program: bytes) -> pa.Table | None:
        """The results of the SQL of a program; None where there are none."""
        document = json.loads(unpacked(program)["sql"].tobytes())
        try:
            compiled = sql_of(document, self.model.version, self.model.signature)
            return duckdb_rows(compiled, self.rows, self.connection)
        except Exception:
            return None

    def is_changed(self, program: bytes) -> bool:
        """Whether a row gets another result or reason, but for the value that a reason shows; or none do."""
        found = self.of(program)
        if found is None or found.column_names != self.expected.column_names:
            return True
        a, b = self.expected.to_pandas(), found.to_pandas()
        for table in (a, b):
            table["reject_reason"] = table["reject_reason"].str.replace("=[^;]*", "=", regex=True)
        return not all(_near(a[name], b[name]) for name in a)


def _bad_rows(X: pd.DataFrame) -> pd.DataFrame:
    """Rows of which each has one value that a check may refuse."""
    rows = X.head(1).loc[[X.index[0]] * 12].reset_index(drop=True)
    made = []
    for name in X:
        values: list[Any] = [None, "never seen", ""]
        if X[name].dtype.kind == "f":
            values = [
                None,
                np.nan,
                np.inf,
                -np.inf,
                0.5,
                1.7e308,
                -1e61,
                2.0**63,
                -(2.0**63),
                7e15,
                1e-300,
                -0.0,
            ]
        if X[name].dtype.kind in "fO":
            bad = rows.head(len(values)).copy()
            bad[name] = pd.Series(values, dtype=X[name].dtype)
            made.append(bad)
    return pd.concat(made)


def _near(a: pd.Series, b: pd.Series) -> bool:
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        return bool(np.allclose(a, b, rtol=NEAR, atol=NEAR, equal_nan=True))
    return bool(a.fillna("").tolist() == b.fillna("").tolist())
