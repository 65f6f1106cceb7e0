"""The page docs/how-to/second_week.md, lived through: its commands as they stand, in its order."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from expected import champion
from faults import all_faults
from installation import REPOSITORY
from shop import CHURN, ML_MODELS

if TYPE_CHECKING:
    from life import Life

PAGE = REPOSITORY / "docs" / "how-to" / "second_week.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FAILED_OR_ALERTED = (0, 1, 3)
WAITS_FOR_A_PERSON, REFUSED_BY_THE_GATE = 20, 30
MEASURED = (0, 10, 11)  # it helps, is not certain to, or too few rows are newer to know
IMPACT = ("scorehouse", "impact", CHURN.name, "--target", "dev")
FUNCTION = '"""How `churn` is trained again."""\n\nfrom ml.learning import churn as train\n'


def sections() -> dict[str, list[list[str]]]:
    """The commands of the page: by heading, a list per block, each with the lines that continue it."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {
        heading: [
            [command.rstrip("\n") for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
            for block in BLOCK.findall(text)
        ]
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def watched(life: Life) -> None:
    paste(life, "Watch it")
    life.check()
    life.remember()
    life.house.commit("Watch churn")


def prepared(life: Life) -> None:
    """The retraining is there before it is needed. Its author trains as before, so the function is edited."""
    paste(life, "Prepare the retraining before you need it")
    gates = {status for name, status in life.results().items() if "challenger_not_worse" in name}
    if gates != {"warn"}:
        life.violate("judge", f"without a challenger, the gate ends with {gates or 'no test'}, not a warning")
    life.house.write(f"ml/retrain_{CHURN.name}.py", FUNCTION)
    life.check()
    life.remember()
    life.house.commit("Prepare the retraining")


def nightly(life: Life) -> None:
    life.pass_days()
    paste(life, "Every night", codes=(0, 3))
    life.check()
    life.remember()


def retrained(life: Life) -> None:
    """A challenger, which the gate lets pass or refuses; a person promotes it all the same."""
    life.house.run("scorehouse", "retrain", CHURN.name, "--target", "dev", "--measure", codes=MEASURED)
    life.house.commit("Measure what a refit would gain")
    paste(life, "Retrain", codes=(WAITS_FOR_A_PERSON, REFUSED_BY_THE_GATE))
    life.house.commit("Register a challenger")
    if life.engine.name == "duckdb":
        said = json.loads(life.house.run(*IMPACT, "--json").output)
        if not said["stays"] or said["changes"]:
            life.violate("next step", "a challenger is registered, and impact says that the champion moves")


def promoted(life: Life) -> None:
    follow_promotion(life, "Promote", 2)


def rolled_back(life: Life) -> None:
    follow_promotion(life, "Roll back", 1)


def follow_promotion(life: Life, heading: str, version: int) -> None:
    """What the page says is enough: the version scores and is judged at once, and in the night after.

    What `impact` predicted before comes true, key by key.
    """
    is_predicted = life.engine.name == "duckdb"
    if is_predicted:
        life.house.run(*IMPACT, str(version))
    paste(life, heading)
    if is_predicted:
        life.house.run(*IMPACT, "--check")
    if (now := champion(life.house.folder, CHURN.name).version) != version:
        life.violate("next step", f"after {heading!r}, the champion is version {now}")
    life.check((CHURN,))
    life.remember((CHURN,))
    life.night()


def first_alarm(life: Life) -> None:
    """The loader's fault that the page tells of: alerts name it, and do not ask for a retraining."""
    (fault,) = [f for f in all_faults() if (f.kind, f.feature) == ("NULL in 30 %", "visits")]
    fault.plant(life)
    life.pass_days()
    broken, mended = sections()["The first alert"]
    for line in broken:
        life.house.paste(line, codes=FAILED_OR_ALERTED)
    alerts = [alert for alert in life.alerts() if alert["ml_model"] == CHURN.name]
    if not any(fault.is_named(alert) for alert in alerts):
        life.violate("no fault unseen", f"the page's first alert is not named: {fault.name}")
    if any("should be retrained" in alert["title"] for alert in alerts):
        life.violate("cause", "a loader's fault is answered by a retraining")
    fault.heal(life)
    life.load()
    for line in mended:
        life.house.paste(line)
    life.check()
    life.remember(ML_MODELS)


def paste(life: Life, heading: str, codes: tuple[int, ...] = (0,)) -> None:
    """Run the commands of a section as they stand."""
    for block in sections()[heading]:
        for line in block:
            life.house.paste(line, codes=codes)


SECOND_WEEK = (
    ("second week: watch it", watched),
    ("second week: prepare the retraining", prepared),
    ("second week: every night", nightly),
    ("second week: the first alarm", first_alarm),
    ("second week: retrain", retrained),
    ("second week: promote", promoted),
    ("second week: roll back", rolled_back),
)
PREPARED = 2  # of these: what later events build on
