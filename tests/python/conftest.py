"""Fixtures that several test modules share."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from _pytest.junitxml import xml_key
from hypothesis import settings

from foreign import ForeignProject, built_foreign_project, foreign_project_in
from monitored import monitored
from project import REPOSITORY, DbtProject, MakeKernel, registered_kernel
from scorehouse.program.native.build import build, is_current, this_platform
from shared import copy_of, shared_folder
from versions import versions
from virtual_environments import WARM

if TYPE_CHECKING:
    from every_engine import Engine
    from postgres.server import Server
    from spark.project import SparkProject

# Registration loads what it writes in a process of its own, which finds the classes of test modules here.
FOLDERS = [str(WARM), *sorted(str(folder) for folder in Path(__file__).parent.iterdir() if folder.is_dir())]
os.environ["PYTHONPATH"] = os.pathsep.join([*FOLDERS, *filter(None, [os.environ.get("PYTHONPATH")])])
# `./run` names this repository and its profile, whatever project a test's command stands in.
for place in ("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"):
    os.environ.pop(place, None)
# how long an example takes depends on what else the machine does
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
LONGEST = ("test_rescore_oracle.py", "test_rescore.py")
# A test, with its fixtures, that takes longer fails and says where it stood; a process that is stuck in code
# which no signal reaches is ended, and the test fails too. The slowest test takes a quarter of it.
TEST_SECONDS, PROCESS_SECONDS = 600, 900
STANDARD_ERROR = pytest.StashKey[int]()
LEFT_OUT = pytest.StashKey[Counter[str]]()
COMMANDS = {"soak": "soak", "foreign": "all", "heavy": "all", "slow": "all"}  # of ./run test, by marker


def pytest_configure(config: pytest.Config) -> None:
    """Keep standard error, which is pytest's own file while a test runs and while this file is imported."""
    config.stash[STANDARD_ERROR] = os.dup(2)
    if sys.platform == "linux" and "SCOREHOUSE_WARM_DBT" not in os.environ:  # which workers inherit
        folder = tempfile.mkdtemp(prefix="dbt-")
        programs = (str(Path(sys.executable).with_name(name)) for name in ("dbt", "scorehouse"))
        words = os.pathsep.join([str(os.getpid()), f"{folder}/socket", *programs])
        os.environ["SCOREHOUSE_WARM_DBT"] = words
        config.add_cleanup(lambda: shutil.rmtree(folder))
    if "SCOREHOUSE_WARM_DBT" in os.environ and "COVERAGE_PROCESS_CONFIG" in os.environ:
        os.environ["SCOREHOUSE_COVERAGE"] = os.environ.pop("COVERAGE_PROCESS_CONFIG")  # see sitecustomize.py


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say in JUnit results what tests run on, and build the kernel anew where its source has changed."""
    if results := session.config.stash.get(xml_key, None):  # of this process, where workers have none
        for name, version in versions():
            results.add_global_property(name, version)
    if not is_current() and not hasattr(session.config, "workerinput"):
        with contextlib.suppress(KeyError, RuntimeError):  # no kernel for this platform, or no compiler
            build(this_platform(), local=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, then those that make environments: no worker ends with them alone."""
    for item in items:
        if marker := item.get_closest_marker("capability"):
            item.user_properties.append(("capability", marker.args[0]))  # which JUnit results show
    items.sort(key=lambda item: (item.path.name not in LONGEST, item.get_closest_marker("foreign") is None))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Keep what the markers left out, for the last lines."""
    for item in items:
        left_out = item.config.stash.setdefault(LEFT_OUT, Counter())
        out = (name for name in COMMANDS if f"not {name}" in item.config.option.markexpr)
        if marker := next((name for name in out if item.get_closest_marker(name)), None):
            left_out[marker] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which command runs what was left out, where files were named."""
    named = [word for word in config.invocation_params.args if word.startswith("tests/")]
    for marker, count in config.stash.get(LEFT_OUT, Counter()).items() if named else ():
        command = f"./run test {COMMANDS[marker]} {' '.join(named)}"
        terminalreporter.write_line(f"{count} left out, marked {marker}: {command}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """One test that waits for ever stops neither the others nor CI."""

    standard_error = item.config.stash[STANDARD_ERROR]

    def stuck(*_: object) -> NoReturn:
        faulthandler.dump_traceback(standard_error)
        raise TimeoutError(f"{item.nodeid} takes longer than {TEST_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(TEST_SECONDS)
    faulthandler.dump_traceback_later(PROCESS_SECONDS, exit=True, file=standard_error)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pytest_collection_finish() -> None:
    """Imported modules stay: the garbage collection at the end of each dbt command need not look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def what_a_module_leaves_is_not_looked_at() -> Iterator[None]:
    """Each dbt command collects garbage: behind the oracle's many runs, that took longer than the command."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DuckDB file of this project, built: a copy of what `./run test` has built, else its main tables."""
    folder = tmp_path_factory.mktemp("examples")
    if built := os.environ.get("SCOREHOUSE_BUILT"):
        return Path(shutil.copy(built, folder))  # under its own name, by which its views name their tables
    file = folder / "house.duckdb"
    dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--exclude-resource-type", "test"]
    wanted = ["+late_risk_by_route_day", "+churn_watchlist", "flight_labels", "churn_labels"]
    wanted += ["churn_predictions_sql", "flight_challenge_features", "+flight_drift", "+churn_estimates"]
    wanted += [f"+{name}_performance" for name in ("flight", "churn", "demand", "ranking", "segment")]
    wanted += ["scorehouse_runs", "resource_type:seed"]  # a version scores where what monitors it is loaded
    places = ["--target-path", str(file.parent / "target"), "--log-path", str(file.parent / "logs")]
    settings = {"SCOREHOUSE_DATABASE": str(file), "DBT_PROFILES_DIR": str(REPOSITORY)}
    ended = subprocess.run(
        [*dbt, "--select", *wanted, *places],
        cwd=REPOSITORY,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    return file


@pytest.fixture
def make_kernel(tmp_path: Path) -> MakeKernel:
    """Registers an estimator in a folder of this test, and gives the kernel of what was written."""
    return functools.partial(registered_kernel, tmp_path)


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiler's registered cases, which all processes of a test run share."""
    folder = shared_folder(tmp_path_factory) / "cases"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    """An empty dbt project of this test."""
    return DbtProject(tmp_path / "house")


@pytest.fixture
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that registration takes for a dbt project, which is also the working folder."""
    (tmp_path / "dbt_project.yml").write_text("name: scorehouse\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def monitored_project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A project whose ML model is monitored whole; for reading only."""
    made = copy_of(tmp_path_factory, "monitored", lambda folder: monitored(folder / "house"))
    return DbtProject.made(made / "house")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for all tests of a process."""
    from postgres.server import running_server  # skips where the extra is missing

    with running_server() as found:
        yield found


@pytest.fixture(scope="session")
def empty_mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of MLflow that each test copies; for reading only."""
    from mlflow_stores import make_empty_database  # skips where the extra is missing

    return make_empty_database(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(params=["sqlite"])
def mlflow_store(
    request: pytest.FixtureRequest,
    empty_mlflow_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The address of an empty store in the folder of this test; where a test asks for it, of either kind."""
    from mlflow_stores import open_store

    return open_store(request.param, empty_mlflow_database, tmp_path, monkeypatch)


ENGINES = ["duckdb", "ducklake", pytest.param("spark", marks=pytest.mark.foreign)]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An empty project on each engine in turn, for all tests of a module."""
    from every_engine import opened

    with opened(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture(scope="module")
def spark_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkProject]:
    """A project on Spark, whose session serves all tests of a module."""
    from spark import project as spark
    from spark.cluster import environment

    os.environ.update(environment())
    folder = tmp_path_factory.mktemp("spark") / "house"
    of_drift = {"spark.driver.memory": "2g"}  # in which Spark plans it
    yield spark.SparkProject(folder, spark.quick(folder, **of_drift))
    spark.stop_session()


@pytest.fixture(scope="session")
def foreign_project(tmp_path_factory: pytest.TempPathFactory) -> ForeignProject:
    """A stranger's project that has this package installed, built; for reading only."""
    return foreign_project_in(copy_of(tmp_path_factory, "foreign", built_foreign_project))
