"""The expressions that SQL is printed of, compared with the estimator for every row that is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from scorehouse.certificate import sql_linear
from scorehouse.certificate.boosters import Links
from scorehouse.certificate.columns import Column, differ
from scorehouse.certificate.forest import Forest, NotRead
from scorehouse.certificate.products import Layer
from scorehouse.certificate.sql_checks import Checks
from scorehouse.certificate.sql_expressions import Expr, SqlExpressions
from scorehouse.certificate.sql_linear import labels_of, raw, scores_of
from scorehouse.certificate.sql_trees import Nodes, Pairs
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import MULTIOUTPUT, Version

NAMES = {
    "classification": ["prediction", "score"],
    "regression": ["prediction"],
    "ranking": ["score"],
}
NO_LABELS: tuple[str, tuple[float, ...], bool] = ("", (), False)
DIALECT = "duckdb"  # of the program that is stored, from which others are printed
SUMS = ("first", "sums", "decisions", "single")
BOUNDED = (
    *("shares", "hist_shares", "softmax", "sigmoids", "clipped"),
    *("lightgbm_binary", "lightgbm_softmax", "xgboost_binary", "xgboost_softmax"),
)


class SqlCompared:
    """The SQL of a version beside its trees or layers, links and columns; all of one estimator."""

    def __init__(
        self,
        head: Mapping[str, Any],
        version: Version,
        of_estimator: tuple[Forest | Sequence[Layer], Links],
        columns: tuple[Sequence[Column], int],
    ) -> None:
        self.model, self.links = of_estimator
        self.expected, features = columns
        self.program = SqlExpressions(head["program"], features)
        self.version = version
        self.has_label = version.task == "classification"
        self.names = [*(version.outputs or NAMES.get(version.task, []))]
        if self.has_label and len(version.classes) != 2:
            self.names[1:] = version.score_columns
        if version.task not in (*NAMES, MULTIOUTPUT):
            raise NotRead(f"the SQL of a {version.task} is not read")
        self.names += ["row_status", "reject_reason"]
        self.dialect, self.columns = head["dialect"], head["columns"]
        self._method = "predict" if version.score_method in ("none", "") else version.score_method

    @cached_property
    def differences(self) -> list[str]:
        """How sums, scores and labels differ from those of the estimator."""
        model, links, names = self.model, self.links, self.program.names
        if not names == self.names == self.columns:
            return [f"its columns are {names}, those of the version {self.names}"]
        if self.dialect != DIALECT:
            return [f"it is of the dialect {self.dialect!r}, and others are printed of {DIALECT!r}"]
        if self._method not in links:
            raise NotRead(f"the link of {self._method} is not read")
        kind, numbers, _ = links[self._method]
        outputs = sums_of(model)
        # of the shares of two classes, the second says all
        second = kind == "sums" and outputs == 2 and links.get("predict", NO_LABELS)[2]
        sums = [1] if second else [*range(outputs)]
        scores = [*self._scores().values()]
        holes: dict[Any, Expr] = {}
        patterns = scores_of(kind, numbers, len(sums))
        if not self.program.fits(patterns, scores, holes):
            return [f"its scores are not those of the link {kind!r}"]
        if self.has_label:
            label = self._accepted(self.program.results[0])
            forms = labels_of(
                kind,
                links["predict"][0],
                patterns,
                [raw(k) for k in range(len(sums))],
                len(self.version.classes),
            )
            if self.version.threshold is None:
                forms = forms[:1]
            if not any(self.program.fits(form, label, dict(holes)) for form in forms):
                return ["its label is not decided as the estimator decides"]
        exprs = [holes[k] for k in range(len(sums))]
        if isinstance(model, Forest):
            return self._trees(model, exprs, sums)
        return self._linear(model, exprs)

    def differences_of_checks(self, signature: Signature) -> list[str]:
        """How the rows that SQL rejects, and the reasons, differ from those of the kernel."""
        if self.differences:  # the checks on the way to scores are known once all of them were read
            raise NotRead("what it computes differs, so that not all of its checks were read")
        kind = self.links[self._method][0]
        is_bounded = kind in BOUNDED or (kind in SUMS and isinstance(self.model, Forest))
        return Checks(self.program, signature).differ(self._scores(), may_overflow=not is_bounded)

    def _scores(self) -> dict[str, Expr]:
        """What an accepted row gets beside its label, by name."""
        pairs = [*zip(self.names, self.program.results, strict=True)][self.has_label : -2]
        return {name: self._accepted(result) for name, result in pairs}

    def _accepted(self, result: Expr) -> Expr:
        """A result without the check that the row is accepted: NULL where it has a reason to be rejected."""
        pattern = ("IsNull", ("hole", "reason"), False)
        node = self.program.node(result)
        if "Case" in node:
            ((condition, then), *others), default = node["Case"]
            holes = {"reason": self.program.node(self.program.results[-1])}
            if not others and default is None and self.program.fits(pattern, condition, holes):
                return then
        raise NotRead("a result of SQL that is given for rejected rows is not read")

    def _trees(self, forest: Forest, exprs: Sequence[Expr], sums: Sequence[int]) -> list[str]:
        columns: dict[str, Column] = {}

        def name_of(expr: Expr) -> str:
            name = expr["Column"][0] if "Column" in expr else repr(expr)
            columns[name] = self.program.of(expr)
            return str(name)

        first: dict[str, int] = {}
        own = Nodes(self.program, name_of)
        theirs = Nodes(self.program, lambda i: first.setdefault(repr(self.expected[i]), i))
        found_as: dict[tuple[str, int], bool] = {}

        def same(name: str, i: int) -> bool:
            if (name, i) not in found_as:
                found_as[name, i] = not differ(columns[name], self.expected[i])
            return found_as[name, i]

        pairs = Pairs(own, theirs, same)
        divisor = forest.facts["the sums are divided by"]
        single = forest.facts["the sums are in float32"]
        texts = []
        for expr, output in zip(exprs, sums, strict=True):
            wanted = theirs.of_library(forest, output)
            if (start := forest.facts["the starts of the sums"][output]) or single:
                wanted = [theirs.leaf(start, single=single), *wanted]
            if divisor != 1:
                holes: dict[Any, Expr] = {}
                mean = ("Arith", "/", ("hole", 0), ("Literal", float(divisor), "double"))
                if not self.program.fits(mean, expr, holes):
                    return [f"output {output} is not a sum that is divided by {divisor}"]
                expr = holes[0]
            found = [own.of_sql(term) for term in self.program.terms(expr)]
            if len(found) != len(wanted):
                texts.append(f"output {output} has {len(found)} terms, the estimator {len(wanted)}")
            texts += [
                f"output {output}, term {i} is another tree than the estimator's"
                for i, (a, b) in enumerate(zip(found, wanted, strict=False))
                if not pairs.equal(a, b)
            ]
        if texts and any(sum(same(name, i) for i in first.values()) > 1 for name in columns):
            raise NotRead("several columns are the same for every row that is accepted")
        return texts

    def _linear(self, layers: Sequence[Layer], exprs: Sequence[Expr]) -> list[str]:
        if [kind for kind, _ in layers] != ["product"]:
            raise NotRead("SQL of more than one product is not read")
        weights = np.asarray(layers[0][1][0])[:, :, 0]
        texts = []
        for i, (expr, row) in enumerate(zip(exprs, weights.tolist(), strict=True)):
            expected = sql_linear.of_columns(self.expected, row)
            if text := sql_linear.of_sql(self.program, expr).differs(expected):
                texts.append(f"sum {i}: {text}")
        return texts


def sums_of(model: Forest | Sequence[Layer]) -> int:
    """How many sums a model has."""
    if isinstance(model, Forest):
        return len(model.facts["the starts of the sums"])
    return len(model[-1][1][0]) if model[-1][1] else 0
