"""A dbt command that begins in a process that has imported dbt is the command that begins cold."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from listening import listening
from project import DbtProject
from virtual_environments import WARM

DBT = str(Path(sys.executable).with_name("dbt"))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands begin cold elsewhere")
MODEL = "select '{{ env_var('TOLD', 'nothing') }}' as told, '{{ target.name }}' as target"
ENDLESS = "select count(*) as n from range(1_000_000_000_000) as t(i) where i % 7 = 8"


def begun(project: DbtProject, *words: str, warm: bool, **variables: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if warm or name != "SCOREHOUSE_WARM_DBT"}
    return subprocess.Popen(
        listening([DBT, "--no-use-colors", *words]),
        cwd=project.folder,
        env={**kept, "PYTHONPATH": str(WARM), "DBT_PROFILES_DIR": ".", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_words_folder_environment_streams_and_exit_code_are_those_of_the_command(project: DbtProject) -> None:
    project.features(MODEL)
    for number, warm in enumerate((False, True, True)):
        command = begun(project, "--quiet", "build", warm=warm, TOLD=f"number {number}")
        assert command.communicate(timeout=120) == ("", "") and command.returncode == 0
        assert project.query("select told, target from features") == [(f"number {number}", "dev")]
    for words in (["build", "--select", "nothing", "--nothing"], ["--quiet", "build", "--target", "nowhere"]):
        ended = [begun(project, *words, warm=warm) for warm in (False, True)]
        cold, warmed = [(each.communicate(timeout=120), each.returncode) for each in ended]
        assert warmed[1] == cold[1] != 0
        without_time = [re.sub(r"\d\d:\d\d:\d\d", "", "".join(said)) for said, _ in (cold, warmed)]
        assert without_time[0] == without_time[1] != ""


@pytest.mark.slow
def test_a_signal_ends_it_and_who_kills_it_leaves_nothing_behind(project: DbtProject) -> None:
    project.features(ENDLESS)
    for sent, code in ((signal.SIGINT, 2), (signal.SIGKILL, -signal.SIGKILL)):
        command = begun(project, "run", warm=True)
        assert command.stdout is not None
        while "START" not in (line := command.stdout.readline()):
            assert line, command.communicate()
        command.send_signal(sent)
        command.communicate(timeout=120)
        assert command.returncode == code
        deadline = time.monotonic() + 60
        while still_open(project.database):
            assert time.monotonic() < deadline
            time.sleep(0.05)


SCRIPT = """
import pickle, sys
from beside import Step

class Own:
    pass

print(sys.argv, __name__, __file__, sys.path[0], type(pickle.loads(pickle.dumps(Own()))) is Own)
print(Step.__module__, sys.modules.get("sklearn") is not None, file=sys.stderr)
sys.exit({"": None, "3": 3, "a sentence": "a sentence"}[" ".join(sys.argv[1:])])
"""


@pytest.mark.slow
def test_a_script_is_the_one_that_begins_cold(tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml/beside.py").write_text("class Step:\n    pass\n")
    (tmp_path / "ml/train.py").write_text(SCRIPT)
    for words in ((), ("3",), ("a sentence",), ("an error",)):
        cold, warmed = (
            subprocess.run(
                [sys.executable, "ml/train.py", *words],
                cwd=tmp_path,
                env={n: v for n, v in os.environ.items() if warm or n != "SCOREHOUSE_WARM_DBT"},
                capture_output=True,
                text=True,
            )
            for warm in (False, True)
        )
        assert (warmed.stdout, warmed.returncode) == (cold.stdout, cold.returncode)
        # what had been imported before says where it began
        assert cold.stderr.startswith("beside False\n")
        assert warmed.stderr == cold.stderr.replace("False", "True", 1)


def still_open(file: Path) -> bool:
    """Whether another process holds the file."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == str(file):
                return True
        except OSError:  # closed since
            continue
    return False
