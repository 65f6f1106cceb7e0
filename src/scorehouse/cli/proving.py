"""The work of `scorehouse prove`: which rows to prove on, and what to write about the proven forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.cli.common import read_frame
from scorehouse.cli.target import connect
from scorehouse.errors import ConfigurationError, SignatureError
from scorehouse.forms.reasons.background import Background, background_facts
from scorehouse.forms.reasons.read import read_background
from scorehouse.forms.sql.settings import SqlSettings
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.project.place import Place
from scorehouse.registration.background import require_reasons
from scorehouse.registration.card import write_card
from scorehouse.registration.lock import writing
from scorehouse.registration.proven_forms import Forms, find_forms
from scorehouse.registration.reference_sample import sample_reference
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seed_rows import read_rows
from scorehouse.registry.seeds import REFERENCE_COLUMNS, ModelSeeds
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version, resolve
from scorehouse.scoring.request import load_policy


@dataclass(frozen=True)
class Rows:
    """The source of the rows to prove on: a file, a table, or else the reference."""

    file: Path | None
    table: str | None
    database: Place | None
    limit: int

    @property
    def label(self) -> str:
        return self.file.name if self.file else self.table or "reference"

    def of(self, seeds: ModelSeeds, version: Version, signature: Signature, call: str) -> pa.RecordBatch:
        """The features of a version, in the order of its signature."""
        if self.file is None and self.table is None:
            bins = read_rows(seeds.reference_file, REFERENCE_COLUMNS)
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
        """A sample of the table; every call gives the same rows."""
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
                    expected="a table or view in this DuckDB file, with its schema if needed",
                    action="correct the name, or build the table first",
                ) from error


def prove(seeds: ModelSeeds, number: int | None, source: Rows) -> list[tuple[Version, Mapping[str, Any]]]:
    """Find the forms of one ML model's versions, write the results, and return them."""
    call = f"prove {seeds.name}"
    versions = seeds.registered(call)
    chosen = [v for v in versions if number in (None, v.version)] or [
        resolve(versions, alias=None, version=number, call=call)
    ]
    policy = load_policy(seeds.project)
    settings = SqlSettings.of(seeds.project)
    found: dict[int, Forms] = {}
    for version in chosen:
        estimator, signature, _ = artifact.load(seeds.project, version, policy, call)
        kernel = Kernel(estimator, version, signature, strict=frozenset(), call=call)
        rows = source.of(seeds, version, signature, call)
        background = _background(seeds.project, version, policy, call)
        forms = find_forms(kernel, rows, sql=settings, rows_of=source.label, background=background)
        require_reasons(background, replace(version, forms=forms.facts), call)
        found[version.version] = forms
    with writing(seeds, call):
        _write(seeds, chosen, found, policy, call)
    return [(version, found[version.version].facts) for version in chosen]


def _background(project: Path, version: Version, policy: LoadPolicy, call: str) -> Background | None:
    """The background that the version was registered with, from its file of reasons."""
    known = background_facts(version)
    if not known:
        return None
    rows = read_background(project, version, policy, call)
    return None if rows is None else Background(rows, bool(known["drawn"]))


def _write(
    seeds: ModelSeeds, proven: list[Version], found: Mapping[int, Forms], policy: LoadPolicy, call: str
) -> None:
    """The forms, the macros, the registry and its YAML, as they stand now: others may have written since."""
    for version in proven:
        found[version.version].write(seeds.project, version, policy, call)
    versions = seeds.versions()
    facts = {number: dict(forms.facts) for number, forms in found.items()}
    changed = [replace(v, forms=facts.get(v.version, v.forms)) for v in versions]
    if changed != versions:
        seeds.write_versions(changed)
    write_card(seeds)
