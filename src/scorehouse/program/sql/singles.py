"""A double as the float32 that an estimator gets, in SQL."""

from __future__ import annotations

import math

import numpy as np

from scorehouse.program.sql.expression import Arith, Call, Case, Cast, Compare, Expr, number
from scorehouse.program.trees.tree import float32_edge

# up to where float32 has 0, and no infinity: a cast may refuse what is beyond, on either side
ZERO, END = float32_edge(0.0), float32_edge(float(np.finfo(np.float32).max))


def rounded(x: Expr, *, is_finite: bool) -> Expr:
    """A column rounded to float32; with `is_finite`, nothing in it is too large for one."""
    size = Call("abs", (x,))
    whens: list[tuple[Expr, Expr]] = [(Compare("<=", size, number(ZERO)), number(0.0))]
    if not is_finite:
        whens.append((Compare(">", size, number(END)), Arith("*", x, number(math.inf))))
    return Case(tuple(whens), Cast(Cast(x, "real"), "double"))
