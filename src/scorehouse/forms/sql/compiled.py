"""Compile a fitted estimator into one select of SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from scorehouse.errors import CompileError, ConfigurationError
from scorehouse.forms.sql.builder import Builder, Program
from scorehouse.forms.sql.dialects import ALIASES, DIALECTS, LIMITS, Limits
from scorehouse.forms.sql.expression import Arith, Call, Compare, Sum, walk
from scorehouse.forms.sql.inputs import LARGEST, inputs_of
from scorehouse.forms.sql.outputs import outputs_of
from scorehouse.forms.sql.printer import Dialect, Printer
from scorehouse.forms.sql.registers import CONVERTERS
from scorehouse.forms.sql.underflow import without_underflow
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

MARK = "<scorehouse>"  # macros/predict/_verified_select.sql puts the placeholders between two of them
# For databases that raise on overflow and underflow instead of giving infinity and 0: a feature beyond this
# is rejected, and one nearer to 0 than its reciprocal is replaced by the reciprocal, so that products fit.
LARGEST_WHERE_OVERFLOW_RAISES = 1e60


@dataclass(frozen=True)
class CompiledSql:
    """The SQL of one version in one dialect.

    `columns` are the columns that it adds to the kept ones, in order; `features` are the features that it
    reads; `nodes` counts the nodes of all trees; `single`: the estimator itself computes in float32; `probes`
    holds, by feature, the values of splits and edges.
    """

    version: Version
    dialect: Dialect
    signature: Signature
    program: Program
    columns: tuple[str, ...]
    nodes: int = 0
    single: bool = False
    probes: Mapping[int, frozenset[float]] = field(default_factory=dict)

    @property
    def features(self) -> list[str]:
        return self.signature.names

    @cached_property
    def text(self) -> str:
        """The select over a relation named `input_relation`, with no kept columns."""
        return self.render("input_relation")

    @property
    def operations(self) -> int:
        """The approximate number of computations per row in a database."""
        parts = [part for step in self.program.steps for _, expr in step.made for part in walk(expr)]
        sums = sum(len(part.terms) for part in parts if isinstance(part, Sum))
        return sums + sum(isinstance(part, Arith | Compare | Call) for part in parts)

    @property
    def size_bytes(self) -> int:
        return len(self.text.encode())

    @property
    def sha256(self) -> str:
        """The digest of `text`, which identifies the proven SQL in the registry."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def render(
        self, relation: str, keep: Sequence[str] = (), columns: Mapping[str, str] | None = None
    ) -> str:
        """The select over `relation` (a table name or a subquery in parentheses).

        `keep` names columns of the relation to put in front; `columns` maps features to the columns that hold
        them, if the names differ.
        """
        held = columns or {}
        quoted = tuple(self.dialect.quote(held.get(name, name)) for name in self.features)
        kept = "".join(f"{self.dialect.quote(name)}, " for name in keep).rstrip()
        return self._printer(quoted).program(self.program, relation, kept)

    def macro_body(self) -> str:
        """The select as Jinja: dbt fills in `relation`, `keep` and `columns`."""
        quoted = tuple(f"{{{{ columns[{i}] }}}}" for i in range(len(self.features)))
        return self._printer(quoted, jinja=True).program(self.program, "{{ relation }}", "{{ keep }}")

    def _printer(self, columns: tuple[str, ...], *, jinja: bool = False) -> Printer:
        printed = self._printed.setdefault((columns, jinja), {})
        return Printer(self.dialect, columns, jinja=jinja, printed=printed)

    @cached_property
    def _printed(self) -> dict[tuple[tuple[str, ...], bool], dict[str, str]]:
        """SQL that was printed before, by everything that it depends on: a forest takes long to print."""
        return {}


def compile_sql(
    estimator: Any,
    version: Version,
    signature: Signature,
    dialect: str,
    *,
    alike: dict[tuple[bool, bool], CompiledSql] | None = None,
) -> CompiledSql:
    """Compile a fitted estimator, as it was registered, for one dialect.

    `alike` caches programs for dialects that compute the same way and differ only in spelling. Raises
    CompileError, which names the step that has no exact form, or the limit that is exceeded.
    """
    call = f"compile_sql({version.label}, {dialect!r})"
    chosen = DIALECTS.get(ALIASES.get(dialect, dialect))
    if chosen is None:
        raise ConfigurationError(
            call,
            f"dialect is {dialect!r}",
            expected=f"one of {[*DIALECTS, *ALIASES]}",
            action="name one of these",
        )
    key = ("real" in chosen.types, chosen.ieee)
    others = {} if alike is None else alike
    compiled = others.get(key)
    if compiled is None:
        # the number of tree nodes is known from another dialect, so it can be refused before it is compiled
        nodes = max((other.nodes for other in others.values()), default=0)
        excess = _over(nodes, "tree nodes", LIMITS[chosen.name].nodes, version, chosen, call)
        compiled = _compiled(estimator, version, signature, chosen, call, excess)
    others[key] = compiled
    compiled = replace(compiled, dialect=chosen)
    _check_size(compiled, LIMITS[chosen.name], call)
    _check_marks(compiled, call)
    return compiled


def _compiled(
    estimator: Any,
    version: Version,
    signature: Signature,
    chosen: Dialect,
    call: str,
    excess: CompileError | None,
) -> CompiledSql:
    """The program of a dialect; its size is not checked yet. `excess` is raised at its first tree."""
    largest = LARGEST if chosen.ieee else LARGEST_WHERE_OVERFLOW_RAISES
    has_real = "real" in chosen.types
    b = Builder(signature, call, CONVERTERS, has_real=has_real, largest=largest, excess=excess)
    values, reason = inputs_of(b)
    outputs, scores = outputs_of(b, estimator, version, values, reason)
    program = b.finish(outputs)
    if not chosen.ieee:
        program = without_underflow(program, 1.0 / largest)
    return CompiledSql(
        version=version,
        dialect=chosen,
        signature=signature,
        program=program,
        columns=tuple(name for name, _ in outputs),
        nodes=b.nodes,
        single=scores.single,
        probes={position: frozenset(found) for position, found in b.probes.items()},
    )


def _check_marks(compiled: CompiledSql, call: str) -> None:
    """Refuse categories and classes that contain the marks around dbt's placeholders."""
    if MARK in compiled.text or any(MARK in name for name in compiled.features):
        raise CompileError(
            call,
            f"a category, class or feature of {compiled.version.label} contains {MARK!r}",
            expected=f"no {MARK!r}, which marks where dbt fills in the columns",
            action="score this version through a Python or SQL model with the predictions materialization",
        )


def _check_size(compiled: CompiledSql, limits: Limits, call: str) -> None:
    widest = max((len(s.made) + len(s.carried) for s in compiled.program.steps), default=0)
    sizes: tuple[tuple[str, Callable[[], int], int], ...] = (
        ("tree nodes", lambda: compiled.nodes, limits.nodes),
        ("columns in one step", lambda: widest, limits.columns),
        ("bytes of SQL", lambda: compiled.size_bytes, limits.sql_bytes),  # printed only if the others fit
    )
    for what, size, limit in sizes:
        excess = _over(size(), what, limit, compiled.version, compiled.dialect, call)
        if excess is not None:
            raise excess


def _over(
    found: int, what: str, limit: int, version: Version, dialect: Dialect, call: str
) -> CompileError | None:
    """The refusal of a program that is larger than the limit."""
    if found <= limit:
        return None
    return CompileError(
        call,
        f"the SQL of {version.label} has {found:,} {what}",
        expected=f"at most {limit:,} on {dialect.name}",
        action="score this version through a Python or SQL model with the predictions "
        "materialization, or register a smaller estimator",
    )
