"""Pins of compiled SQL: digests that identify the proven text in the registry, in every dialect.

A version's section of `macros/ml/<name>.sql` is pinned by its SHA-256. Its macro's output on a target is
pinned by an MD5 (the only digest in Jinja) of the text with marks in place of the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5, sha256
from typing import Any

from jinja2.sandbox import SandboxedEnvironment

from scorehouse.program.sql.compiled import MARK, CompiledSql
from scorehouse.program.sql.decision import parameters_of
from scorehouse.program.sql.macros import ReasonMacros, macro_name, macro_text, targets_of


def pins_of(
    name: str, compiled: Sequence[CompiledSql], reasons: ReasonMacros | None = None
) -> dict[str, Any]:
    """The pins of a version: `sha256` of its macros, and by type of target the `md5` of its SQL.

    `reasons` has, by type of target, the MD5 of the facts and the SQL of reasons, where there are any.
    """
    text, features = macro_text(name, compiled, reasons), compiled[0].features
    module = _Macros(text, compiled[0])
    pins = {"sha256": text_digest(text), "md5": module.pins(compiled, "", features)}
    if reasons is not None:
        pins["reasons"] = module.pins(reasons.compiled, "__reasons", [reasons.text, *features])
    return pins


class _Macros:
    """A version's section of the file, rendered with marks in place of the arguments."""

    def __init__(self, text: str, compiled: CompiledSql) -> None:
        self.template = SandboxedEnvironment().from_string(text)
        self.call = macro_name(compiled.version.name, compiled.version.version)
        self.columns = [f"{MARK}{i}{MARK}" for i in range(len(compiled.features))]
        self.decision = {one.name: f"{MARK}{one.name}{MARK}" for one in parameters_of(compiled.version)}

    def pins(self, compiled: Sequence[CompiledSql], ending: str, before: Sequence[str]) -> dict[str, str]:
        """For each type of target, an MD5 of the texts in `before` and of what a macro gives there."""
        found = {}
        for target in [target for item in compiled for target in targets_of(item)]:
            macro = getattr(self.template.make_module({"target": {"type": target}}), self.call + ending)
            select = str(macro(f"{MARK}relation{MARK}", f"{MARK}keep{MARK}", self.columns, self.decision))
            pinned = MARK.join([*before, select]).encode()
            found[target] = md5(pinned, usedforsecurity=False).hexdigest()
        return found


def text_digest(text: str) -> str:
    """The SHA-256 of a version's section of the file, whatever line ends Git gave it."""
    return sha256(text.replace("\r\n", "\n").rstrip("\n").encode()).hexdigest()
