"""The project's own dbt: commands as a person would type them, and what they leave in target/."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, EngineError, did_you_mean

TARGET = "target"  # where the gate of promotion looks too
SHOWN_LINES = 12


@dataclass(frozen=True)
class Node:
    """A dbt model: its unique id, its quoted relation, and the SHA-256 of its compiled SQL."""

    unique_id: str
    relation: str
    sql_sha256: str


@dataclass(frozen=True)
class Dbt:
    """dbt in the folder of a project, with the options that name its target."""

    project: Path
    options: tuple[str, ...]
    call: str
    target: str = TARGET

    def run(self, *words: str, may_fail: bool = False, timeout: float | None = None) -> None:
        """Run one dbt command. Raises EngineError with dbt's last lines if it fails, unless it may."""
        command = [_program(self.call), "--quiet", "--no-use-colors", *words]
        command += ["--project-dir", str(self.project), "--target-path", self.target, *self.options]
        ended = subprocess.run(
            command,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if ended.returncode and not may_fail:
            said = [line.rstrip() for line in ended.stdout.splitlines() if line.strip()][-SHOWN_LINES:]
            raise EngineError(
                self.call,
                f"`dbt {' '.join(words)}` failed:\n    " + "\n    ".join(said),
                expected="a dbt command that succeeds; nothing that was registered before has changed",
                action="correct what dbt says, and start again: finished steps are found and not repeated",
            )

    def node(self, name: str) -> Node:
        """The dbt model `name`, as the last command compiled it."""
        found = self.tables()
        if name not in found:
            raise ConfigurationError(
                self.call,
                f"there is no dbt model {name!r} in this project" + did_you_mean(name, found),
                expected="the dbt model that holds features, label and time",
                action="correct `training` in the settings, or write the model; training_set makes its rows",
            )
        node = found[name]
        ran = {each["unique_id"]: each for each in self._read("run_results.json")["results"]}
        text = ran.get(node["unique_id"], {}).get("compiled_code") or node.get("compiled_code") or ""
        parts = (node.get("database"), node["schema"], node["alias"])
        relation = ".".join(DUCKDB.quote(part) for part in parts if part)
        return Node(node["unique_id"], relation, hashlib.sha256(text.strip().encode()).hexdigest())

    def check_shadow(self, names: Iterable[str]) -> None:
        """Check that the models of `shadow` exist: for an unknown name, dbt builds nothing and succeeds."""
        found = self.tables()
        for name in names:
            if name not in found:
                raise ConfigurationError(
                    self.call,
                    f"`shadow` names {name!r}, and there is no dbt model of this name"
                    + did_you_mean(name, found),
                    expected="dbt models that score the challenger or compare it, by their names",
                    action="correct `shadow` in the settings, or write the model; nothing was trained",
                )

    def tables(self) -> dict[str, Any]:
        """Models, seeds and snapshots of the manifest, by name."""
        nodes = self._read("manifest.json")["nodes"].values()
        return {
            node["name"]: node for node in nodes if node["resource_type"] in ("model", "seed", "snapshot")
        }

    def test_result(self, name: str) -> dict[str, Any]:
        """Status, failures and compiled SQL of the only test of the last command that begins with `name`."""
        results = self._read("run_results.json")["results"]
        found = [each for each in results if each["unique_id"].split(".")[2].startswith(name)]
        exact = [each for each in found if each["unique_id"].split(".")[2] == name]
        if len(exact or found) != 1:
            raise ConfigurationError(
                self.call,
                f"dbt ran {len(found)} tests whose names begin with {name!r}",
                expected="the name of one dbt test, which judges the challenger",
                action="correct `gate` in the settings; a test gets a name of its own by `name:`",
            )
        return (exact or found)[0]

    def _read(self, file: str) -> dict[str, Any]:
        return dict(json.loads((self.project / self.target / file).read_text(encoding="utf-8")))


def dbt_options(target: str, profile: str | None, profiles_dir: Path | None) -> tuple[str, ...]:
    """The words that name the target of each command."""
    named = {"--target": target, "--profile": profile, "--profiles-dir": profiles_dir}
    return tuple(str(word) for option, value in named.items() if value for word in (option, value))


def _program(call: str) -> str:
    """dbt beside this Python, or the first in PATH."""
    beside = Path(sys.executable).with_name("dbt")
    found = str(beside) if beside.is_file() else shutil.which("dbt")
    if found is None:
        raise ConfigurationError(
            call,
            "there is no command dbt, neither beside this Python nor in PATH",
            expected="the dbt of this project, in the environment of scorehouse",
            action="activate the environment in which dbt runs",
        )
    return found
