"""Read the stored reasons of a version: digest first, then the proof rows on this machine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from scorehouse.errors import CompileError, ConfigurationError, ScorehouseError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.native.kernel import require_library
from scorehouse.program.reasons.prove_reasons import differs_here
from scorehouse.program.reasons.stored_reasons import StoredReasons
from scorehouse.program.store import reading, reasons_in
from scorehouse.registry.artifact import PROGRAM_FILE, REASONS_PROOF_FILE, read_program
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.program_facts import not_certified
from scorehouse.registry.version import Version


def read_reasons(kernel: Kernel, files: ProgramFiles) -> tuple[StoredReasons, bytes]:
    """The reasons of the version in `kernel`, proven on this machine, and the bytes that were verified.

    Raises ConfigurationError for a version that has none, saying why.
    """
    version = kernel.version
    if not version.program.get("reasons"):
        raise _none(kernel, *_why_none(version))
    try:
        require_library(kernel.call)
    except CompileError as error:
        raise _none(kernel, error.problem, error.action) from error
    if files.policy.require_certificate and (open_parts := not_certified(version, "reasons")):
        problem = f"not certified for every input, as the load policy requires: {', '.join(open_parts)}"
        raise _none(kernel, problem, "leave `reasons` out, or the policy's require_certificate")
    data, proof = files.read(kernel), files.read(kernel, REASONS_PROOF_FILE)
    prove = f"run `scorehouse prove {version.name}`"
    with reading("reasons", version, kernel.call):
        backend = reasons_in(data, version)
    try:
        problem = differs_here(proof, backend, kernel.signature)
    except ScorehouseError:
        raise
    except Exception as error:  # such as a function that this release of a library does not have
        raise _none(kernel, f"it cannot be run here ({type(error).__name__}: {error})", prove) from error
    if problem:
        raise _none(kernel, problem, f"{prove}, or score on another machine")
    return backend, data


def read_background(root: Path, version: Version, policy: LoadPolicy, call: str) -> pa.RecordBatch | None:
    """The rows that the reasons of a version compare with, from its program; None if it has none."""
    data = read_program(root, version, PROGRAM_FILE, policy, call)
    with reading("reasons", version, call):
        return reasons_in(data, version).background


def why_none(version: Version) -> str:
    """Why a version has no stored reasons, as the end of a sentence."""
    return _why_none(version)[0]


def _why_none(version: Version) -> tuple[str, str]:
    """Why a version has no stored reasons, and what to do."""
    if refused := version.program.get("refused", {}).get("reasons"):
        return str(refused), "leave `reasons` out"
    if version.program and not {"native", "matrix"} & set(version.program):
        return "only trees and linear models have exact reasons", "leave `reasons` out"
    action = f"run `scorehouse prove {version.name}`, which stores them beside the artifact"
    return "it was registered with program=False", action


def _none(kernel: Kernel, problem: str, action: str) -> ConfigurationError:
    return ConfigurationError(
        kernel.call,
        f"reasons are asked for, but {kernel.version.label} has none that can be used: {problem}",
        expected="a version of trees or of a linear model, whose reasons were proven at registration",
        action=action,
    )
