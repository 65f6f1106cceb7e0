"""Which wheel a build from source makes: one of its platform with a kernel, or a pure one without."""

from __future__ import annotations

import importlib.util
import os
import platform
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from project import REPOSITORY

SCRIPT = Path("src/scorehouse/program/native/build.py")


COMMANDS: list[list[str]] = []


def compiled(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """In place of the compiler, which takes seconds."""
    COMMANDS.append(command)
    Path(command[command.index("-o") + 1]).write_bytes(b"a kernel")
    return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the hook as hatchling does, on a machine that is said to be another."""
    (tmp_path / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / SCRIPT, tmp_path / SCRIPT)
    monkeypatch.setattr(subprocess, "run", compiled)
    monkeypatch.delenv("SCOREHOUSE_KERNEL", raising=False)

    def call(
        system: str, machine: str, libc: str, version: str = "standard"
    ) -> tuple[dict[str, Any], list[str]]:
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(platform, "libc_ver", lambda: (libc, ""))
        hook = runpy.run_path(str(REPOSITORY / "hatch_build.py"))["KernelHook"]
        warnings: list[str] = []
        app: Any = SimpleNamespace(display_warning=warnings.append)
        data: dict[str, Any] = {"artifacts": []}
        hook(str(tmp_path), {}, None, None, str(tmp_path), "wheel", app=app).initialize(version, data)
        return data, warnings

    return call


@pytest.mark.parametrize(
    ("machine", "tag"),
    [
        (("Linux", "x86_64", "glibc"), "py3-none-manylinux_2_17_x86_64"),
        (("Linux", "aarch64", "glibc"), "py3-none-manylinux_2_17_aarch64"),
        (("Darwin", "arm64", ""), "py3-none-macosx_11_0_arm64"),
    ],
)
def test_a_platform_that_has_a_kernel(build: Any, machine: tuple[str, str, str], tag: str) -> None:
    data, warnings = build(*machine)
    assert (data["tag"], data["pure_python"], warnings) == (tag, False, [])
    assert [Path(name).stem for name in data["artifacts"]] == ["_kernel"]


@pytest.mark.parametrize("libc", ["", "musl", "libc"])  # what Python says of musl, by its version
def test_musl_gets_a_pure_wheel_and_is_told(build: Any, libc: str) -> None:
    data, (warning,) = build("Linux", "x86_64", libc)
    assert data == {"artifacts": []}
    assert "no kernel for linux-without-glibc-x86_64" in warning


def test_a_target_that_is_named_is_built_anywhere(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREHOUSE_KERNEL", "linux-x86_64")
    data, _ = build("Linux", "x86_64", "musl")
    assert data["tag"] == "py3-none-manylinux_2_17_x86_64"


def test_the_compiler_of_this_machine_makes_no_wheel(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves a checkout without `ziglang`; a wheel would promise an older C library than it links."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("CC", "ccache gcc")
    for version in ("editable", "standard"):
        build("Linux", "x86_64", "glibc", version)
    checkout, wheel = COMMANDS[-2:]
    assert wheel[3:5] == ["ziglang", "cc"] and checkout[:2] == ["ccache", "gcc"]
    assert "-ffp-contract=off" in wheel and "-ffp-contract=off" in checkout


def test_the_compiler_of_this_machine_leaves_a_current_kernel(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment that is made while another one's tests run changes nothing under them."""
    library = tmp_path / SCRIPT.with_name("_kernel.so")
    library.write_bytes(b"made by ziglang")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("CC", "gcc")
    data, _ = build("Linux", "x86_64", "glibc", "editable")
    assert library.read_bytes() == b"made by ziglang" and data["artifacts"]
    os.utime(library, (0, 0))  # older than its source
    build("Linux", "x86_64", "glibc", "editable")
    assert library.read_bytes() == b"a kernel" and COMMANDS[-1][0] == "gcc"
    library.write_bytes(b"made by gcc")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    build("Linux", "x86_64", "glibc", "editable")
    assert library.read_bytes() == b"a kernel" and "ziglang" in COMMANDS[-1]


def test_a_machine_without_a_compiler_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("CC", "no-such-compiler")
    script = runpy.run_path(str(REPOSITORY / SCRIPT), run_name="build_kernel")
    with pytest.raises(RuntimeError, match="needs a compiler, and no-such-compiler does not run"):
        script["build"]("linux-x86_64", tmp_path, local=True)
