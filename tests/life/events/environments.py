"""The same project in another schema: a production target, a clone of it, a build that defers to it."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from invariants import predictions_are_those_of_git
from shop import CHURN, ORDER

if TYPE_CHECKING:
    from installation import Installation
    from life import Life


def another_schema(life: Life) -> None:
    """The project moves to another schema, where nothing is yet: all is built and scored there."""
    with in_target(life, "prod"):
        # a part alone takes tests along whose tables are not there yet: they fail in words of ours
        for part in (CHURN.feature_table, CHURN.predictions):
            life.build("--select", f"+{part}", codes=(0, 1))
        life.night()
        life.house.run("scorehouse", "runs", "--target", "prod")
    life.night()


def monitors_later(life: Life) -> None:
    """Monitors come after the scores, and are built without their seeds: refused, and done as it says."""
    name = ORDER.name
    monitors = {file: file.read_text() for file in life.house.folder.glob(f"models/ml/monitoring/*{name}_*")}
    with in_target(life, "prod"):
        for file in monitors:
            file.unlink()
        # tests of the features that read the signature say that it is not built
        parts = f"+{ORDER.predictions}", ORDER.label_table, "scorehouse_runs"
        life.build("--select", *parts, codes=(0, 1))
        life.check_rows((ORDER,))
        for file, text in monitors.items():
            file.write_text(text)
        ended = life.build("--select", f"{name}_profiles+", codes=(0, 1))
        advice = re.findall(r"run `(dbt build [^`]+)`", " ".join(ended.output.split()))
        if not ended.code or not advice:
            life.violate(
                "part", "monitors without the seeds that they read are built, or do not say what they lack"
            )
        for line in advice[:1]:
            life.house.paste(f"{line} --target prod")
        life.build()
        life.check((ORDER,))
    life.night()


def deferred(life: Life) -> None:
    """One model is built in an empty schema of one's own, with all else read from production."""
    state = production_state(life)
    with in_target(life, "ci"):
        words = ("--defer", "--state", state, "--favor-state", "--target", "ci")
        life.build("--select", CHURN.predictions, "scorehouse_runs", *words)
        life.check_rows((CHURN,))
    life.night()


def cloned(life: Life) -> None:
    """Production is cloned into a schema of one's own, and what a branch changes is built on top.

    On DuckDB, clones are views, which dbt's seeds do not replace: a whole build there is no part of this.
    """
    state = production_state(life)
    with in_target(life, "ci"):
        life.house.run("dbt", "clone", "--state", state, "--target", "ci")
        file = f"models/ml/{ORDER.predictions}.sql"
        before = life.house.read(file)
        life.house.write(file, f"{before}-- a change of a branch\n")
        words = ("--select", "state:modified+", "scorehouse_runs", "--defer", "--state", state)
        life.build(*words, "--target", "ci")
        life.check_rows((ORDER,))
        for invariant, text in predictions_are_those_of_git(life, CHURN):
            life.violate(invariant, text)
        life.house.write(file, before)
    life.night()


def production_state(life: Life) -> str:
    """Build, and keep the manifest of it, which other builds compare with."""
    life.night()
    folder = life.house.folder / "target" / "production"
    folder.mkdir(exist_ok=True)
    shutil.copy(life.house.folder / "target" / "manifest.json", folder / "manifest.json")
    return "target/production"


@contextlib.contextmanager
def in_target(life: Life, target: str) -> Iterator[None]:
    """Commands and checks are those of another target, an empty schema, until the block ends."""
    before, scored = life.target, life.scored_before
    life.target, life.scored_before = target, {}
    try:
        yield
    finally:
        life.warehouse.execute(f"drop schema if exists {target} cascade")
        life.target, life.scored_before = before, scored


def upgraded_to(after: Installation) -> Callable[[Life], None]:
    """The wheel and the package of another tree are installed over those that the project was made with."""

    def happen(life: Life) -> None:
        before = life.house.installation
        packages = life.house.read("packages.yml")
        life.house.installation = after
        life.house.write("packages.yml", packages.replace(str(before.package), str(after.package)))
        life.house.run("dbt", "deps")
        life.house.commit("Upgrade scorehouse")
        life.night()
        life.night()

    return happen
