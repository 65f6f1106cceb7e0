"""`scorehouse prove`: compile registered versions again, and prove them, without registering anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import duckdb
import pyarrow as pa

from scorehouse import artifact
from scorehouse.check import registered_names
from scorehouse.commands.common import echo, json_option, print_json, read_frame, registered_versions
from scorehouse.commands.names import complete_name
from scorehouse.commands.target import connect, database_of, file_options
from scorehouse.compile.settings import SqlSettings
from scorehouse.errors import ConfigurationError, SignatureError
from scorehouse.registration import reference
from scorehouse.registration.card import write_card
from scorehouse.registration.forms import Forms, find_forms, form_lines
from scorehouse.registration.infer import training_batch
from scorehouse.registration.lock import writing
from scorehouse.registration.reference_sample import sample_reference
from scorehouse.registration.seeds import ModelSeeds, find_project, read_rows
from scorehouse.registry import Version, resolve
from scorehouse.request import load_policy
from scorehouse.scorer import Kernel
from scorehouse.signature import Signature

ROWS = 50_000


@click.command("prove")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option("--version", type=int, help="One version; default: all of them.")
@click.option(
    "--features",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rows to prove on: a .parquet or .csv file of features.",
)
@click.option("--table", help="Rows to prove on: a feature table in the DuckDB file that is named.")
@click.option("--rows", type=click.IntRange(min=1), default=ROWS, show_default=True, help="How many rows.")
@json_option
@file_options
def prove_command(
    name: str | None,
    version: int | None,
    features: Path | None,
    table: str | None,
    rows: int,
    as_json: bool,
    project_dir: Path | None,
    **place: Any,
) -> None:
    """Compile the registered versions of NAME (default: of all ML models) to SQL, and prove them.

    Each is compared with its estimator, row for row, on rows of a file or a feature table, else on rows
    drawn from the reference, and on rows made to break it. What is proven is written into the seed
    ml_<name> and into macros/ml/<name>.sql. Use it after an upgrade of scorehouse or scikit-learn.

    \b
    Examples:
      scorehouse prove
      scorehouse prove churn --version 3 --features train.parquet
      scorehouse prove churn --table churn_features --database target/dev.duckdb
    """
    if (features or table) and not name:
        raise click.UsageError("name the ML model that --features or --table belong to")
    if features and table:
        raise click.UsageError("name either --features or --table")
    database = database_of(**place, project_dir=project_dir) if table else None
    source = _Rows(features, table, database, rows)
    project = find_project(project_dir)
    proven = []
    for model in [name] if name else registered_names(project):
        for each, forms in _prove(ModelSeeds(project, model), version, source):
            proven.append({"name": model, "version": each.version, "forms": forms})
            if not as_json:
                echo("\n".join(form_lines(each, forms)))
    if as_json:
        print_json(proven)


@dataclass(frozen=True)
class _Rows:
    """Where the rows to prove on come from: a file, a table, else the reference."""

    file: Path | None
    table: str | None
    database: Path | None
    limit: int

    @property
    def label(self) -> str:
        return self.file.name if self.file else self.table or "reference"

    def of(self, seeds: ModelSeeds, version: Version, signature: Signature, call: str) -> pa.RecordBatch:
        """The features of a version, in the order of its signature."""
        if self.file is None and self.table is None:
            bins = read_rows(seeds.reference_file, reference.COLUMNS)
            own = [row for row in bins if row["version"] == str(version.version)]
            return sample_reference(own, signature, self.limit)
        frame = read_frame(self.file) if self.file else self._table_frame()
        missing = [name for name in signature.names if name not in frame.columns]
        if missing or not len(frame):
            raise SignatureError(
                call,
                f"{self.label} lacks the features {missing}" if missing else f"{self.label} has no rows",
                expected=f"rows with the features {signature.names}",
                action="name the feature table or file of this ML model",
            )
        return training_batch(frame[signature.names].iloc[: self.limit], call)

    def _table_frame(self) -> Any:
        """A sample of the table, the same at each call."""
        assert self.database is not None
        with connect(self.database) as connection:
            try:
                return connection.sql(
                    f"from {self.table} using sample reservoir({self.limit} rows) repeatable (0)"
                ).df()
            except duckdb.Error as error:
                raise ConfigurationError(
                    f"--table {self.table}",
                    f"it cannot be read ({error})",
                    expected="a table or view of this DuckDB file, with its schema where it needs one",
                    action="correct the name, or build the table first",
                ) from error


def _prove(seeds: ModelSeeds, number: int | None, source: _Rows) -> list[tuple[Version, Mapping[str, Any]]]:
    """Find the forms of the versions of one ML model, and write what was found, which is returned."""
    call = f"prove {seeds.name}"
    versions = registered_versions(seeds, call)
    chosen = [v for v in versions if number in (None, v.version)] or [
        resolve(versions, alias=None, version=number, call=call)
    ]
    policy = load_policy(seeds.project)
    dialects = SqlSettings.of(seeds.project).dialects
    found: dict[int, Forms] = {}
    for version in chosen:
        estimator, signature, _ = artifact.load(seeds.project, version, policy, call)
        kernel = Kernel(estimator, version, signature, strict=frozenset(), call=call)
        rows = source.of(seeds, version, signature, call)
        forms = find_forms(kernel, rows, dialects=dialects, rows_of=source.label)
        found[version.version] = forms
    with writing(seeds, call):
        _write(seeds, chosen, found)
    return [(version, found[version.version].facts) for version in chosen]


def _write(seeds: ModelSeeds, proven: list[Version], found: Mapping[int, Forms]) -> None:
    """The macros, the registry and its YAML, as they stand now: others may have written since."""
    for version in proven:
        found[version.version].write(seeds.project, version)
    versions = seeds.versions()
    facts = {number: dict(forms.facts) for number, forms in found.items()}
    changed = [replace(v, forms=facts.get(v.version, v.forms)) for v in versions]
    if changed != versions:
        seeds.write_versions(changed)
    write_card(seeds)
