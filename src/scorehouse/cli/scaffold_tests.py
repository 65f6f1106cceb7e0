"""`scorehouse scaffold tests`: dbt tests of the feature table, from what registration has learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.common import (
    Choice,
    WholeNumber,
    answer,
    echo,
    json_option,
    name_argument,
    option,
    print_json,
    project_option,
)
from scorehouse.cli.gross_limits import gross_limits
from scorehouse.cli.known_columns import check_columns, check_tables, days_old
from scorehouse.cli.profile_file import default_target
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.project.dbt_text import dump_yaml, needs_quotes, with_columns
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, replace_file
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import Version, resolve
from scorehouse.report.warehouse import Row

severity = Choice(("error", "warn"))
MAX_CHANGE = 0.75  # fewer than a quarter of the usual rows, or nearly twice as many, are a finding
OUTSIDE = 0.01  # the share of rows outside the range of training that passes, as in a drift table
BETWEEN = "chr(31)"  # between the columns of a key: the unit separator, which no value has
TOGETHER = ("duckdb", "postgres", None)  # databases that quote and join names so; None: not known


@click.command("tests")
@name_argument
@click.option("--table", required=True, help="Name of the feature table in dbt.")
@option(
    "--resource",
    type=Choice(("model", "seed", "snapshot")),
    default="model",
    help="What the feature table is in dbt.",
)
@click.option("--key", "keys", multiple=True, help="Key column; may be repeated: one row per key.")
@option("--alias", default="champion", help="Alias of the version.")
@click.option("--version", type=int, help="The version; default: the one with the alias.")
@option(
    "--severity",
    type=severity,
    default="error",
    help="Severity of tests that find rows to reject, or gross faults.",
)
@option(
    "--range-severity",
    type=severity,
    default="warn",
    help="Severity of tests for values outside the range of training.",
)
@click.option("--day", help="Column with the date of a row: also tests that new rows come, and how many.")
@option(
    "--max-age-days",
    type=WholeNumber(0),
    default=1,
    help="How many days old the newest day may be.",
)
@option("--output", default="-", help="File to write; - prints.")
@json_option
@project_option
def scaffold_tests_command(
    name: str,
    alias: str,
    version: int | None,
    output: str,
    as_json: bool,
    project_dir: Path | None,
    **options: Any,
) -> None:
    """Write dbt tests for the feature table of the ML model NAME, from its signature.

    \b
    Example:
      scorehouse scaffold tests churn --table churn_features --output models/churn/_features.yml
      scorehouse scaffold tests churn --table churn_features --key customer_id --day signed_up_on
    """
    from scorehouse.registry import artifact
    from scorehouse.registry.policy import load_policy

    call = f"scaffold tests {name}"
    project = find_project(project_dir)
    chosen = resolve(ModelSeeds(project, name).registered(call), alias=alias, version=version, call=call)
    policy = load_policy(project)
    signature = artifact.read_signature(project, chosen, policy, call)
    check_tables(project, call, {"--table": options["table"]})
    check_columns(
        project,
        call,
        options["table"],
        {"--key": options["keys"], "--day": options["day"]},
        features=signature.names,
    )
    spelled = {feature.lower(): feature for feature in signature.names}
    options["keys"] = list(dict.fromkeys(spelled.get(key.lower(), key) for key in options["keys"]))
    if len(options["keys"]) > 1:
        options["whole_key"] = _whole(options["keys"], default_target(project)[1].get("type"))
    reference = ModelSeeds(project, name).reference(chosen.version)
    text = feature_tests_yaml(chosen, signature, reference, **options)
    if output == "-":
        if as_json:
            print_json(yaml.safe_load(text))
        else:
            echo(text, nl=False)
        return
    file = Path(output)
    if file.exists():
        raise ConfigurationError(
            call,
            f"the file {str(file)!r} already exists",
            expected="a file that does not exist yet, so that nothing of yours is overwritten",
            action="name another file, or print with --output - and merge by hand",
        )
    replace_file(file, text.encode())
    answer(as_json, {"written": output}, [f"written: {output}"])
    table, day, allowed = options["table"], options["day"], options["max_age_days"]
    if day and (age := days_old(project, table, day)) is not None and age > allowed:
        echo(
            f"note: the newest {day} of {table} is {age} days old, and volume_in_range allows {allowed} "
            "beside usual gaps: until newer rows come, nothing is scored; --max-age-days allows more",
            err=True,
        )


def feature_tests_yaml(
    version: Version,
    signature: Signature,
    reference: Sequence[Row],
    *,
    table: str,
    resource: str,
    keys: Sequence[str],
    whole_key: str = "",
    severity: str,
    range_severity: str,
    day: str | None,
    max_age_days: int,
) -> str:
    """The YAML of a feature table, with one entry per feature and the tests that its signature requires.

    `severity` applies to tests whose failing rows are rejected by scoring (types, NULL, unseen categories)
    and to gross faults, `range_severity` to the tests for values outside the training range, which scoring
    accepts, and for days with unusually few or many rows. A key that is NULL or there twice stops scoring, so
    the tests of `keys` are errors. If `day` names the column with the date of a row,
    no new rows for more than `max_age_days` (and the usual gaps) are as severe as rejected rows: nothing new
    would be scored.
    """
    rows = version.training_rows
    gross = gross_limits(signature.features, reference, has_days=day is not None)
    on = {} if day is None else {"day": day}
    keyed = [{"name": key, "data_tests": _of_key(keys)} for key in keys if key not in signature.names]
    columns = (
        {
            "name": each.name,
            "data_tests": [
                *(_of_key(keys) if each.name in keys else ()),
                *_rejecting(each, severity),
                *_range(each, range_severity, rows),
                *_gross(each, severity, gross[each.name], on),
            ],
        }
        for each in signature.features
    )
    entry: dict[str, Any] = {"name": table, "data_tests": []}
    if whole_key:
        entry["data_tests"].append({"unique": {"arguments": {"column_name": whole_key}}})
    if day is not None:
        newest = {"day": day, "max_age_days": max_age_days}
        usual = {"day": day, "max_change": MAX_CHANGE, "latest": True}
        name = "scorehouse.volume_in_range"
        entry["data_tests"] += [_test(name, severity, **newest), _test(name, range_severity, **usual)]
    if not entry["data_tests"]:
        del entry["data_tests"]
    document = {"version": 2, f"{resource}s": [with_columns(entry, [*keyed, *columns])]}
    head = (
        f"# Written by `scorehouse scaffold tests {version.name}` from the signature of {version.label}.\n"
        "# Yours to edit; where the table is described already, move the tests there.\n"
    )
    return head + dump_yaml(document)


def _of_key(keys: Sequence[str]) -> list[str]:
    """The tests of a key column. A key of several columns is unique as a whole: a test of the table."""
    return ["not_null", "unique"] if len(keys) == 1 else ["not_null"]


def _whole(keys: Sequence[str], database: str | None) -> str:
    """SQL of a key of several columns; empty where no test is written of it, which a line says."""
    if database in TOGETHER:
        names = [DUCKDB.quote(key) if needs_quotes(key) else key for key in keys]
        return f"concat({f', {BETWEEN}, '.join(names)})"
    echo(f"note: no test that {', '.join(keys)} are unique together is written for {database}", err=True)
    return ""


def _rejecting(feature: Feature, severity: str) -> Iterator[dict[str, Any]]:
    yield _test("scorehouse.feature_has_type", severity, type=feature.sql_kind)
    if not feature.accepts_null:
        yield _test("scorehouse.feature_not_null", severity, type=feature.sql_kind)
    if feature.categories and not feature.accepts_unseen:
        accepted = {"type": feature.sql_kind, "values": list(feature.categories)}
        yield _test("scorehouse.feature_in_categories", severity, **accepted)


def _range(feature: Feature, severity: str, rows: int | None) -> Iterator[dict[str, Any]]:
    if feature.minimum is None or feature.maximum is None:
        return
    limits: dict[str, Any] = {"min_value": feature.minimum, "max_value": feature.maximum}
    if feature.type == "double" and feature.accepts_null:
        limits["allow_nan"] = True
    limits |= {"max_share": OUTSIDE} | ({"training_rows": rows} if rows else {})
    yield _test("scorehouse.feature_in_range", severity, **limits)


def _gross(
    feature: Feature, severity: str, limits: dict[str, Any], on: dict[str, str]
) -> Iterator[dict[str, Any]]:
    if limits:
        yield _test("scorehouse.feature_plausible", severity, type=feature.sql_kind, **on, **limits)


def _test(name: str, severity: str, **arguments: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"arguments": arguments} if arguments else {}
    return {name: {**body, "config": {"severity": severity}}}
