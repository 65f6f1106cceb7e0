"""`scorehouse evidence pack`, `verify` and `sign`: evidence that is handed over, and signatures by key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import EXIT_DIFFERENT, echo, json_option, print_json, project_option
from scorehouse.cli.evidence_rows import Row, read_log
from scorehouse.cli.names import complete_reference
from scorehouse.cli.seal import extended, seal_file
from scorehouse.cli.show import find_reference
from scorehouse.cli.target import connect, dbt_results, place_of, results_option, target_options, this_call
from scorehouse.cli.waiting import waiting
from scorehouse.errors import ScorehouseError
from scorehouse.evidence import collect
from scorehouse.evidence.canonical import to_lines
from scorehouse.evidence.manifest import require_new, write_pack
from scorehouse.evidence.pack import Material, contents, facts
from scorehouse.evidence.seal import Line, read_seal
from scorehouse.project.folder import find_project
from scorehouse.project.place import Place
from scorehouse.registration.signing import sign_version
from scorehouse.registry import artifact
from scorehouse.registry.key_signature import read_private_key
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.version import Version
from scorehouse.report.cards import FILE as CARDS
from scorehouse.report.warehouse import Warehouse
from scorehouse.scoring.request import load_policy

PEM = click.Path(dir_okay=False, path_type=Path)


@click.command("pack")
@click.argument("reference", required=False, shell_complete=complete_reference)
@click.option("--run", "run_id", help="A run, by its id or the start of it, instead of a version.")
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder to write."
)
@click.option("--key", type=PEM, help="PEM file of the private key that signs the pack.")
@click.option("--file", type=PEM, help="The seal of the run log; default: as in `scorehouse evidence seal`.")
@click.option("--sample", type=click.IntRange(1), help="Replay this many rows instead of all.")
@click.option("--no-replay", is_flag=True, help="Leave the replay out.")
@results_option
@target_options
@json_option
@click.pass_context
def pack_command(
    ctx: click.Context,
    /,
    reference: str | None,
    run_id: str | None,
    output: Path,
    key: Path | None,
    file: Path | None,
    sample: int | None,
    no_replay: bool,
    dbt_target: Path | None,
    schema: str | None,
    as_json: bool,
    **place: Any,
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
        read_private_key(key, this_call())
    named = place_of(**place)
    project = find_project(place["project_dir"])
    rows = read_log(schema, **place)
    version, run = _subject(project, rows, reference, run_id)
    artifact.check_files(project, version, load_policy(project), this_call(), signed=False)
    seal = file or seal_file(place["project_dir"], place["target"], place["database"])
    lines, found = _sealed(seal, rows)
    replayed = _replayed(run, schema, sample, project, named, no_replay)
    material = replace(
        _material(project, named, schema, dbt_target, version, run),
        runs=collect.runs_of(rows, version),
        seal=lines,
        replay=replayed,
        findings=tuple(found),
        notes=tuple(_notes(replayed)),
    )
    files = contents(material)
    write_pack(output, files, facts(material), key, this_call())
    _tell(output, {**facts(material), "signed": key is not None}, len(files) + 1, as_json)
    if found or replayed.get("rows_different"):
        ctx.exit(EXIT_DIFFERENT)


def _tell(output: Path, said: dict[str, Any], count: int, as_json: bool) -> None:
    if as_json:
        print_json({"written": str(output), **said})
        return
    echo(f"written: {output} ({count} files, {'signed' if said['signed'] else 'not signed'})")
    for note in (*said["run_log_findings"], *said["notes"]):
        echo(f"note: {note}")
    echo(f"head of the run log: {said['run_log_head']}")


def _notes(replayed: dict[str, Any]) -> list[str]:
    if not replayed["replayed"]:
        return [f"the run was not replayed: {replayed['why']}"]
    if replayed["rows_different"]:
        return [f"the replay differs in {replayed['rows_different']:,} rows"]
    return []


def _material(
    project: Path,
    place: Place,
    schema: str | None,
    dbt_target: Path | None,
    version: Version,
    run: Row | None,
) -> Material:
    """What the project, the warehouse and dbt know about a version and a run."""
    results = dbt_results(place, dbt_target, project)
    target = dbt_target or project / "target"
    policy, now, call = load_policy(project), datetime.now(UTC), this_call()
    features = ModelSeeds(project, version.name).features(version.version)
    names = [str(each["feature"]) for each in features]
    with connect(place) as connection:
        warehouse = Warehouse(connection, place, schema, call)
        space = f"duckdb://{place.file.name}"
        return Material(
            version=version,
            signature=collect.read_signature(project, version, policy, call),
            features=[{"name": each["feature"], "type": each["type"]} for each in features],
            run=run,
            lineage=collect.lineage_of(connection, run, version, names, target, space),
            tests=collect.tests_of(results, version.name, target),
            configuration=collect.configuration_of(project, policy, run),
            card=collect.card_of_version(warehouse, version, results, project / CARDS, now),
            made_at=now,
            release=installed_version("scorehouse"),
            version_signature=artifact.key_signature(project, version, policy, call),
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


def _replayed(
    run: Row | None, schema: str | None, sample: int | None, project: Path, place: Place, no_replay: bool
) -> dict[str, Any]:
    """What the replay found, or why there is none."""
    from scorehouse.cli.replay import compared

    why = "it was not asked for" if no_replay else "there is no successful run" if run is None else ""
    if run is not None and run["status"] != "success":
        why = f"its status is {run['status']!r}"
    if why or run is None:
        return {"replayed": False, "why": why}
    try:
        with waiting("scoring the input of the run again"):
            found = compared(str(run["run_id"]), schema, sample, project, place, by_estimator=False)
    except ScorehouseError as error:
        return {"replayed": False, "why": error.problem, "error": error.fields()}
    return {"replayed": True, "sample": sample, **json.loads(json.dumps(found.to_dict(), default=str))}


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", type=PEM, help="PEM file of the public key that must have signed the pack.")
@json_option
@click.pass_context
def verify_command(ctx: click.Context, /, folder: Path, key: Path | None, as_json: bool) -> None:
    """Verify an evidence pack offline: what was altered, is missing, was added, or is not signed.

    Needs neither the project nor the warehouse, and opens no artifact. Exits with 3 if anything differs.

    \b
    Examples:
      scorehouse evidence verify audit/churn --key release.pub.pem
    """
    from scorehouse.evidence.verify import verify

    found = verify(folder, key, this_call())
    if as_json:
        wrong = [{"kind": each.kind, "file": each.file, "text": each.text} for each in found.differences]
        facts = {name: value for name, value in found.manifest.items() if name != "files"}
        print_json({**facts, "signature_verified": found.signed, "differences": wrong})
    else:
        for each in found.differences:
            echo(f"{each.kind}: {each.text}")
        count = len(found.manifest["files"])
        said = f"{len(found.differences)} differences" if found.differences else "nothing was altered"
        for note in (*found.manifest["run_log_findings"], *found.manifest["notes"]):
            echo(f"noted when it was made: {note}")
        echo(f"{found.manifest.get('subject')}: {count} files, {said}, {_signature(found, key)}")
    if found.differences:
        ctx.exit(EXIT_DIFFERENT)


def _signature(found: Any, key: Path | None) -> str:
    if found.signed:
        return f"signed by the key of {key}"
    if key is not None:
        return "signature not valid"
    if found.has_signature:
        return "key signature not verified (name the public key with --key)"
    return "not signed: whoever can write to the folder can write it anew"


@click.command("sign")
@click.argument("reference", shell_complete=complete_reference)
@click.option("--key", type=PEM, required=True, help="PEM file of the private key.")
@json_option
@project_option
def sign_command(reference: str, key: Path, as_json: bool, project_dir: Path | None) -> None:
    """Sign the files of a registered version with a private key; writes model.sig beside its artifact.

    REFERENCE is churn, churn@challenger or churn/2. The files are hashed and compared with the registry, and
    not opened. The signature is in the format of OpenSSF model-signing. With `require_signed_by` in the load
    policy, only signed versions are loaded.

    \b
    Example:
      scorehouse evidence sign churn/3 --key release.pem
    """
    project = find_project(project_dir)
    _, version = find_reference(project, reference, this_call())
    policy = load_policy(project)
    place = sign_version(project, version, key, policy, this_call())
    digests = artifact.pinned_files(version)
    if as_json:
        print_json({"written": place, "version": version.label, "files": digests})
        return
    echo(f"signed: {version.label}, {len(digests)} files ({place})")
    echo("next: commit it, and name the public key in require_signed_by of scorehouse_load_policy")
