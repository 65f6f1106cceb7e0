"""`scorehouse evidence pack`, `verify` and `sign`: evidence that is handed over, and signatures by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    FILE,
    FOLDER,
    WholeNumber,
    answer,
    complete_reference,
    count,
    json_option,
    project_option,
    reference_argument,
    this_call,
    waiting,
)
from scorehouse.cli.evidence_seal import Row, extended, read_log, seal_file
from scorehouse.cli.show import find_reference
from scorehouse.cli.target import Target, results_option, target_options
from scorehouse.errors import ScorehouseError
from scorehouse.evidence import collect
from scorehouse.evidence.canonical import to_lines
from scorehouse.evidence.manifest import ANSWER, Verified, require_new, verify, write_pack
from scorehouse.evidence.oversight import oversight_of
from scorehouse.evidence.pack import Material, contents, facts
from scorehouse.evidence.seal import Line, read_seal
from scorehouse.project.folder import find_project
from scorehouse.registry import artifact
from scorehouse.registry.artifact import sign_version
from scorehouse.registry.key_signature import read_key
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.version import Version
from scorehouse.report.page import FILE as CARDS


@click.command("pack")
@click.argument("reference", required=False, shell_complete=complete_reference)
@click.option("--run", "run_id", help="A run, by its id or the start of it, instead of a version.")
@click.option("--output", required=True, type=FOLDER, help="The folder to write.")
@click.option("--key", type=FILE, help="PEM file of the private key that signs the pack.")
@click.option("--file", type=FILE, help="The seal of the run log; default: as in `scorehouse evidence seal`.")
@click.option("--sample", type=WholeNumber(1), help="Replay this many rows instead of all.")
@click.option("--no-replay", is_flag=True, help="Leave the replay out.")
@results_option
@target_options
@json_option
@click.pass_context
def evidence_pack_command(
    ctx: click.Context,
    reference: str | None,
    run_id: str | None,
    output: Path,
    key: Path | None,
    file: Path | None,
    sample: int | None,
    no_replay: bool,
    target: Target,
    as_json: bool,
) -> None:
    """Write one folder of evidence about a version, or about one run of it, that can be verified offline.

    REFERENCE is churn, churn@challenger or churn/2; its last successful run is replayed. The run log is
    sealed first. Exits with 3, after writing, if the replay differs or the sealed run log was altered.

    \b
    Examples:
      scorehouse evidence pack churn@champion --target prod --output audit/churn
      scorehouse evidence pack --run 13eaa69f --target prod --output audit/run --key release.pem
    """
    if (reference is None) == (run_id is None):
        raise click.UsageError("name either a version, such as churn@champion, or a run with --run")
    require_new(output, this_call())
    if key is not None:
        read_key(key, "private", this_call())
    target.require_name()
    project = target.project
    rows = read_log(target)
    version, run = _subject(project, rows, reference, run_id)
    artifact.check_files(project, version, load_policy(project), this_call(), signed=False)
    seal, findings = _sealed(file or seal_file(target), rows)
    replay = _replayed(run, sample, target, no_replay)
    notes = []
    if not replay["replayed"]:
        notes = [f"the run was not replayed: {replay['why']}"]
    elif replay["shows_nothing"]:
        notes = ["the replay shows nothing: no row has the feature hash of this run any more"]
    elif replay["rows_different"]:
        notes = [f"the replay differs in {replay['rows_different']:,} rows"]
    material = _material(
        target,
        version,
        run,
        runs=collect.runs_of(rows, version),
        seal=seal,
        replay=replay,
        oversight=oversight_of(project, version, rows, seal, project / CARDS, datetime.now(UTC), this_call()),
        findings=tuple(findings),
        notes=tuple(notes),
    )
    files = contents(material)
    write_pack(output, files, facts(material), key, this_call())
    said = facts(material)
    lines = [
        f"written: {output} ({len(files) + 1} files, {'not signed' if key is None else 'signed'})",
        *(f"note: {note}" for note in (*findings, *notes)),
        f"head of the run log: {said['run_log_head']}",
    ]
    answer(as_json, {"written": str(output), **said, "signed": key is not None}, lines)
    if findings or replay.get("rows_different") or replay.get("shows_nothing"):
        ctx.exit(EXIT_DIFFERENT)


def _material(target: Target, version: Version, run: Row | None, **others: Any) -> Material:
    """What the project, the warehouse and dbt know about a version and a run, beside `others`."""
    project, results = target.project, target.dbt_results()
    folder = target.dbt_target or project / "target"
    policy, now, call = load_policy(project), datetime.now(UTC), this_call()
    features = ModelSeeds(project, version.name).features(version.version)
    names = [str(each["feature"]) for each in features]
    with target.opened(anywhere=True) as opened:
        space = f"{target.adapter}://{opened.place.file.name}"
        return Material(
            version=version,
            # its files were checked, and a run may have had another threshold than is signed today
            signature=collect.read_signature(project, version, replace(policy, require_signed_by=()), call),
            features=[{"name": each["feature"], "type": each["type"]} for each in features],
            run=run,
            lineage=collect.lineage_of(opened.connection, run, version, names, folder, space),
            tests=collect.tests_of(results, version.name, folder),
            configuration=collect.configuration_of(project, policy, run),
            card=collect.card_of_version(opened.monitoring, version, results, project / CARDS, now),
            made_at=now,
            release=installed_version("scorehouse"),
            version_signature=artifact.key_signature(project, version, policy, call),
            **others,
        )


def _subject(
    project: Path, rows: list[Row], reference: str | None, run_id: str | None
) -> tuple[Version, Row | None]:
    """The version, and the run that is shown; the last success of a version, if there is one."""
    if run_id is not None:
        from scorehouse.replay.logged_run import logged_version

        run = collect.run_named(rows, run_id, this_call())
        versions = ModelSeeds(project, run["model_name"]).registered(this_call())
        return logged_version(run, versions, this_call()), run
    _, version = find_reference(project, str(reference), this_call())
    return version, collect.last_success(collect.runs_of(rows, version), version)


def _sealed(file: Path, rows: list[Row]) -> tuple[list[Line], list[str]]:
    """The seal with the newest runs, written to its file; or the seal as it is, and what was altered."""
    before = read_seal(file, this_call())
    lines, found = extended(before, rows)
    if found:
        return before, [f"{each.kind}: {each.text}" for each in found]
    if lines != before:
        replace_file(file, to_lines(lines))
    return lines, []


def _replayed(run: Row | None, sample: int | None, target: Target, no_replay: bool) -> dict[str, Any]:
    """The result of the replay, or why there is none."""
    from scorehouse.cli.replay import compared

    why = "it was not asked for" if no_replay else "there is no successful run" if run is None else ""
    if run is not None and run["status"] != "success":
        why = f"its status is {run['status']!r}"
    if why or run is None:
        return {"replayed": False, "why": why}
    try:
        with waiting("scoring the input of the run again"):
            found = compared(str(run["run_id"]), target, sample, by_estimator=False)
    except ScorehouseError as error:
        return {"replayed": False, "why": error.problem, "error": error.fields()}
    return {"replayed": True, "sample": sample, **json.loads(json.dumps(found.to_dict(), default=str))}


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", type=FILE, help="PEM file of the public key that must have signed the pack.")
@click.option("--unsigned", is_flag=True, help="Only ask whether it is whole, not who wrote it.")
@json_option
@click.pass_context
def evidence_verify_command(
    ctx: click.Context, folder: Path, key: Path | None, unsigned: bool, as_json: bool
) -> None:
    """Verify an evidence pack or a letter offline: what was altered, is missing, was added, or is not signed.

    Needs neither the project nor the warehouse, and opens no artifact. Exits with 3 if anything differs, and
    if neither --key nor --unsigned is given: whoever can write to the folder can write it anew.

    \b
    Examples:
      scorehouse evidence verify audit/churn --key release.pub.pem
    """
    if key is not None and unsigned:
        raise click.UsageError("give --key to check who wrote it, or --unsigned to leave that open")
    found = verify(folder, key, this_call())
    differences = [{"kind": each.kind, "file": each.file, "text": each.text} for each in found.differences]
    facts = {name: value for name, value in found.manifest.items() if name != "files"}
    document = {**facts, "signature_verified": found.signed, "differences": differences}
    answer(as_json, document, _lines(found, key))
    if found.differences or not (found.signed or unsigned):
        ctx.exit(EXIT_DIFFERENT)


def _lines(found: Verified, key: Path | None) -> Iterator[str]:
    manifest = found.manifest
    for each in found.differences:
        yield f"{each.kind}: {each.text}"
    for note in (*manifest["run_log_findings"], *manifest["notes"]):
        yield f"noted when it was made: {note}"
    if found.signed:
        signature = f"signed by the key of {key}"
    elif key is not None:
        signature = "signature not valid"
    else:
        signature = "signature not checked" if found.has_signature else "not signed"
    said = count(len(found.differences), "difference") if found.differences else "nothing was altered"
    yield f"{manifest.get('subject')}: {len(manifest['files'])} files, {said}, {signature}"
    if key is None and not found.differences:
        whole = "the letter" if manifest.get("kind") == ANSWER else "the pack"
        yield f"{whole} is whole; who wrote it is not checked: give --key"


@click.command("sign")
@reference_argument
@click.option("--key", type=FILE, required=True, help="PEM file of the private key.")
@json_option
@project_option
def evidence_sign_command(reference: str, key: Path, as_json: bool, project_dir: Path | None) -> None:
    """Sign the files of a registered version, and what of its row decides, with a private key.

    REFERENCE is churn, churn@challenger or churn/2. Writes model.sig, in the format of OpenSSF
    model-signing, and decision.json beside its artifact, which is hashed and not opened. With
    `require_signed_by` in the load policy, only signed versions are loaded.

    \b
    Example:
      scorehouse evidence sign churn/3 --key release.pem
    """
    project = find_project(project_dir)
    _, version = find_reference(project, reference, this_call())
    place = sign_version(project, version, key, load_policy(project), this_call())
    digests = artifact.signed_digests(version)
    lines = [
        f"signed: {version.label}, {len(digests)} files ({place})",
        "next: commit it, and name the public key in require_signed_by of scorehouse_load_policy",
    ]
    answer(as_json, {"written": place, "version": version.label, "files": digests}, lines)
