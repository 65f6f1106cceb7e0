"""Compile kernel.c: `python src/scorehouse/program/native/build.py [TARGET]`, and called when a wheel is
built.

The compiler is the one in the package `ziglang`, which pip brings: the same for everyone, and it compiles
for each of TARGETS on any of them. A kernel that stays on this machine may come from the machine's own
compiler, which saves a checkout that package's 400 MB. Uses nothing but the standard library, since the
build runs it alone.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
FLAGS = (
    "-O3",
    "-std=c11",
    "-ffp-contract=off",  # no fused operations: they would round differently
    "-fno-math-errno",
    "-fPIC",
    "-shared",
    "-s",
    "-Wall",
    "-Wextra",
)


@dataclass(frozen=True)
class Target:
    """A platform: as the compiler names it, as wheels name it, and the ending of its libraries."""

    triple: str
    wheel: str
    suffix: str


TARGETS = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64", ".so"),
    "linux-aarch64": Target("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64", ".so"),
    "darwin-x86_64": Target("x86_64-macos.11.0", "macosx_11_0_x86_64", ".dylib"),
    "darwin-arm64": Target("aarch64-macos.11.0", "macosx_11_0_arm64", ".dylib"),
}


def this_platform() -> str:
    """The name of this machine's platform, which is not in TARGETS where there is no kernel for it."""
    system = platform.system().lower()
    if system == "linux" and platform.libc_ver()[0] != "glibc":  # musl loads no library made for glibc
        system = "linux-without-glibc"
    return f"{system}-{platform.machine().lower()}"


def is_current(folder: Path = FOLDER) -> bool:
    """Whether there is a kernel that is newer than its source."""
    source = [Path(__file__), *FOLDER.glob("kernel*.[ch]")]
    built = [file.stat().st_mtime for file in folder.glob("_kernel.*")]
    return max(file.stat().st_mtime for file in source) < max(built, default=0.0)


def compiler(target: Target, own: bool) -> list[str]:
    """The command that compiles for a target: this machine's `own`, $CC or cc, or that of `ziglang`."""
    if own:
        return os.environ.get("CC", "cc").split()
    return [sys.executable, "-P", "-m", "ziglang", "cc", "-target", target.triple, "-Werror"]


def build(name: str, folder: Path = FOLDER, *, local: bool = False) -> Path:
    """Compile for TARGETS[name] into `folder`; returns the library.

    `local`: for this machine alone, so that without `ziglang` its own compiler will do. The environments of a
    checkout share the library: such a compiler leaves one that is current as it is, since another environment
    may have made it with `ziglang` and have it open. Raises RuntimeError with what the compiler printed.
    """
    target = TARGETS[name]
    library = folder / f"_kernel{target.suffix}"
    own = local and importlib.util.find_spec("ziglang") is None
    if own and is_current(folder):
        return library
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / library.name
        command = [*compiler(target, own), *FLAGS, str(FOLDER / "kernel.c"), "-o", str(made), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            raise RuntimeError(
                f"kernel.c needs a compiler, and {command[0]} does not run: {error}"
            ) from error
        if done.returncode:
            raise RuntimeError(f"kernel.c does not compile for {name}:\n{done.stdout}{done.stderr}")
        # moved into place, since a process may have the old one open
        staged = library.with_name(f".{library.name}.new")
        staged.write_bytes(made.read_bytes())
        staged.chmod(0o755)
        staged.replace(library)
    return library


if __name__ == "__main__":
    print(build(sys.argv[1] if len(sys.argv) > 1 else this_platform()))
