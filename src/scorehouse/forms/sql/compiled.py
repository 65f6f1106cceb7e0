"""A version as one select of SQL, in one dialect: no estimator is needed to write it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scorehouse.forms.sql.builder import Program
from scorehouse.forms.sql.expression import Arith, Call, Compare, Sum, walk
from scorehouse.forms.sql.printer import Dialect, Printer
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

MARK = "<scorehouse>"  # macros/predict/_verified_select.sql puts what is to be filled in between two of them


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
