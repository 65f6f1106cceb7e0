"""The edges of a prediction table's life: types, columns, registry, parallel runs, signals, a full disk."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from oracle.machine import PredictionTables
from oracle.values import TYPES
from oracle.warehouse import ALIASES, THRESHOLDS

NEW_SEEDS = st.lists(st.integers(5, 9), min_size=2, max_size=2, unique=True)
STATEMENTS = st.integers(0, 120)


class TablesAtTheEdges(PredictionTables):
    """Several tables, built by two threads of dbt, whose world changes in other ways than row by row.

    `edge` names the rule that each history begins with, so that a few histories meet all of them.
    """

    least_tables, least_rows = 2, 4
    edge: str

    @initialize(data=st.data())
    def declare(self, data: st.DataObject) -> None:
        super().declare(data)
        self.type_of_a = data.draw(st.sampled_from(sorted(TYPES)), label="type of a")
        self._run()
        getattr(self, self.edge)(data)

    @rule(data=st.data())
    def change_type(self, data: st.DataObject) -> None:
        """The same numbers in another type, or others that a hash without types takes for the same."""
        self.type_of_a = data.draw(st.sampled_from(["decimal", "double"]), label="type before")
        self._run()
        self.type_of_a = data.draw(st.sampled_from(["integer", "decimal"]), label="type after")
        self._run()

    @rule(data=st.data())
    def change_columns(self, data: st.DataObject) -> None:
        """A column that nobody reads comes or goes, and another row changes."""
        self.more_columns = not self.more_columns
        self._put(data)
        self._run()

    @precondition(lambda self: len(self.warehouse.versions) == len(THRESHOLDS))
    @rule(data=st.data())
    def register_at_once(self, data: st.DataObject) -> None:
        """Two processes register at the same time, and one of their versions is promoted."""
        self.warehouse.register_at_once(*data.draw(NEW_SEEDS, label="seeds"))
        self.promote(self._draw_alias(data), max(self.warehouse.versions))
        self._run()

    @rule(data=st.data())
    def forget_to_seed(self, data: st.DataObject) -> None:
        """The registry of the warehouse is yesterday's: no run scores with it, and none changes a table."""
        self.warehouse.load_registry()
        alias = self._draw_alias(data)
        others = [number for number in THRESHOLDS if number != self.aliases[alias]]
        self.promote(alias, data.draw(st.sampled_from(others), label="promoted"))
        self._fill()
        self.number += 1
        self.sound = False
        build = self.warehouse.dbt("run", "--select", *self.tables)
        for name, table in self.tables.items():
            if alias in table.settings.targets:
                assert build.statuses[name] == "error", f"{name} was scored by the version of yesterday"
                assert "dbt seed" in build.messages[name]
            self._follow(name, False, (None,))
        self._run()

    def _draw_alias(self, data: st.DataObject) -> str:
        """An alias that a table asks for, if there is one."""
        asked = {target for table in self.tables.values() for target in table.settings.targets}
        return data.draw(st.sampled_from(sorted(asked & set(ALIASES)) or sorted(ALIASES)), label="alias")

    @rule(data=st.data())
    def terminate(self, data: st.DataObject) -> None:
        """A scheduler stops the job by SIGTERM."""
        self._run(end=(data.draw(STATEMENTS, label="statement"), "terminate"))
        self._run()

    @rule(data=st.data())
    def fill_the_disk(self, data: st.DataObject) -> None:
        """No file can grow any more, until the next run."""
        self._run(end=(data.draw(STATEMENTS, label="statement"), "full"))
        self._run()


class TypesChange(TablesAtTheEdges):
    """Begins with a change of a column's type."""

    edge = "change_type"


class ColumnsChange(TablesAtTheEdges):
    """Begins with a column more."""

    edge = "change_columns"


class TwoRegister(TablesAtTheEdges):
    """Begins with two registrations at the same time."""

    edge = "register_at_once"


class SeedForgotten(TablesAtTheEdges):
    """Begins with a promotion without `dbt seed`."""

    edge = "forget_to_seed"


class Terminated(TablesAtTheEdges):
    """Begins with a run that is stopped by SIGTERM."""

    edge = "terminate"


class DiskFull(TablesAtTheEdges):
    """Begins with a run on a full disk."""

    edge = "fill_the_disk"


EDGES = (TypesChange, ColumnsChange, TwoRegister, SeedForgotten, Terminated, DiskFull)
