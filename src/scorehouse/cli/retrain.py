"""`scorehouse retrain`: train an ML model again if its signals ask for it, and judge what comes out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    FILE,
    answer,
    echo,
    heading,
    json_option,
    name_argument,
    this_call,
)
from scorehouse.cli.diff import differences
from scorehouse.cli.diff import lines as diff_lines
from scorehouse.cli.duckdb_file import connect
from scorehouse.cli.target import Target, dbt_target_options
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds, build_command

if TYPE_CHECKING:
    from scorehouse.project.run_log_place import Place
    from scorehouse.retraining.prepared import House
    from scorehouse.retraining.proof import Proof
    from scorehouse.retraining.run import Outcome
    from scorehouse.retraining.settings import Settings

# A scheduler can tell these apart; after 0 nothing is left to do.
EXIT_CODES = {
    "promoted": 0,
    "unchanged": 0,
    "not_asked": 10,
    "not_judged": 11,
    "waits_for_a_person": 20,
    "waits_for_a_signature": 20,  # a person signs, too
    "gate_refused": 30,
}
HELPS, NOT_CERTAIN, UNKNOWN = 0, 10, 11  # of --measure


@click.command("retrain")
@name_argument
@dbt_target_options
@click.option("--force", is_flag=True, help="Train even if no signal asks for it.")
@click.option("--measure", is_flag=True, help="Measure what a refit would gain; nothing is registered.")
@click.option("--prove", is_flag=True, help="Train twice and compare; nothing is registered.")
@click.option(
    "--version", type=int, help="Go on with this version, trained before; with --prove, compare with it."
)
@click.option("--key", type=FILE, help="PEM file of the private key that signs the new version.")
@json_option
@click.pass_context
def retrain_command(
    ctx: click.Context,
    name: str,
    target: Target,
    force: bool,
    measure: bool,
    prove: bool,
    version: int | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Train NAME again if its signals ask for it, register a challenger, and judge it by the gate.

    The variable scorehouse_retrain in dbt_project.yml says how: the training query, a function of the
    project, and the test that judges. Nothing is promoted unless `promote: when_gate_passes` is there.
    Where only signed versions are loaded, --key signs the new one; without it the run ends there, and
    `--version` goes on once it is signed.

    --measure cuts the labelled rows after the champion's training into five blocks of time, trains without
    each, compares both on it, and writes the gain to the seed ml_NAME__refit, for the report.

    Exit codes: 0 promoted, the champion came out again, or a refit helps, 1 failed, 2 wrong usage, 3 --prove
    found a difference, 10 no signal asks for it, or a refit is not certain to help, 11 this version cannot be
    judged, 20 trained and waits for a person (who signs or promotes), 30 the gate refused it.

    \b
    Examples:
      scorehouse retrain churn --target prod
      scorehouse retrain churn --target dev --force --json
      scorehouse retrain churn --target dev --measure
      scorehouse retrain churn --target dev --prove
      scorehouse retrain churn --target prod --version 3
    """
    if prove and key is not None:
        raise click.UsageError("--key signs a version that is registered, and --prove registers none")
    if measure and (force or prove or key is not None or version is not None):
        raise click.UsageError("--measure registers nothing, and goes with none of the other options")
    if force and version is not None:
        raise click.UsageError("--force trains, and --version names what was trained before")
    house = house_of(name, target, key, as_json=as_json)
    if measure:
        ctx.exit(_measured(house, target.place(), as_json=as_json))
    if prove:
        ctx.exit(_proved(house, name, version, as_json=as_json))
    from scorehouse.registration.lock import check_name
    from scorehouse.report.warehouse import Warehouse
    from scorehouse.retraining.run import resumed, retrain

    check_name("name", name, house.call)
    if version is None:
        place = target.place()
        outcome = retrain(house, lambda open_: Warehouse(open_, place, None, house.call), force=force)
    else:
        outcome = resumed(house, version)
    code = EXIT_CODES[outcome.outcome]
    answer(as_json, {"name": name, **asdict(outcome), "exit_code": code}, _lines(outcome, house))
    ctx.exit(code)


def house_of(
    name: str, target: Target, key: Path | None, *, as_json: bool, settings: Settings | None = None
) -> House:
    """What a training works with; without `settings`, those of the variable."""
    from scorehouse.retraining.dbt import Dbt, dbt_options
    from scorehouse.retraining.prepared import House
    from scorehouse.retraining.settings import settings_of

    project, call = target.project, f"{this_call()} {name}"
    seeds = ModelSeeds(project, name)
    seeds.registered(call)
    place = target.place()
    options = dbt_options(str(target.target), target.profile, target.profiles_dir)
    return House(
        seeds=seeds,
        settings=settings or settings_of(project, name, call),
        dbt=Dbt(project, options, call),
        connect=lambda: connect(place),
        report=lambda text: echo(text, err=as_json),
        call=call,
        key=key,
        place=place,
    )


def _lines(outcome: Outcome, house: House) -> list[str]:
    """How it ended, for a person: what changes, and the command that promotes."""
    if outcome.outcome == "not_asked":
        return ["nothing to do; --force trains all the same"]
    if outcome.outcome == "not_judged":
        return [f"not judged; next: {build_command(house.seeds.name)}, or --force to train without signals"]
    seeds = house.seeds
    versions = {version.version: version for version in seeds.versions()}
    assert outcome.version is not None
    shown: list[str] = []
    if outcome.version != outcome.champion:
        before, after = versions[outcome.champion], versions[outcome.version]
        shown = ["", *diff_lines(before, after, differences(before, after, seeds)), ""]
    if outcome.diff:
        title = "promoted:" if outcome.outcome == "promoted" else "promotion would change:"
        shown += [heading(title), *outcome.diff, ""]
    label = f"{seeds.name} version {outcome.version}"
    command = f"scorehouse promote {seeds.name} {outcome.version}"
    return [
        *shown,
        {
            "promoted": f"{label} is the champion; commit seeds/ml/{seeds.name} and its artifacts.",
            "unchanged": f"nothing has changed: {outcome.gate}.",
            "waits_for_a_person": f"{label} waits for a person, who promotes it by: {command}",
            "waits_for_a_signature": f"{label} is not signed, and has no alias yet. Sign it, and go on:"
            f"\n  scorehouse evidence sign {seeds.name}/{outcome.version} --key KEY.pem"
            f"\n  scorehouse retrain {seeds.name} {' '.join(house.dbt.options)} --version {outcome.version}",
            "gate_refused": f"{_refused(outcome, label, house.settings.alias)}:"
            f"\n  scorehouse promote {seeds.name} --remove {house.settings.alias}"
            f"\n  {build_command(seeds.name)}",
        }[outcome.outcome],
    ]


def _refused(outcome: Outcome, label: str, alias: str) -> str:
    from scorehouse.report.contests import only_waits

    if only_waits(outcome.comparison):
        return (
            f"the gate waits for more labels of {label}, and fails in each build until they are there. "
            f"Until then, builds are green without the alias {alias}, which these commands take away"
        )
    return (
        f"the gate refused {label}, and fails in each build while this version has the alias {alias}. "
        "These commands take it away"
    )


def _measured(house: House, place: Place, *, as_json: bool) -> int:
    from scorehouse.report.refit import refit_in_words
    from scorehouse.report.warehouse import Warehouse
    from scorehouse.retraining.run import measure
    from scorehouse.retraining.signals import tables_of

    found, name, readers = measure(house), house.seeds.name, list[str]()
    with suppress(ConfigurationError), house.connect() as connection:  # seeds may not be loaded yet
        readers = [table.name for table, _ in tables_of(Warehouse(connection, place, None, house.call), name)]
    code = UNKNOWN if found["gain"] is None else HELPS if found["verdict"] == "helps" else NOT_CERTAIN
    seed = f"ml_{name}__refit"
    rebuilt = f" && dbt build --select {' '.join(readers)}" if readers else ""  # no edge leads to them
    verdict = f"a refit {found['verdict']}: " if found["verdict"] else ""
    lines = [
        verdict + refit_in_words(found, ""),
        f"written to {seed}; next: dbt seed --select {seed}{rebuilt}",
    ]
    answer(as_json, {"name": name, **found, "exit_code": code}, lines)
    return code


def _proved(house: House, name: str, version: int | None, *, as_json: bool) -> int:
    from scorehouse.retraining.proof import NOTHING, prove_again, prove_version

    proof = prove_again(house) if version is None else prove_version(house, version)
    answer(as_json, {"name": name, **asdict(proof)}, _proof_lines(proof, name))
    return EXIT_DIFFERENT if proof.equal == NOTHING else 0


def _proof_lines(proof: Proof, name: str) -> list[str]:
    what = "both trainings" if proof.version is None else f"{name} version {proof.version} and this training"
    differing = [f"{said}: {old} then, {new} now" for said, (old, new) in (proof.differs or {}).items()]
    causes = differing or (["nothing that is recorded differs"] if proof.version is not None else [])
    if proof.equal == "artifact":
        return [f"reproducible: {what} give the same bytes, sha256 {proof.artifacts[0]}", *differing]
    if proof.equal == "predictions":
        said = f"reproducible in its predictions: {what} give other bytes, but equal outputs for all"
        return [f"{said} {proof.rows:,} rows, sha256 {proof.predictions[0]}", *causes]
    return [
        f"not reproducible: {what} give other outputs for the {proof.rows:,} rows "
        f"({proof.predictions[0][:12]} and {proof.predictions[1][:12]})",
        *(causes if proof.version is not None else ["a function gets its seed as the argument `seed`"]),
    ]
