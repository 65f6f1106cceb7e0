"""What a registration stores of proven backends: the program, its proof, and its certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scorehouse.certificate import certify
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.store import to_bytes
from scorehouse.registration.proven_backend import ProvenBackend
from scorehouse.registry.artifact import PROGRAM_FILE, PROOF_FILE, REASONS_PROOF_FILE
from scorehouse.registry.label_rule import proven_for
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import CERTIFICATE, PROGRAM_SHA256, PROOF_SHA256, PROVEN_FOR

# how differences begin that are in one backend alone
OWN = {"sql": ("sql: ", "checks of sql: "), "reasons": ("reasons: ",)}


def certified(
    kernel: Kernel, proven: Mapping[str, ProvenBackend], proof: Callable[[], bytes], wrong: dict[str, str]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Facts and files of the program of these backends, without those that differ from the estimator.

    `wrong` gets their names, and what the reader finds in the arrays that score and explain, or in the SQL.
    """
    while proven:
        facts, files = _stored(kernel, proven, proof())
        version = replace(kernel.version, program=facts)
        found = certify(kernel.estimator, files[PROGRAM_FILE], version, kernel.signature)
        if not found.differences:
            return facts | {CERTIFICATE: found.facts()}, files
        different = {name: texts for name in proven if (texts := _of_backend(name, found.differences))}
        if not different:
            raise AssertionError(f"no backend has {found.differences}")
        wrong |= {name: f"it is not the estimator: {texts[0]}" for name, texts in different.items()}
        proven = {name: one for name, one in proven.items() if name not in wrong}
    return {}, {}


def _of_backend(name: str, differences: Sequence[str]) -> list[str]:
    """The differences that are in what a backend runs; SQL does not run what the others share."""
    shared = [text for text in differences if not text.startswith(sum(OWN.values(), ()))]
    own = [text for text in differences if text.startswith(OWN.get(name, ("none",)))]
    return own if name == "sql" else shared + own


def _stored(
    kernel: Kernel, proven: Mapping[str, ProvenBackend], proof: bytes
) -> tuple[dict[str, Any], dict[str, bytes]]:
    parts = {backend: one.part for backend, one in proven.items()}
    scores = parts.get("native", parts.get("matrix"))
    files = {PROOF_FILE: proof, PROGRAM_FILE: to_bytes(scores, parts.get("sql"), parts.get("reasons"))}
    if "reasons" in proven:
        files[REASONS_PROOF_FILE] = proven["reasons"].proof
    facts: dict[str, Any] = {backend: one.fact for backend, one in proven.items()}
    facts[PROVEN_FOR] = proven_for(kernel.version)
    facts[PROOF_SHA256] = sha256(files[PROOF_FILE])
    facts[PROGRAM_SHA256] = sha256(files[PROGRAM_FILE])
    return facts, files
