"""What a scoring run is asked to do: by the author of the model, and by the materialization."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from scorehouse.errors import ConfigurationError
from scorehouse.policy import VARIABLE, LoadPolicy
from scorehouse.rows import STRICT_CHOICES

RESCORE_CHOICES = ("all", "given", "new")
DEFAULT_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class ScoreOptions:
    """The arguments of `score()` and of the macro `scored()`, checked.

    `key`: columns that identify a row; `passthrough`: feature table columns to keep; `group`: column
    within which a ranking ranks; `rescore`: `all` rebuilds the table, `given` scores the given rows
    and merges them by key, `new` scores only keys that are not in the table yet; `strict`: checks
    that reject even what the pipeline takes by itself; `max_rejected_share`: the run fails above it.
    """

    key: tuple[str, ...]
    alias: str | None = "champion"
    version: int | None = None
    passthrough: tuple[str, ...] = ()
    group: str | None = None
    rescore: str = "all"
    strict: frozenset[str] = frozenset()
    max_rejected_share: float | None = None
    batch_rows: int = DEFAULT_BATCH_ROWS

    @classmethod
    def checked(cls, call: str, **values: Any) -> ScoreOptions:
        """Build from loose arguments; raises ConfigurationError for any that cannot be used."""
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("key", "passthrough"):
            given[name] = _names(given.get(name, ()))
        given["strict"] = frozenset(_names(given.get("strict", ())))
        if given.get("version") is not None:
            given["alias"] = None
        try:
            options = cls(**given)
        except TypeError as error:
            raise _bad(call, str(error), "the arguments of score()") from error
        if not options.key:
            raise _bad(call, "no key was given", "the column, or columns, that identify a feature row")
        _one_of(call, "rescore", {options.rescore}, RESCORE_CHOICES)
        _one_of(call, "strict", options.strict, STRICT_CHOICES)
        share = options.max_rejected_share
        if share is not None and not 0 <= share <= 1:
            raise _bad(call, f"max_rejected_share is {share!r}", "a share between 0 and 1")
        if options.batch_rows < 1:
            raise _bad(call, f"batch_rows is {options.batch_rows!r}", "a positive number of rows")
        return options

    def to_json(self) -> str:
        """Canonical JSON for the run log."""
        return json.dumps({**asdict(self), "strict": sorted(self.strict)}, sort_keys=True)


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _one_of(call: str, name: str, found: set[str] | frozenset[str], allowed: Sequence[str]) -> None:
    wrong = sorted(found - set(allowed))
    if wrong:
        raise _bad(call, f"{name} has {wrong}", f"{name} among {list(allowed)}")


def _bad(call: str, problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=expected, action="correct the call")


@dataclass(frozen=True)
class Request:
    """One scoring run as the materialization asks for it.

    `staging` is the table to write, or empty where dbt's own materialization writes what is returned.
    `exists` tells whether the prediction table is there to be merged into.
    """

    run_id: str
    invocation_id: str
    node: str
    relation: str
    run_log: str
    project_root: Path
    load_policy: LoadPolicy
    staging: str = ""
    exists: bool = False
    full_refresh: bool = False
    materialization: str = "predictions"

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Read the request that the materialization `predictions` wrote into the compiled code."""
        values = json.loads(text)
        values["project_root"] = Path(values["project_root"] or ".").resolve()  # empty: dbt is in the folder
        values["load_policy"] = LoadPolicy.from_variable(values["load_policy"])
        return cls(**values)

    @classmethod
    def for_plain_model(cls, dbt: Any) -> Request:
        """The request of a Python model under dbt's own `table` or `incremental`.

        dbt gives such a model neither variables nor the project's folder, so both are read from the
        dbt_project.yml in the working folder, which dbt makes the project's own.
        """
        from dbt_common.invocation import get_invocation_id

        root = Path.cwd()
        relation = f'"{dbt.this.database}"."{dbt.this.schema}"'
        return cls(
            run_id=str(uuid.uuid4()),
            invocation_id=get_invocation_id(),
            node=dbt.this.identifier,
            relation=repr(dbt.this),
            run_log=f'{relation}."scorehouse_run_log"',
            project_root=root,
            load_policy=LoadPolicy.from_variable(project_variable(root, VARIABLE)),
            materialization="incremental" if dbt.is_incremental else "table",
        )


def project_variable(root: Path, name: str) -> Any:
    """A variable from the `vars:` of dbt_project.yml, the project's or those given to this package."""
    file = root / "dbt_project.yml"
    variables: Mapping[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("vars") or {}
    scoped = variables.get("scorehouse") or {}
    return scoped.get(name, variables.get(name))
