"""The project of a life, and every command that is run in it."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from clock import Clock
from installation import REPOSITORY, Installation
from warehouse import Warehouse

WARM = REPOSITORY / "tests" / "python" / "support" / "warm"
LONGEST = 15 * 60.0  # seconds that a command may take
SCHEMAS = {"dev": "main", "prod": "prod", "ci": "ci"}  # by target
# What a user should never read: words of the database, of Python or of Jinja that nothing explains.
RAW_ERRORS = re.compile(
    r"Traceback \(most recent call last\)|"
    r"^.*(?:Catalog|Binder|Conversion|Parser|Internal|Invalid Input|Constraint) Error:.*$|"
    r"^.*\b(?:TypeError|KeyError|AttributeError|IndexError|ValueError|NameError|UndefinedError|_DeadlockError)\b.*$|"
    r"^.*psycopg2\.errors.*$|^.*jinja2\.exceptions.*$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its words, exit code, output, and seconds of the clock and of processors."""

    words: tuple[str, ...]
    code: int
    output: str
    seconds: float
    processor: float = 0.0

    @property
    def line(self) -> str:
        return " ".join(word if word and " " not in word else f"'{word}'" for word in self.words)

    @property
    def raw_error(self) -> str | None:
        """The first line that no user should read."""
        match = RAW_ERRORS.search(self.output)
        return match.group(0).strip() if match else None


class CommandFailed(Exception):
    """A command ended otherwise than it has to in this place."""


class House:
    """The folder of the project. Each command is kept in `transcript`, with what it printed."""

    def __init__(self, folder: Path, installation: Installation, clock: Clock) -> None:
        self.folder = folder
        self.installation = installation
        self.clock = clock
        self.transcript: list[Ended] = []
        self.more_variables: dict[str, str] = {}
        self.started = 0  # commands that were disturbed, or ran beside another
        folder.mkdir(parents=True, exist_ok=True)

    def variables(self) -> dict[str, str]:
        variables = {
            **self.installation.variables(),
            **self.clock.variables(),
            **self._begin_warm(),
            **self.more_variables,
        }
        if program := variables.get("SCOREHOUSE_LIFE_DBT"):  # another dbt than that of the environment
            variables["PATH"] = f"{program}{os.pathsep}{variables['PATH']}"
        return variables

    def _begin_warm(self) -> dict[str, str]:
        """dbt begins as a fork of a process of this life that has imported dbt alone: see `warm/`."""
        program, address = self.installation.environment / "bin" / "dbt", self.clock.file.with_name("dbt")
        words = (str(os.getpid()), str(address), str(program))
        return {"PYTHONPATH": str(WARM), "SCOREHOUSE_WARM_DBT": os.pathsep.join(words)}

    def close(self) -> None:
        """Remove the clock's folder, and with the socket in it what dbt commands are forks of."""
        shutil.rmtree(self.clock.file.parent, ignore_errors=True)

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> Ended:
        """Run a command in the project's folder, as a user's shell does.

        Raises CommandFailed where it ends with another exit code than those expected here, or not at all.
        """
        started, used = time.monotonic(), _processor()
        try:
            ended = subprocess.run(words, **self._as_a_shell(), timeout=LONGEST)
        except subprocess.TimeoutExpired as late:
            raise CommandFailed(
                f"$ {' '.join(words)}\ndid not end within {LONGEST / 60:.0f} minutes"
            ) from late
        seconds = time.monotonic() - started
        result = Ended(words, ended.returncode, ended.stdout, seconds, _processor() - used)
        self.transcript.append(result)
        if codes and ended.returncode not in codes:
            raise CommandFailed(f"$ {result.line}\nexits with {ended.returncode}\n{ended.stdout[-6000:]}")
        return result

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command that is disturbed later, or that runs beside another."""
        self.started += 1
        return subprocess.Popen(words, **self._as_a_shell())

    def _as_a_shell(self) -> dict[str, Any]:
        """How a command is run: in the project's folder, without input, all that it prints in one text."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return {"cwd": self.folder, "env": self.variables(), "text": True, **streams}

    def finished(self, words: Sequence[str], process: subprocess.Popen[str], since: float) -> Ended:
        """What a started command printed, once it has ended."""
        output, _ = process.communicate()
        result = Ended(tuple(words), process.returncode, output, time.monotonic() - since)
        self.transcript.append(result)
        return result

    def paste(self, line: str, codes: Sequence[int] = (0,)) -> Ended:
        """Run a line that a command has printed, through the shell, as somebody who pastes it."""
        return self.run("bash", "-c", line, codes=codes)

    def write(self, path: str, content: str | dict[str, Any]) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def changed_files(self) -> set[str]:
        """What git says has changed since the last commit, files that are new among it."""
        ended = self.run(
            "git", "-c", "core.quotePath=false", "status", "--porcelain", "--untracked-files=all"
        )
        return {line[3:].strip('"') for line in ended.output.splitlines() if line[:2].strip()}

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run(
            "git", "-c", "core.safecrlf=false", "commit", "--quiet", "--allow-empty", "--message", message
        )


def _processor() -> float:
    """Seconds of processors that ended commands have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def begin(house: House) -> None:
    """A new git repository in an empty folder."""
    house.run("git", "init", "--quiet", ".")
    for name, value in (("user.name", "Pat"), ("user.email", "pat@example.com")):
        house.run("git", "config", name, value)


def write_profile(house: House, warehouse: Warehouse) -> None:
    """The profile of the project that `init` has made, a target per schema; its database is named."""
    settings = yaml.safe_load(house.read("dbt_project.yml"))
    targets = {target: {**warehouse.profile, "schema": schema} for target, schema in SCHEMAS.items()}
    house.write("profiles.yml", {settings["profile"]: {"target": "dev", "outputs": targets}})
    if dialect := {"postgres": "postgres", "dbt2": "duckdb"}.get(warehouse.name):  # they score in SQL alone
        settings["vars"]["scorehouse_compiled_sql"] = {"dialects": [dialect]}
        house.write("dbt_project.yml", settings)
