"""The request for a scoring run, from our materialization or for one of dbt's own."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scorehouse.project.compatibility import check_package_version
from scorehouse.project.folder import project_variable
from scorehouse.project.run_log_place import run_log_place
from scorehouse.registry import registry_file
from scorehouse.registry.policy import VARIABLE, LoadPolicy
from scorehouse.registry.registry_file import RegistryFile
from scorehouse.registry.version import Version


@dataclass(frozen=True)
class Request:
    """One scoring run as the materialization requests it.

    `staging` is the table to write, or empty if dbt's own materialization writes the returned rows.
    `exists`: there is a prediction table to merge into. `vanished` is the table for the keys of predictions
    to flag or delete. `slice_from` and `slice_to` (not included) are the as-of dates of one slice of a
    backfill, or the times in the column `event_time` of one batch, or empty.
    `is_partial`: dbt limited the features (--empty, --sample), so a missing row means nothing.
    `is_empty`: no row is scored (--empty), and seeds may be empty, as dbt-core 1.12 builds them.
    `on_schema_change` is dbt's setting if the model has it, else empty.
    `memory_limit` is how much memory DuckDB may use for a streamed table, `auto` to choose it, or None;
    `dbt_threads` is how many models dbt builds at the same time. `registries` are the registries among the
    model's parents.
    """

    run_id: str
    invocation_id: str
    node: str
    relation: str
    run_log: str
    project_root: Path
    load_policy: LoadPolicy
    staging: str = ""
    vanished: str = ""
    slice_from: str = ""
    slice_to: str = ""
    event_time: str = ""
    is_partial: bool = False
    is_empty: bool = False
    exists: bool = False
    full_refresh: bool = False
    materialization: str = "predictions"
    on_schema_change: str = ""
    memory_limit: str | None = None
    dbt_threads: int = 1
    registries: tuple[RegistryFile, ...] = ()

    def check_loaded(self, version: Version, call: str) -> None:
        """Refuse a version that is missing in a seed beside its registry, since nothing would monitor it."""
        for registry in self.registries:
            if registry.name == version.name:
                registry.check_loaded(version, call)

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Read the request that the materialization `predictions` wrote into the compiled code."""
        values = json.loads(text)
        call = f"a scoring run of {values['node']}"
        check_package_version(values.pop("package_version"), version("scorehouse"), call)
        values["project_root"] = Path(values["project_root"] or ".").resolve()  # empty: dbt runs in it
        values["load_policy"] = LoadPolicy.from_variable(values["load_policy"])
        named = values.pop("registry_files")
        values["registries"] = registry_file.listed(values["registries"], named, values["project_root"])
        return cls(**values)

    @classmethod
    def for_plain_model(cls, dbt: Any) -> Request:
        """The request of a Python model under dbt's own `table` or `incremental`.

        dbt passes such a model neither variables nor the target. They are read from dbt's own sources: the
        command line, the project's dbt_project.yml, and the adapter.
        """
        from dbt.adapters.factory import get_adapter_by_type
        from dbt.flags import get_flags
        from dbt_common.invocation import get_invocation_id

        root = Path(get_flags().PROJECT_DIR or ".").resolve()
        config = get_adapter_by_type("duckdb").config

        def variable(name: str) -> Any:
            return config.cli_vars[name] if name in config.cli_vars else project_variable(root, name)

        log = run_log_place(variable, config.credentials.database, config.credentials.schema)
        return cls(
            run_id=str(uuid.uuid4()),
            invocation_id=get_invocation_id(),
            node=dbt.this.identifier,
            relation=repr(dbt.this),
            run_log=log.quoted,
            project_root=root,
            load_policy=LoadPolicy.from_variable(variable(VARIABLE)),
            exists=bool(dbt.is_incremental),
            is_partial=bool(get_flags().EMPTY),
            is_empty=bool(get_flags().EMPTY),
            materialization="incremental" if dbt.is_incremental else "table",
            registries=registry_file.searched(dbt, variable(registry_file.VARIABLE), root),
        )


def load_policy(root: Path) -> LoadPolicy:
    """The load policy of the project in the folder `root`, from its dbt_project.yml."""
    return LoadPolicy.from_variable(project_variable(root, VARIABLE))
