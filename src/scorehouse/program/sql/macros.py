"""Compiled SQL as dbt macros: a file in the user's project, which can be reviewed, and its pins.

A version's section of `macros/ml/<name>.sql` is pinned by its SHA-256. Its macro's output on a target is
pinned by an MD5 (the only digest in Jinja) of the text with marks in place of the arguments.

A project's settings for compiled SQL: the databases to compile for, and where to write the macros.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import yaml
from jinja2.sandbox import SandboxedEnvironment

from scorehouse.errors import ConfigurationError, listed
from scorehouse.program.sql.compiled import MARK, CompiledSql
from scorehouse.program.sql.dialects import ALIASES, DIALECTS
from scorehouse.program.sql.links import THRESHOLD, class_parameters
from scorehouse.project.dbt_text import jinja, jinja_literal
from scorehouse.project.folder import project_variable
from scorehouse.registry.seeds import replace_file

VARIABLE = "scorehouse_compiled_sql"
KNOWN = {"dialects", "macro_path", "statement_bytes", "functions"}
SMALLEST = 10_000  # shorter statements would be as many as a forest has trees


@dataclass(frozen=True)
class SqlSettings:
    """`dialects`: databases that SQL is printed for; `macro_path`: macro path of `ml/<name>.sql`.

    None is printed that the project does not list: that of each is reviewed with every version.
    `statement_bytes`: the length beyond which there are several statements; None: the limit of the database.
    `functions`: whether trees beyond one statement become Python functions where dbt can make them.
    """

    dialects: tuple[str, ...] = ()
    macro_path: str = "macros"
    statement_bytes: int | None = None
    functions: bool = False

    @classmethod
    def of(cls, project: Path) -> SqlSettings:
        """The variable of the project; by default no dialect, and the first macro path."""
        file = project / "dbt_project.yml"
        if not file.is_file():
            return cls()
        value = project_variable(project, VARIABLE) or {}
        if not isinstance(value, Mapping) or set(value) - KNOWN:
            raise _unusable(f"it is {value!r}", f"a mapping with keys among {listed(sorted(KNOWN))}")
        document = yaml.safe_load(file.read_text()) or {}
        paths = [str(path) for path in document.get("macro-paths") or ["macros"]]
        macro_path = str(value.get("macro_path", paths[0]))
        functions = value.get("functions", False)
        if not isinstance(functions, bool):
            raise _unusable(f"functions is {functions!r}", "true or false")
        most = _bytes(value.get("statement_bytes"))
        return cls(_dialects(value.get("dialects")), macro_path, most, functions)


def _dialects(wanted: Any) -> tuple[str, ...]:
    if wanted is None:
        return ()
    if not isinstance(wanted, list) or set(wanted) - {*DIALECTS, *ALIASES}:
        raise _unusable(f"dialects is {wanted!r}", f"a list among {listed([*DIALECTS, *ALIASES])}")
    named = {ALIASES.get(name, name) for name in wanted}
    return tuple(name for name in DIALECTS if name in named)


def _bytes(wanted: Any) -> int | None:
    if wanted is None or (type(wanted) is int and wanted >= SMALLEST):
        return wanted
    raise _unusable(f"statement_bytes is {wanted!r}", f"a whole number, at least {SMALLEST:,}")


def _unusable(problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"the variable {VARIABLE} of dbt_project.yml", problem, expected=expected, action="correct it"
    )


HEADER = """{#- Compiled SQL of the ML model `%s`, one macro per version, written by `scorehouse register`.
    Called by scorehouse.predict(); edits are lost when the version is compiled again. -#}
"""


@dataclass(frozen=True)
class ReasonMacros:
    """The contributions of a version in each dialect, and the facts by which they become reasons.

    `facts` are JSON: `columns` of the version's select, `unit`, by default the `score` that is compared, and
    of each explained output its `name`, `column`, and the `ending` of its reasons' columns. With
    `per_class`, a row is explained for its predicted class.
    """

    compiled: tuple[CompiledSql, ...]
    facts: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The facts as a macro returns them."""
        return json.dumps(self.facts)


def macro_file(project: Path, name: str) -> Path:
    """The file with the macros of an ML model."""
    return project / SqlSettings.of(project).macro_path / "ml" / f"{name}.sql"


def macro_name(name: str, version: int) -> str:
    """The macro of one version."""
    return f"scorehouse_predict__{name}__v{version}"


def write_macros(
    project: Path, name: str, compiled: Sequence[CompiledSql], reasons: ReasonMacros | None = None
) -> Path:
    """Write the macros of one version, in all dialects given, into `macros/ml/<name>.sql`.

    The macros of other versions in that file are not changed. Returns the path.
    """
    return write_text(project, name, compiled[0].version.version, macro_text(name, compiled, reasons))


def write_text(project: Path, name: str, number: int, block: str) -> Path:
    """Write a version's section of the file, in its place among the other versions; returns the path."""
    path = macro_file(project, name)
    old = path.read_text(encoding="utf-8") if path.exists() else HEADER % name
    if found := _block(old, number):
        new = old[: found.start()] + block + old[found.end() :]
    else:
        later = (
            mark.start() for mark in re.finditer(r"\{#- version (\d+) -#\}", old) if int(mark[1]) > number
        )
        place = next(later, len(old))
        new = f"{old[:place].rstrip()}\n\n{block}\n{old[place:]}".rstrip() + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, new.encode())
    return path


def drop_macros(project: Path, name: str, number: int) -> Path | None:
    """Remove the macro of one version from the file; returns the path if there was one."""
    path = macro_file(project, name)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    found = _block(old, number)
    if not found:
        return None
    rest = f"{old[: found.start()].rstrip()}\n\n{old[found.end() :].lstrip()}".rstrip() + "\n"
    if "{% macro" in rest:
        replace_file(path, rest.encode())
    else:
        path.unlink()
    return path


def _block(text: str, number: int) -> re.Match[str] | None:
    start, end = _marks(number)
    return re.search(re.escape(start) + ".*?" + re.escape(end) + r"\n?", text, re.DOTALL)


def version_text(project: Path, name: str, number: int) -> str | None:
    """A version's section of the file, with Unix line ends; None if there is none."""
    path = macro_file(project, name)
    found = _block(path.read_text(encoding="utf-8"), number) if path.exists() else None
    return found[0] if found else None


def macro_text(name: str, compiled: Sequence[CompiledSql], reasons: ReasonMacros | None = None) -> str:
    """The macros of one version: its select, its features, and the select and facts of its reasons."""
    number = compiled[0].version.version
    call = macro_name(name, number)
    start, end = _marks(number)
    features = ", ".join(jinja_literal(feature) for feature in compiled[0].features)
    macros = [_select(call, name, compiled), _returned(f"{call}__features", f"[{features}]")]
    if called := _functions(compiled):
        macros.append(_returned(f"{call}__functions", f"{jinja(called)}.get(target.type, [])"))
    if reasons is not None:
        macros.append(_select(f"{call}__reasons", name, reasons.compiled))
        macros.append(_returned(f"{call}__reason_facts", jinja_literal(reasons.text)))
    return "\n".join([f"{start}\n" + macros[0], *macros[1:]]) + f"{end}\n"


def _select(call: str, name: str, compiled: Sequence[CompiledSql]) -> str:
    """A macro with a select for each type of target."""
    number, dialects = compiled[0].version.version, [item.dialect.name for item in compiled]
    branches = []
    for position, (body, targets) in enumerate(_bodies(compiled)):
        word = "if" if position == 0 else "elif"
        branches.append(f"{{%- {word} target.type in {json.dumps(targets)} %}}\n{body}\n")
    return (
        f"{{% macro {call}(relation, keep, columns, decision) %}}\n"
        + "".join(branches)
        + "{%- else %}\n"
        + f"{{{{ scorehouse._not_compiled('{name}', {number}, {json.dumps(dialects)}) }}}}\n"
        + "{%- endif %}\n{% endmacro %}\n"
    )


def _returned(call: str, value: str) -> str:
    return f"{{% macro {call}() %}}\n    {{{{ return({value}) }}}}\n{{% endmacro %}}\n"


def targets_of(item: CompiledSql) -> list[str]:
    """The types of target that a dialect is for."""
    return [item.dialect.name, *(alias for alias, real in ALIASES.items() if real == item.dialect.name)]


def _functions(compiled: Sequence[CompiledSql]) -> dict[str, list[str]]:
    """By dialect, the names of the functions that its SQL calls."""
    return {item.dialect.name: [one.name for one in item.functions] for item in compiled if item.functions}


def _bodies(compiled: Sequence[CompiledSql]) -> list[tuple[str, list[str]]]:
    """Each distinct text, and the types of target that it is for."""
    bodies: dict[str, list[str]] = {}
    for item in compiled:
        bodies.setdefault(item.macro_body(), []).extend(targets_of(item))
    return list(bodies.items())


def _marks(number: int) -> tuple[str, str]:
    return f"{{#- version {number} -#}}", f"{{#- end of version {number} -#}}"


def pins_of(
    name: str, compiled: Sequence[CompiledSql], reasons: ReasonMacros | None = None
) -> dict[str, Any]:
    """The pins of a version: `sha256` of its macros, and by type of target the `md5` of its SQL.

    `functions` are those that it calls, if any, by dialect. `reasons` has, by type of target, the MD5 of the
    facts and the SQL of reasons, where there are any.
    """
    text, features = macro_text(name, compiled, reasons), compiled[0].features
    template = SandboxedEnvironment().from_string(text)
    columns = [f"{MARK}{i}{MARK}" for i in range(len(features))]
    parameters = [THRESHOLD, *class_parameters(compiled[0].version)]
    functions = [one for item in compiled for one in item.functions]
    names = [one.name for one in parameters] + [one.name for one in functions]
    decision = {name: f"{MARK}{name}{MARK}" for name in names}
    call = macro_name(name, compiled[0].version.version)

    def pins(selects: Sequence[CompiledSql], macro: str, before: Sequence[str]) -> dict[str, str]:
        """For each type of target, an MD5 of the texts in `before` and of what `macro` gives there."""
        found = {}
        for target in [target for item in selects for target in targets_of(item)]:
            module = template.make_module({"target": {"type": target}})
            select = str(
                getattr(module, macro)(f"{MARK}relation{MARK}", f"{MARK}keep{MARK}", columns, decision)
            )
            pinned = MARK.join([*before, select]).encode()
            found[target] = md5(pinned, usedforsecurity=False).hexdigest()
        return found

    made: dict[str, Any] = {"sha256": text_digest(text), "md5": pins(compiled, call, features)}
    if called := _functions(compiled):
        made["functions"] = called
    if reasons is not None:
        made["reasons"] = pins(reasons.compiled, f"{call}__reasons", [reasons.text, *features])
    return made


def text_digest(text: str) -> str:
    """The SHA-256 of a version's section of the file, whatever line ends Git gave it."""
    return sha256(text.replace("\r\n", "\n").rstrip("\n").encode()).hexdigest()
