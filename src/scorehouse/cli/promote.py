"""`scorehouse promote`: move an alias to a version, or remove it."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from scorehouse.cli.common import answer, echo, json_option, name_argument, option, project_option, written_as
from scorehouse.cli.profile_file import default_target
from scorehouse.cli.project_nodes import node_files
from scorehouse.cli.show import facts as as_document
from scorehouse.errors import did_you_mean
from scorehouse.project.folder import find_project
from scorehouse.registration.promote import alias_diff, promote, remove_alias, require_test
from scorehouse.registry.seeds import ModelSeeds, build_command


@click.command("promote")
@name_argument
@click.argument("version", type=int, required=False)
@option("--alias", default="champion", help="Alias to move.")
@click.option("--threshold", type=float, help="Score from which the positive class is predicted from now on.")
@click.option("--require", metavar="TEST", help="A dbt test that the last dbt command must have passed.")
@click.option("--remove", metavar="ALIAS", help="Take this alias from its version.")
@json_option
@project_option
@click.pass_context
def promote_command(
    ctx: click.Context,
    name: str,
    version: int | None,
    alias: str,
    threshold: float | None,
    require: str | None,
    remove: str | None,
    as_json: bool,
    project_dir: Path | None,
) -> None:
    """Move an alias to VERSION of the ML model NAME, or remove one.

    The YAML of the seed is written from its CSV, also if that was edited by hand.

    \b
    Examples:
      scorehouse promote churn 3 --alias champion
      scorehouse promote churn 3 --threshold 0.35
      scorehouse promote churn 3 --require challenger_not_worse_churn
      scorehouse promote churn --remove challenger
    """
    has_alias = ctx.get_parameter_source("alias") is not ParameterSource.DEFAULT
    if (version is None) == (remove is None) or (remove and (has_alias or threshold is not None or require)):
        raise click.UsageError("name a VERSION to promote, or with --remove alone the alias to take away")
    seeds = ModelSeeds(find_project(project_dir), name)
    before = seeds.registered(f"promote {name} {version or ''}".rstrip())
    if version is None:
        assert remove is not None
        moved = remove_alias(name, remove, project_dir=project_dir)
        lines = [*alias_diff(before, seeds.versions()), f"next: {build_command(name)}"]
        for file in _models_that_name(seeds.project, name, remove):
            echo(f"note: {file} names the alias {remove!r}, which no version has now", err=True)
        answer(as_json, {**as_document(moved), "removed": remove}, lines)
        return
    holders = {each: row.version for row in before for each in row.aliases}
    known = {*holders, "champion", "challenger"}
    words = [name, str(version), *(["--alias", alias] if has_alias else [])]
    words += [] if threshold is None else ["--threshold", repr(threshold)]
    words += ["--require", require] if require else []
    with written_as(*words):
        passed = require_test(name, version, require, project_dir=project_dir) if require else None
    if alias not in known and (hint := did_you_mean(alias, known)):  # it may be a typing error
        echo(f"note: the alias {alias!r} is new{hint}", err=True)
    with written_as(*words):
        moved = promote(
            name,
            version,
            alias=alias,
            threshold=threshold,
            replacing=holders.get(alias) if require else None,  # as the test compared it
            project_dir=project_dir,
        )
    diff = alias_diff(before, seeds.versions())
    lines = [*filter(None, [passed]), *diff, f"aliases of {moved.label}: {', '.join(moved.aliases)}"]
    was = next(row.threshold for row in before if row.version == version)
    if threshold is not None:
        lines.append(f"threshold of {moved.label}: {'none' if was is None else was} -> {moved.threshold}")
        from scorehouse.registry.policy import load_policy  # imported late: other promotions do not need it

        if load_policy(seeds.project).require_signed_by:
            lines.append(
                f"next: scorehouse evidence sign {name}/{version}, since the threshold is signed too"
            )
    left = next((row for row in seeds.versions() if row.version == holders.get(alias)), moved)
    if (
        alias == "champion" and left.version != version and left.aliases
    ):  # a gate would judge it in each build
        lines += [
            f"note: {left.label} still has the alias {each}; to take it away: "
            f"scorehouse promote {name} --remove {each}"
            for each in left.aliases
        ]
    changes = left.version != version or moved.threshold != was
    if alias in holders and alias != "challenger" and changes:  # it decided before, and otherwise
        of = "" if alias == "champion" else f" --alias {alias}"
        target = default_target(seeds.project)[0] or "TARGET"
        lines.append(
            f"before the build: scorehouse impact {name} {version}{of} --target {target} --format markdown "
            "says what this changes, as the comment on the pull request"
        )
    lines.append(f"next: {build_command(name)}")
    answer(as_json, {**as_document(moved), "required": passed}, lines)


def _models_that_name(project: Path, name: str, alias: str) -> list[Path]:
    """The files of models that name an ML model and an alias."""
    files = [file for file in node_files(project).values() if file.suffix != ".csv"]
    return sorted(
        file.relative_to(project)
        for file in files
        for text in [file.read_text(encoding="utf-8", errors="replace")]
        if all(f"'{word}'" in text or f'"{word}"' in text for word in (name, alias))
    )
