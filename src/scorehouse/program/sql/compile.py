"""Compile a fitted estimator into one select of SQL.

From the scores of the last step to the columns of the kernel: labels, scores, status and reason.

Numbers so near to 0 that their product underflows, for databases that raise an error then.

Such a feature keeps its sign but not its size, and only if it can enter a product. A feature that is only
compared, or from which a mean is subtracted first, is not changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.program.proof import ROW_STATUS
from scorehouse.program.sql.builder import Builder, Program, Scores, Step, Value
from scorehouse.program.sql.compiled import MARK, CompiledSql
from scorehouse.program.sql.dialects import ALIASES, DIALECTS, Dialect
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Column,
    Compare,
    Expr,
    Feature,
    In,
    IsNull,
    Literal,
    Logic,
    Lookup,
    Udf,
    any_of,
    children,
    no,
    number,
    text,
)
from scorehouse.program.sql.inputs import finite, inputs_of
from scorehouse.program.sql.links import class_parameters, of_two
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.program.sql.several import second_wins
from scorehouse.program.sql.stages import excess_over, limits_of, of_fitting_size
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version


def compile_sql(
    estimator: Any,
    version: Version,
    signature: Signature,
    dialect: str,
    *,
    alike: dict[tuple[bool, bool], CompiledSql] | None = None,
    statement_bytes: int | None = None,
    in_functions: bool = False,
) -> CompiledSql:
    """Compile a fitted estimator, as it was registered, for one dialect.

    `alike` keeps what was compiled for dialects that compute alike, which differ in their spelling alone.
    `statement_bytes` is the length beyond which there are several statements, if the database accepts more;
    `in_functions` makes Python functions of the trees instead.
    Raises CompileError naming the step that has no exact equivalent, or the limit that is passed.
    """
    call = f"compile_sql({version.label}, {dialect!r})"
    chosen = DIALECTS[ALIASES.get(dialect, dialect)]
    others = {} if alike is None else alike
    compiled = others.get(chosen.arithmetic)
    if compiled is None:
        # another dialect has told the nodes of all trees, which need not be compiled to be refused
        nodes = max((other.nodes for other in others.values()), default=0)
        excess = excess_over(nodes, "tree nodes", limits_of(chosen).nodes, version, chosen, call)
        names = f"scorehouse_{version.name}_v{version.version}" if in_functions else ""
        b = builder_of(signature, chosen, call, excess=excess, functions_of=names)
        values, reason = inputs_of(b)
        outputs, scores = outputs_of(b, estimator, version, values, reason)
        compiled = CompiledSql(
            version=version,
            dialect=chosen,
            signature=signature,
            program=finished(b, outputs, chosen),
            columns=tuple(name for name, _ in outputs),
            nodes=b.nodes,
            single=scores.single,
            probes={position: frozenset(found) for position, found in b.probes.items()},
            functions=tuple(b.functions),
        )
    others[chosen.arithmetic] = compiled
    compiled = of_fitting_size(replace(compiled, dialect=chosen), statement_bytes, call)
    _check_marks(compiled, call)
    return compiled


def builder_of(signature: Signature, dialect: Dialect, call: str, **options: Any) -> Builder:
    """What builds the program of a dialect."""
    has_real, largest = dialect.has_real, dialect.largest
    return Builder(signature, call, CONVERTERS, has_real=has_real, largest=largest, **options)


def finished(b: Builder, outputs: Sequence[tuple[str, Expr]], dialect: Dialect) -> Program:
    """The program of a dialect, in which no product underflows where that raises."""
    program = b.finish(outputs)
    return program if dialect.ieee else without_underflow(program, 1.0 / dialect.largest)


def _check_marks(compiled: CompiledSql, call: str) -> None:
    """dbt fills arguments in between marks, which a category or class must not contain."""
    texts = compiled.statements([""] * len(compiled.stages)) if compiled.stages else [compiled.text]
    if any(MARK in text for text in texts) or any(MARK in name for name in compiled.features):
        raise CompileError(
            call,
            f"a category, class or feature of {compiled.version.label} contains {MARK!r}",
            expected=f"no {MARK!r}, which marks where dbt fills in the columns",
            action="score this version through a Python or SQL model with the predictions materialization",
        )


REJECT_REASON = "reject_reason"
Outputs = list[tuple[str, Expr]]
# What is called where that is not the score method.
_METHODS = {"regression": "predict", MULTIOUTPUT: "predict", "clustering": "transform"}


def outputs_of(
    b: Builder, estimator: Any, version: Version, values: list[Value], reason: Expr | None
) -> tuple[Outputs, Scores]:
    """The columns of the task, then `row_status` and `reject_reason`; NULL values where rejected."""
    if version.task == "anomaly":
        raise b.refuse(estimator, "anomaly detectors have no equivalent in SQL")
    method = _METHODS.get(version.task, version.score_method)
    if method == "none":
        raise b.refuse(estimator, "it has neither probabilities nor a decision function")
    scores = b.predict(estimator, values, method)
    made = _columns_of(b, estimator, version, scores)
    labels = _labels_of(version)  # stay in the last select, so that what decides them is there alone
    made = [(name, expr if name in labels else b.bind(expr, name)) for name, expr in made]
    rejected = b.bind(_reason(b, version, made, scores, reason), REJECT_REASON, gated=False)
    accepted = IsNull(rejected)
    outputs = [(name, Case(((accepted, expr),))) for name, expr in made]
    status = Case(((accepted, text("scored")),), text("rejected"))
    return [*outputs, (ROW_STATUS, status), (REJECT_REASON, rejected)], scores


def _columns_of(b: Builder, estimator: Any, version: Version, scores: Scores) -> Outputs:
    """The columns of the task."""
    if version.task == "classification":
        return _classification(b, estimator, version, scores)
    if version.task == MULTILABEL:
        return _multilabel(b, estimator, version, scores)
    if version.task == MULTIOUTPUT:
        return list(zip(version.outputs, scores.values, strict=True))
    if version.task == "clustering":
        return _clustering(b, version, scores)
    if version.task == "ranking":
        return [("score", scores.values[-1])]
    if len(scores.values) != 1:
        raise b.refuse(estimator, "it has several outputs per row")
    return [("prediction", scores.values[0])]


def _reason(b: Builder, version: Version, made: Outputs, scores: Scores, reason: Expr | None) -> Expr:
    """Why a row is rejected: its features, a failing step, or a result that is not a finite number."""
    whens: list[tuple[Expr, Expr]] = []
    if reason is not None:
        column = b.bind(reason, "reason", gated=False)
        whens.append((IsNull(column, negated=True), column))
    whens += [(condition, text("estimator_error:ValueError")) for condition in b.failures]
    not_numbers = ("prediction",) if version.task == "clustering" else _labels_of(version)
    failed: dict[str, Expr] = {}
    for name, expr in [item for item in made if item[0] not in not_numbers] or made:
        failed[name] = IsNull(expr) if scores.bounded else any_of([IsNull(expr), no(finite(expr))])
    reasons = [Case(((bad, text(f"not_finite:{name}")),)) for name, bad in failed.items()]
    whens.append((any_of(failed.values()), Call("join", tuple(reasons))))
    return Case(tuple(whens))


def _labels_of(version: Version) -> Collection[str]:
    """The columns of labels that the decision layer decides."""
    if version.task == MULTILABEL:
        return version.outputs
    return ("prediction",) if version.task == "classification" else ()


def _classification(b: Builder, estimator: Any, version: Version, scores: Scores) -> Outputs:
    labels = class_parameters(version)
    if len(labels) == 2:
        score = b.bind(scores.values[0], "score")
        return [("prediction", _of_two(b, estimator, version, scores, score)), ("score", score)]
    names = version.score_columns
    columns = [b.bind(expr, name) for expr, name in zip(scores.values, names, strict=True)]
    _check_labels(b, estimator, version, scores)
    compared = [b.bind(d, "decision") for d in scores.decisions] or columns
    return [("prediction", _first_best(b, compared, labels, "greatest")), *zip(names, columns, strict=True)]


def _multilabel(b: Builder, estimator: Any, version: Version, scores: Scores) -> Outputs:
    outputs: Outputs = []
    for column, name, label in zip(version.outputs, version.score_columns, scores.labels, strict=True):
        score = b.bind(label.values[0], name)
        outputs += [(column, _of_two(b, estimator, version, label, score)), (name, score)]
    return outputs


def _of_two(b: Builder, estimator: Any, version: Version, scores: Scores, score: Expr) -> Expr:
    """One of two labels: by the threshold, or without one as the estimator decides."""
    own = None
    if version.threshold is None:
        _check_labels(b, estimator, version, scores)
        own = second_wins(b, scores, score, version.score_method)
    return of_two(score, own, class_parameters(version))


def _check_labels(b: Builder, estimator: Any, version: Version, scores: Scores) -> None:
    if version.label_method == "predict" and not scores.decisions:
        raise b.refuse(estimator, "its predict() does not follow from its scores")


def _clustering(b: Builder, version: Version, scores: Scores) -> Outputs:
    labels = [Literal(k, "integer") for k in range(len(scores.decisions))]
    nearest = _first_best(b, list(scores.decisions), labels, "least") if len(labels) > 1 else labels[0]
    distance = [("distance", scores.values[0])] if version.score_method == "transform" else []
    return [("prediction", nearest), *distance]


def _first_best(b: Builder, columns: list[Expr], labels: Sequence[Expr], best: str) -> Expr:
    """The label of the largest (or smallest) column; in a tie, the first."""
    found = b.bind(Call(best, tuple(columns)), best)
    whens = tuple((Compare("=", column, found), label) for column, label in zip(columns, labels, strict=True))
    return Case(whens)


LOST_BITS = 2.0**-54  # the result of subtracting another number is at least this fraction of it
COMPARED = Compare | Logic | IsNull | In | Lookup | Udf  # tiny values are not computed with
NEVER_SMALL = frozenset({"exp", "exp_down", "sigmoid", "ln"})


def without_underflow(program: Program, smallest: float) -> Program:
    """The program, with features raised to at least `smallest` in magnitude (or 0) where that is needed."""
    flow = _Flow(smallest)
    for step in program.steps:
        for name, expr in step.made:
            is_double = isinstance(expr, Feature) and expr.type == "double"
            flow.tiny[name] = frozenset({name}) if is_double else flow.of(expr)
    for _, expr in program.outputs:
        flow.of(expr)
    return replace(program, steps=tuple(map(flow.held, program.steps)))


class _Flow:
    """By column, features whose tiny values it may take; and features whose tiny values are multiplied."""

    def __init__(self, smallest: float) -> None:
        self.smallest = smallest
        self.tiny: dict[str, frozenset[str]] = {}
        self.multiplied: set[str] = set()

    def of(self, expr: Expr) -> frozenset[str]:
        """The features whose tiny values `expr` may take."""
        if isinstance(expr, Column):
            return self.tiny[expr.name]
        parts = [self.of(child) for child in children(expr)]
        found = frozenset[str]().union(*parts)
        match expr:
            case Arith("-", _, Literal(constant)) if abs(float(constant)) * LOST_BITS > self.smallest:
                return frozenset()  # what is left is either 0 or not tiny
            case Arith("*" | "/") | Cast(_, "real"):
                self.multiplied |= found
                return frozenset()
            case Call(name) if name in NEVER_SMALL:
                return frozenset()
        return frozenset() if isinstance(expr, COMPARED) else found

    def held(self, step: Step) -> Step:
        """The step, with features that are multiplied kept off zero."""
        columns = (
            (name, _kept_off_zero(expr, self.smallest) if name in self.multiplied else expr)
            for name, expr in step.made
        )
        return replace(step, made=tuple(columns))


def _kept_off_zero(raw: Expr, smallest: float) -> Expr:
    """0 for 0, `smallest` with the sign of the value if it is nearer to 0; all other values unchanged."""
    zero = (Compare("=", raw, number(0.0)), number(0.0))
    positive = (Compare(">", raw, number(0.0)), number(smallest))
    tiny = Compare("<", Call("abs", (raw,)), number(smallest))
    return Case(((tiny, Case((zero, positive), number(-smallest))),), raw)
