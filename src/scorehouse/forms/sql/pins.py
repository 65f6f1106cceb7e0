"""Pins of compiled SQL: digests that identify the proven text in the registry, in every dialect.

A version's section of `macros/ml/<name>.sql` is pinned by its SHA-256. Its macro's output on a target is
pinned by an MD5 (the only digest in Jinja) of the text with marks in place of the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5, sha256
from typing import Any

from jinja2.sandbox import SandboxedEnvironment

from scorehouse.forms.sql.compiled import MARK, CompiledSql
from scorehouse.forms.sql.macros import macro_name, macro_text, targets_of


def pins_of(name: str, compiled: Sequence[CompiledSql]) -> dict[str, Any]:
    """The pins of a version: `sha256` of its macros, and by type of target the `md5` of its SQL."""
    text, first = macro_text(name, compiled), compiled[0]
    template = SandboxedEnvironment().from_string(text)
    columns = [f"{MARK}{i}{MARK}" for i in range(len(first.features))]
    found = {}
    for target in [target for item in compiled for target in targets_of(item)]:
        module = template.make_module({"target": {"type": target}})
        macro = getattr(module, macro_name(name, first.version.version))
        select = str(macro(f"{MARK}relation{MARK}", f"{MARK}keep{MARK}", columns))
        pinned = MARK.join([*first.features, select]).encode()
        found[target] = md5(pinned, usedforsecurity=False).hexdigest()
    return {"sha256": text_digest(text), "md5": found}


def text_digest(text: str) -> str:
    """The SHA-256 of a version's section of the file, whatever line ends Git gave it."""
    return sha256(text.replace("\r\n", "\n").rstrip("\n").encode()).hexdigest()
