"""`scorehouse compile`: compile and prove registered versions again, without a new registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import duckdb
import pyarrow as pa

from scorehouse.cli.common import (
    FILE,
    WholeNumber,
    echo,
    json_option,
    option,
    optional_name,
    print_json,
    read_frame,
    waiting,
)
from scorehouse.cli.target import Target, file_options
from scorehouse.errors import ConfigurationError, SignatureError, listed
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.reasons.kernel import read_background
from scorehouse.program.reasons.stored_reasons import Background, background_facts
from scorehouse.program.sql.macros import SqlSettings
from scorehouse.registration.archive import check_not_archived
from scorehouse.registration.find_backends import Backends, find_backends
from scorehouse.registration.lock import holding
from scorehouse.registration.module_paths import on_path
from scorehouse.registration.proven_reasons import require_reasons
from scorehouse.registration.reference_sample import sample_reference
from scorehouse.registration.seeds_yaml import write_registry
from scorehouse.registry import artifact
from scorehouse.registry.policy import load_policy
from scorehouse.registry.program_facts import backend_lines
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version, resolve

ROWS = 50_000
NOT_PRINTED = (
    "note: no SQL is printed for predict(), as dbt_project.yml lists no database:\n"
    "  vars: {scorehouse_compiled_sql: {dialects: [duckdb]}}, then compile again"
)


@click.command("compile")
@optional_name
@click.option("--version", type=int, help="One version; default: all that are not archived.")
@click.option("--features", type=FILE, help="Rows to prove on, .parquet or .csv.")
@click.option("--table", help="Rows to prove on: a feature table of --database or --target.")
@option("--rows", type=WholeNumber(min=1), default=ROWS, help="How many rows.")
@json_option
@file_options
def compile_command(
    name: str | None,
    version: int | None,
    features: Path | None,
    table: str | None,
    rows: int,
    as_json: bool,
    target: Target,
) -> None:
    """Compile and prove the backends of the versions of NAME, by default of all ML models.

    Each version is compared with its estimator on rows of a file or a feature table (default: drawn from
    the reference), and on rows made to break it. The proven backends are written beside the artifact, into
    the seed ml_<name> and, as scorehouse_compiled_sql says, into macros/ml/<name>.sql and functions/. Use
    this with a new database, and after an upgrade of scorehouse or scikit-learn.

    \b
    Examples:
      scorehouse compile
      scorehouse compile churn --version 3 --features train.parquet
      scorehouse compile churn --table churn_features --database target/dev.duckdb
    """
    if (features or table) and not name:
        raise click.UsageError("name the ML model that --features or --table belong to")
    if features and table:
        raise click.UsageError("name either --features or --table")
    if table:
        target.place()  # an error if it is not named, before anything else is read
    source = Rows(features, table, target, rows)
    project = target.project
    proven: list[dict[str, Any]] = []
    for model in [name] if name else registered_names(project):
        with waiting(f"proving {model}"):
            found = compile_again(ModelSeeds(project, model), version, source)
        for each, backends in found:
            proven.append({"name": model, "version": each.version, "program": backends})
            if not as_json:
                echo("\n".join(backend_lines(each, backends)))
    if as_json:
        print_json(proven)
    elif any("sql" in one["program"] for one in proven) and not SqlSettings.of(project).dialects:
        echo(NOT_PRINTED, err=True)


@dataclass(frozen=True)
class Rows:
    """The source of the rows to prove on: a file, a table of the target, or else the reference."""

    file: Path | None
    table: str | None
    target: Target
    limit: int

    @property
    def label(self) -> str:
        return self.file.name if self.file else self.table or "reference"

    def of(self, seeds: ModelSeeds, version: Version, signature: Signature, call: str) -> pa.RecordBatch:
        """The features of a version, in the order of its signature."""
        if self.file is None and self.table is None:
            return sample_reference(seeds.rows("reference", version.version), signature, self.limit)
        frame = read_frame(self.file) if self.file else self._sample()
        missing = [name for name in signature.names if name not in frame.columns]
        if missing or not len(frame):
            raise SignatureError(
                call,
                f"{self.label} lacks the features {listed(missing)}"
                if missing
                else f"{self.label} has no rows",
                expected=f"rows with the features {listed(signature.names)}",
                action="name the feature table or file of this ML model",
            )
        return training_batch(frame[signature.names].iloc[: self.limit], call)

    def _sample(self) -> Any:
        """A sample of the table; every call gives the same rows."""
        query = f"from {self.table} using sample reservoir({self.limit} rows) repeatable (0)"
        with self.target.opened() as opened:
            try:
                return opened.connection.sql(query).df()
            except duckdb.Error as error:
                raise ConfigurationError(
                    f"--table {self.table}",
                    f"it cannot be read ({error})",
                    expected="a table or view in this DuckDB file, with its schema if needed",
                    action="correct the name, or build the table first",
                ) from error


def compile_again(
    seeds: ModelSeeds, number: int | None, source: Rows
) -> list[tuple[Version, Mapping[str, Any]]]:
    """Find the backends of one ML model's versions, write the results, and return them."""
    call = f"compile {seeds.name}"
    versions = seeds.registered(call)
    away = seeds.archived()
    chosen = [one for one in versions if one.version not in away]
    if number is not None:
        chosen = [resolve(versions, alias=None, version=number, call=call)]
        check_not_archived(seeds, chosen[0], call)
    policy = load_policy(seeds.project)
    settings = SqlSettings.of(seeds.project)
    proven: dict[int, Backends] = {}
    on_path(seeds.project)
    for version in chosen:
        estimator, signature, _ = artifact.load(seeds.project, version, policy, call)
        kernel = Kernel(estimator, version, signature, call=call)
        rows = source.of(seeds, version, signature, call)
        background: Background | None = None
        known = background_facts(version)
        if known and (own := read_background(seeds.project, version, policy, call)) is not None:
            background = Background(own, bool(known["drawn"]))
        backends = find_backends(kernel, rows, sql=settings, rows_of=source.label, background=background)
        require_reasons(background, replace(version, program=backends.facts), call)
        proven[version.version] = backends
    facts = {number: dict(backends.facts) for number, backends in proven.items()}
    with holding(seeds.lock_file, call):
        for version in chosen:
            if file := proven[version.version].write(seeds.project, version, policy, call):
                why = "" if settings.dialects else ", since scorehouse_compiled_sql lists no database"
                echo(f"note: {version.label}: its SQL was removed from {file.name}{why}", err=True)
        versions = seeds.versions()  # as they stand now: others may have written since
        changed = [replace(v, program=facts.get(v.version, v.program)) for v in versions]
        write_registry(seeds, changed)
    return [(version, facts[version.version]) for version in chosen]
