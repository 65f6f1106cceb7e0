"""What makes the environments of `./run`: uv from the lock file, and pip where uv cannot."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from project import REPOSITORY

pytestmark = pytest.mark.slow

LOCK = "requirements.lock"


def pins(*names: str) -> str:
    """These packages of the lock file, with their hashes."""
    lines = (REPOSITORY / LOCK).read_text().splitlines()
    kept: list[str] = []
    inside = False
    for line in lines:
        inside = line.split("==")[0] in names if line[:1].isalnum() else inside and line[:1] == " "
        kept += [line] * inside
    return "\n".join(kept) + "\n"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    return tmp_path / "venv" / "bin" / "python"


def install(python: Path, lock: str, *options: str, **settings: str) -> tuple[int, str, str]:
    """The exit code, what is shown, and the log."""
    folder = python.parents[2]
    (folder / "some.lock").write_text(lock)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    ended = subprocess.run(
        [str(python), str(REPOSITORY / "tools" / "install.py"), "some.lock", *options],
        cwd=folder,
        env={**environment, "UV_CACHE_DIR": str(folder / "cache"), **settings},
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stderr, (folder / "target" / "setup.log").read_text()


def imports(python: Path, module: str) -> bool:
    return subprocess.run([str(python), "-c", f"import {module}"], capture_output=True).returncode == 0


def test_uv_installs_what_the_lock_pins(python: Path) -> None:
    code, shown, log = install(python, pins("uv", "iniconfig"))
    assert (code, imports(python, "iniconfig")) == (0, True), shown
    assert " + iniconfig==" in log, log


def test_pip_installs_where_uv_cannot(python: Path) -> None:
    code, shown, log = install(python, pins("uv", "iniconfig"), UV_OFFLINE="1")
    assert (code, imports(python, "iniconfig")) == (0, True), shown
    assert "Successfully installed iniconfig" in log, log


def test_pip_installs_where_the_lock_has_no_uv(python: Path) -> None:
    code, shown, log = install(python, pins("iniconfig"))
    assert (code, imports(python, "iniconfig")) == (0, True), shown
    assert "Successfully installed iniconfig" in log, log


def test_a_package_that_this_machine_has_otherwise_is_left_out(python: Path) -> None:
    code, shown, _ = install(python, pins("uv", "iniconfig", "pluggy"), "--without", "pluggy")
    assert (code, imports(python, "iniconfig"), imports(python, "pluggy")) == (0, True, False), shown


def test_another_file_than_the_lock_pins_is_refused(python: Path) -> None:
    lock = pins("uv") + f"iniconfig==2.1.0 --hash=sha256:{'0' * 64}\n"
    code, shown, _ = install(python, lock)
    assert code != 0 and not imports(python, "iniconfig")
    assert "hash" in shown.lower(), shown


def test_uv_fetches_from_where_pip_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = /own\nextra-index-url =\n    /one\n    /two\n")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_FIND_LINKS", "/a /b")
    configured = runpy.run_path(str(REPOSITORY / "tools/install.py"))["as_pip_is_configured"]
    found = configured()
    assert [found[name] for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS")] == [
        "/own",
        "/one /two",
        "/a,/b",
    ]
    monkeypatch.setenv("UV_DEFAULT_INDEX", "/asked")
    assert configured()["UV_DEFAULT_INDEX"] == "/asked"
