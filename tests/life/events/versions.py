"""Versions come and go: thresholds, promotions, roll-backs, altered files."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING

from expected import champion, registry
from invariants import only_what_was_told, signals_have_judges
from shop import CHURN, ML_MODELS, ORDER
from world import LABEL_DAYS, TRAINING_DAYS

from events.first_week import register

if TYPE_CHECKING:
    from life import Life

RETRAINED_DAYS = TRAINING_DAYS - 15  # fewer than at first: the same rows would be the same version


def threshold_changed(life: Life) -> None:
    """A reviewed diff moves the threshold: labels follow, or the run is refused with what to do."""
    change_columns(life, threshold=str(round(float(life.random.uniform(0.1, 0.9)), 3)))


def classes_renamed(life: Life) -> None:
    """A reviewed diff turns the names of the classes, and turns them back."""
    path = f"seeds/ml/{CHURN.name}/ml_{CHURN.name}.csv"
    before = life.house.read(path)
    change_columns(life, classes='"[""stays"", ""leaves""]"', class_columns='"{""score"": ""leaves""}"')
    life.house.write(path, before)
    life.house.commit("Name the classes as before")
    follow_edit(life, "classes")


def change_columns(life: Life, **values: str) -> None:
    """Change columns of the champion's row, and build the night after."""
    edit_columns(life, **values)
    life.pass_days()
    follow_edit(life, next(iter(values)))


def edit_columns(life: Life, **values: str) -> None:
    """Change columns of the champion's row in the CSV, as an editor does."""
    path = f"seeds/ml/{CHURN.name}/ml_{CHURN.name}.csv"
    lines = life.house.read(path).rstrip("\n").split("\n")  # a text may have other line ends
    names = lines[0].split(",")
    version = champion(life.house.folder, CHURN.name).version
    for number, line in enumerate(lines[1:], 1):
        cells = re.findall(r'(?:^|,)((?:"(?:[^"]|"")*")|[^,]*)', line)
        if cells[1] == str(version):
            cells = [values.get(name, cell) for name, cell in zip(names, cells, strict=True)]
            lines[number] = ",".join(cells)
    life.house.write(path, "\n".join(lines) + "\n")
    life.house.commit(f"Change {next(iter(values))} of {CHURN.name}")


def follow_edit(life: Life, column: str) -> None:
    """An edit is obeyed, or refused by its name; what a refusal prints has it obeyed, or says why not."""
    ended = life.build(codes=(0, 1))
    if ended.code and column not in ended.output:
        life.violate("next step", f"a changed {column} stops the build, which does not name it")
    if ended.code:
        advice = re.findall(r"`(scorehouse promote [^`<]+)`", ended.output)
        if not advice or life.house.paste(advice[0], codes=(0, 1)).code:
            life.remember_what_ended()  # tables were scored, and what reads their labels refused them
            return
        life.house.commit("Write what belongs to the edit")
        # monitors name the positive class, which is none of the renamed ones
        ended = life.build(codes=(0, 1) if column == "classes" else (0,))
        if ended.code:
            if "one of the classes of the ML model" not in ended.output:
                life.violate("next step", "a build after renamed classes does not name what they may be")
            life.remember_what_ended()
            return
    life.check()
    life.remember()


def threshold_refused(life: Life) -> None:
    """A threshold by which all rows have one label is refused, by the command and in a diff of git."""
    life.night()
    house, version = life.house, champion(life.house.folder, CHURN.name)
    files = [f"seeds/ml/{CHURN.name}/{file}" for file in (f"ml_{CHURN.name}.csv", f"_ml_{CHURN.name}.yml")]
    before = {file: house.read(file) for file in files}
    for wanted in ("1.5", "-0.25", "0.0"):
        asked = ("promote", CHURN.name, str(version.version), "--threshold", wanted)
        said = house.run("scorehouse", *asked, codes=(1,)).output
        if f"threshold is {wanted}" not in said or "one label" not in said:
            life.violate("next step", f"`promote --threshold {wanted}` is refused in other words: {said}")
    for invariant, text in only_what_was_told(life, ()):
        life.violate(invariant, text)
    held, runs = _labels(life), life.successful_runs(CHURN)
    for in_yaml in (False, True):
        wanted = life.pick(("1.5", "-0.25", "0.0"))
        if in_yaml:  # somebody who finds the number there, too
            first, mark, rest = before[files[1]].partition(f"- version: {version.version}\n")
            rest = re.sub(r"threshold: '[^']*'", f"threshold: '{wanted}'", rest, count=1)
            house.write(files[1], first + mark + rest)
        edit_columns(life, threshold=wanted)
        life.pass_days()
        said = " ".join(life.build(codes=(1,)).output.split())
        if f"threshold is {wanted}" not in said or "one label" not in said:
            life.violate("next step", f"a build with the threshold {wanted} is refused in other words")
        if (_labels(life), life.successful_runs(CHURN)) != (held, runs):
            life.violate("no wrong scores", f"rows were scored with the threshold {wanted}")
        house.run("scorehouse", "check", codes=(1,))
        life.remember_what_ended()
    for file, text in before.items():
        house.write(file, text)
    house.commit("Decide as before")
    life.build()
    life.check()
    life.remember()


def _labels(life: Life) -> dict[str, int]:
    """How many rows have which label."""
    rows = life.warehouse.rows(
        f"select prediction, count(*) as n from {life.table(CHURN.predictions)} group by prediction"
    )
    return {str(row["prediction"]): int(row["n"]) for row in rows}


def alias_removed(life: Life) -> None:
    """An alias of our own has a table; once it is removed, that table says so, and all others score."""
    house, name = life.house, f"{CHURN.name}_candidate"
    last = life.world.today - dt.timedelta(days=LABEL_DAYS)
    version = register(life, CHURN, last - dt.timedelta(days=RETRAINED_DAYS), last, "candidate")
    call = f"scorehouse.scored('{CHURN.name}', key='{CHURN.subject.key}', alias='candidate')"
    rows = f"select * from {{{{ ref('{CHURN.feature_table}') }}}}\n"
    house.write(f"models/{name}.sql", f"{{{{ {call} }}}}\n{rows}")
    house.commit("Score with a candidate")
    life.night()
    scored_by = f"select distinct model_version as version from {life.table(name)}"
    if (found := life.warehouse.rows(scored_by)) != [{"version": version}]:
        life.violate("rows", f"{name} is scored by {found}, not by version {version}")
    removing = ("scorehouse", "promote", CHURN.name, "--remove")
    for alias, word in (("champion", "no version"), ("candidat", "did you mean 'candidate'")):
        if word not in (said := house.run(*removing, alias, codes=(1,)).output):
            life.violate("next step", f"`promote --remove {alias}` is refused in other words: {said}")
    for invariant, text in only_what_was_told(life, ()):
        life.violate(invariant, text)
    said = house.run(*removing, "candidate").output
    for invariant, text in only_what_was_told(life, (f"seeds/ml/{CHURN.name}/",)):
        life.violate(invariant, text)
    if f"models/{name}.sql names the alias 'candidate'" not in said:
        life.violate("next step", f"removing an alias does not say which model names it: {said}")
    house.commit("Remove the candidate")
    life.pass_days()
    said = " ".join(life.build(codes=(1,)).output.split())
    if {node for node, status in life.results().items() if status == "error"} != {_node(life, name)}:
        life.violate("part", f"without the alias of {name}, other models or tests err too")
    if not re.search(r"alias[ =]'candidate'", said) or "the aliases" not in said:
        life.violate("next step", f"a build does not say that no version has the alias of {name}")
    if life.warehouse.rows(scored_by) != [{"version": version}]:
        life.violate("no wrong scores", f"{name} is scored without its alias")
    life.check()
    life.remember()
    house.run("git", "rm", "--quiet", f"models/{name}.sql")
    house.commit("Drop what the candidate scored")
    life.warehouse.execute(f"drop table {life.table(name)}")
    life.night()


def _node(life: Life, name: str) -> str:
    return next(node for node in life.results() if node.endswith(f".{name}"))


def retrained_and_promoted(life: Life) -> None:
    """A challenger on newer rows, promoted by the printed command, monitored from the first night."""
    model = life.pick([each for each in ML_MODELS if life.has_table(f"{each.name}_drift")] or ML_MODELS)
    last = life.world.today - dt.timedelta(days=LABEL_DAYS)
    version = register(life, model, last - dt.timedelta(days=RETRAINED_DAYS), last, "challenger")
    life.house.commit("Register a challenger")
    life.house.run("scorehouse", "diff", model.name, "champion", str(version))
    impact = ("scorehouse", "impact", model.name, "--target", "dev")
    is_predicted = "retrain" in life.engine.refuses  # elsewhere, the second week has it
    if is_predicted:
        life.house.run(*impact, str(version))
    promoted = life.house.run("scorehouse", "promote", model.name, str(version))
    for invariant, text in only_what_was_told(life, (f"seeds/ml/{model.name}/", "target/", "ml/")):
        life.violate(invariant, text)
    life.house.commit("Promote")
    pasted = printed_commands(promoted.output)
    if not any(line.startswith("dbt build") for line in pasted):
        life.violate("next step", "promote prints no dbt command")
    for line in pasted:
        life.house.paste(line)
    if is_predicted:
        life.house.run(*impact, "--check")
    life.check((model,))
    life.remember((model,))
    life.night()


def promoted_in_parts(life: Life) -> None:
    """A version is promoted and built in parts: before its drift is, nothing says that it is well."""
    last = life.world.today - dt.timedelta(days=LABEL_DAYS)
    version = register(life, ORDER, last - dt.timedelta(days=RETRAINED_DAYS), last, None)
    life.house.run("scorehouse", "promote", ORDER.name, str(version))
    life.house.commit("Promote")
    # tests of what is not selected may miss the version
    life.build("--select", f"tag:ml_{ORDER.name}", f"+{ORDER.predictions}", codes=(0, 1))
    life.check_rows((ORDER,))
    life.build("--select", f"{ORDER.name}_retraining")
    for invariant, text in signals_have_judges(life, ORDER):
        life.violate(invariant, text)
    life.remember((ORDER,))
    life.night()


def rolled_back(life: Life) -> None:
    """The version before becomes the champion again."""
    model = life.pick(ML_MODELS)
    versions = sorted(registry(life.house.folder, model.name))
    now = champion(life.house.folder, model.name).version
    others = [version for version in versions if version != now]
    if not others:
        life.night()
        return
    life.house.run("scorehouse", "promote", model.name, str(others[-1]))
    life.house.commit("Roll back")
    life.night()


def archived(life: Life) -> None:
    """Versions that nothing names are archived; all goes on, and they come back as they were."""
    retrained_and_promoted(life)
    house = life.house
    model = life.pick([each for each in ML_MODELS if len(registry(house.folder, each.name)) > 1])
    before = _registered_files(life, model.name)
    done = json.loads(house.run("scorehouse", "archive", model.name, "--json").output)
    if not done:
        life.violate("next step", f"nothing of {model.name} is archived, though a version has no alias")
        return
    for invariant, text in only_what_was_told(
        life, (f"seeds/ml/{model.name}/", f"artifacts/{model.name}/", "macros/ml/", "target/")
    ):
        life.violate(invariant, text)
    house.commit(f"Archive old versions of {model.name}")
    life.night()
    house.run("scorehouse", "check", "--certify")
    numbers = {one["version"] for one in done}
    listed = json.loads(house.run("scorehouse", "list", "--json").output)
    shown = {one["version"] for one in listed if one["name"] == model.name and one["is_archived"]}
    if shown != numbers:
        life.violate("same words", f"`scorehouse list` shows {shown} as archived, not {numbers}")
    number = max(numbers)
    said = house.run("scorehouse", "promote", model.name, str(number), codes=(1,)).output
    advice = re.findall(r"`(scorehouse archive [^`]+)`", said)
    if not advice:
        life.violate("next step", f"the promotion of an archived version is refused in other words: {said}")
        return
    house.paste(advice[0])
    for each in numbers - {number}:
        house.run("scorehouse", "archive", model.name, str(each), "--undo")
    after = _registered_files(life, model.name)
    if changed := [path for path, text in before.items() if after.get(path) != text]:
        life.violate("nothing lost", f"{changed} are not what they were before archive and --undo")
    house.run("scorehouse", "promote", model.name, str(number))
    house.commit("Roll back to what was archived")
    life.night()


def _registered_files(life: Life, name: str) -> dict[str, bytes]:
    """What registrations of an ML model have written, as text that is reviewed and as files beside it."""
    folders = (f"seeds/ml/{name}", f"artifacts/{name}", "macros/ml")
    files = [file for folder in folders for file in (life.house.folder / folder).rglob("*.*")]
    return {str(file.relative_to(life.house.folder)): file.read_bytes() for file in files}


def unseeded(life: Life) -> None:
    """A pull request is merged, somebody runs models without seeds: refused, and mended as it says."""
    model = life.pick(ML_MODELS)
    versions = registry(life.house.folder, model.name)
    now = champion(life.house.folder, model.name).version
    others = [version for version in versions if version != now]
    if not others:
        life.night()
        return
    life.house.run("scorehouse", "promote", model.name, str(others[0]))
    life.house.commit("Promote")
    life.pass_days()
    ended = life.house.run("dbt", "run", "--select", model.feature_table, model.predictions, codes=(1,))
    (advice, *_) = re.findall(r"dbt seed --select [^\n`'\"]+", ended.output) or [""]
    if not advice:
        life.violate("next step", "a run with an old registry is refused without the command that mends it")
    else:
        life.house.paste(advice.strip().rstrip("."))
    life.build()
    life.check()
    life.remember()


def wrong_file(life: Life) -> None:
    """A byte of a stored file changes: the run is refused, and nothing changes."""
    model = life.pick(ML_MODELS)
    version = champion(life.house.folder, model.name)
    folder = (life.house.folder / version.artifact).parent
    file = folder / life.pick(("program.npz", "proof.arrow"))
    content = file.read_bytes()
    file.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    life.pass_days()
    ended = life.build(codes=(0, 1))
    if ended.code == 0:
        life.check((model,))  # another backend may serve, if its scores are the same
        life.remember()
    elif "sha256" not in ended.output.lower() and "digest" not in ended.output.lower():
        life.violate("next step", f"an altered {file.name} stops the build in other words")
    life.remember_what_ended()
    life.house.run("scorehouse", "check", codes=(1,))
    file.write_bytes(content)
    life.build()
    life.check()
    life.remember()


def printed_commands(output: str) -> list[str]:
    """The commands that a command has printed for its user to paste."""
    lines = (line.strip().removeprefix("next: ") for line in output.splitlines())
    return [line for line in lines if re.match(r"(dbt|scorehouse) [a-z]", line)]
