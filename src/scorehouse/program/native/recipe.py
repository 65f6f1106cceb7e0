"""How an estimator gets from its columns to the numbers of its trees, and from their sums to its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scorehouse.program.links import Link
from scorehouse.program.trees import Ensemble

Refuse = Callable[[Any, str], Exception]


@dataclass(frozen=True)
class Recipe:
    """`outputs` has the link of each method of the estimator.

    `categories` are those of its columns of dtype category, in their order, whose codes the trees read;
    `takes_numbers`: the estimator itself accepts the numbers that its trees read.
    """

    outputs: Mapping[str, Link]
    takes_missing: bool = True
    takes_infinite: bool = True
    takes_numbers: bool = True
    categories: tuple[tuple[Any, ...], ...] = ()


Read = tuple[Ensemble, Recipe]
