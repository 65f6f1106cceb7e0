"""Lives of an installed project, and the bugs that can be put back into it: see tests/life."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest
from clock import NEEDED, available
from engines import ENGINES, IN_DUCKDB_ALONE, Engine
from events.second_week import SECOND_WEEK
from history import BEGINNING, FIRST, Event, drawn, named_events
from installation import REPOSITORY, Installation, install
from ledger import mended
from life import Life
from life_bugs import Bug, all_bugs
from prepared import LIVES_PER_WORLD, BegunAnew, Prepared

needs_clock = pytest.mark.skipif(not available(), reason=NEEDED)
SHORT = (*FIRST, *SECOND_WEEK, *named_events(("corrections", "threshold changed")))
SOAK_SEEDS, SOAK_EVENTS = range(100), 8
ELSEWHERE = [engine for name, engine in ENGINES.items() if name != "duckdb"]
SEEDS_ELSEWHERE, EVENTS_ELSEWHERE = range(20), 4


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("installation"))


@pytest.mark.parametrize("bug", all_bugs().values(), ids=lambda bug: bug.name)
def test_a_bug_can_be_put_back(bug: Bug) -> None:
    assert all(text != (REPOSITORY / file).read_text() for file, text in bug.texts(REPOSITORY).items())


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, installation: Installation) -> Life:
    """A life of the events below, which none but these tests goes on with."""
    return Life(1, tmp_path_factory.mktemp("life"), installation)


@needs_clock
@pytest.mark.foreign
@pytest.mark.parametrize(("name", "event"), SHORT, ids=[name for name, _ in SHORT])
def test_a_short_life(name: str, event: Event, short: Life) -> None:
    """The first week, the page of the second, and events that do not depend on chance."""
    before = len(short.unknown)
    short.live([(name, event)])
    assert short.unknown[before:] == [], "\n".join(map(str, short.unknown[before:]))


@needs_clock
@pytest.mark.foreign
def test_what_the_short_life_did_not_meet_has_left_the_ledger(short: Life) -> None:
    assert short.step == len(SHORT), "the events above come first"
    assert not mended(short.violations), "these lines of tests/life/ledger.py are mended: take them out"


@pytest.fixture(scope="module")
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, installation: Installation
) -> Iterator[Prepared]:
    """The first days of ten lives, lived once."""
    days = Prepared(request.param, tmp_path_factory.mktemp("prepared"), installation, ENGINES["duckdb"])
    yield days
    days.close()


@needs_clock
@pytest.mark.foreign
@pytest.mark.soak
@pytest.mark.parametrize(
    ("seed", "prepared"), [(seed, seed // LIVES_PER_WORLD) for seed in SOAK_SEEDS], indirect=["prepared"]
)
def test_a_life(seed: int, prepared: Prepared) -> None:
    life = prepared.another(seed)
    life.live(drawn(life, SOAK_EVENTS)[BEGINNING:])
    print(life.summary())
    assert not life.unknown, "\n".join(map(str, life.unknown))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Engine], Installation]:
    """What a user of an engine installs, once."""

    @functools.cache
    def of(engine: str) -> Installation:
        needed = ENGINES[engine]
        folder = tmp_path_factory.mktemp(engine)
        return install(folder, lock=needed.lock, on_top=needed.on_top, extras=needed.extras)

    return lambda engine: of(engine.name)


@pytest.fixture(scope="module")
def elsewhere(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    installed: Callable[[Engine], Installation],
) -> Iterator[Prepared | BegunAnew]:
    """Where lives on an engine begin."""
    engine: Engine
    engine, world = request.param
    if reason := engine.missing():
        pytest.skip(reason)
    kind = BegunAnew if engine.is_short else Prepared
    lives = kind(world, tmp_path_factory.mktemp("elsewhere"), installed(engine), engine)
    yield lives
    lives.close()


@needs_clock
@pytest.mark.foreign
@pytest.mark.soak
@pytest.mark.parametrize(
    ("seed", "elsewhere"),
    [(seed, (engine, seed // LIVES_PER_WORLD)) for engine in ELSEWHERE for seed in SEEDS_ELSEWHERE],
    indirect=["elsewhere"],
    ids=[f"{engine.name}-{seed}" for engine in ELSEWHERE for seed in SEEDS_ELSEWHERE],
)
def test_a_life_elsewhere(seed: int, elsewhere: Prepared | BegunAnew) -> None:
    life = elsewhere.another(seed)
    life.live(drawn(life, EVENTS_ELSEWHERE)[BEGINNING:])
    print(life.summary())
    assert not life.unknown, "\n".join(map(str, life.unknown))


@pytest.mark.parametrize("engine", ELSEWHERE, ids=lambda engine: engine.name)
def test_a_page_says_what_an_engine_refuses(engine: Engine) -> None:
    for page, words in engine.refuses.values():
        assert words in " ".join((REPOSITORY / "docs" / "how-to" / page).read_text().split())


@pytest.mark.parametrize("engine", ELSEWHERE, ids=lambda engine: engine.name)
def test_the_page_names_each_command_that_an_engine_refuses(engine: Engine) -> None:
    for command in engine.refuses.keys() & set(IN_DUCKDB_ALONE):
        page, words = engine.refuses[command]
        lines = (REPOSITORY / "docs" / "how-to" / page).read_text().splitlines()
        assert any(f"{command}`" in line for line in lines if words in line), command
