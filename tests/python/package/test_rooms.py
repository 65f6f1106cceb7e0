"""The rooms of the runtime import downwards only, and the files that newcomers read first are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from project import REPOSITORY

SOURCE = REPOSITORY / "src" / "scorehouse"
# from the bottom layer up, as in CONTRIBUTING
ROOMS = (
    *(
        "errors",
        "dialect",
        "load_lock",
        "child_process",
        "metrics",
        "drawing",
        "project",
        "registry",
        "kernel",
        "training",
        "segmented",
    ),
    *("quantiles", "dates", "child_process", "certificate"),
    *("program", "scoring", "engines", "registration", "online", "report", "retraining", "rehearsal"),
    *("replay", "explain", "impact", "evidence", "answer", "outbox", "forgetting", "interop"),
    *("api", "cli"),
)


def imports() -> Iterator[tuple[str, str, str]]:
    """The file, its room, and the room that it imports from."""
    for file in SOURCE.rglob("*.py"):
        inside = file.relative_to(SOURCE)
        own = inside.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom) or not node.module or node.level:
                continue
            package, _, rest = node.module.partition(".")
            if package != "scorehouse" or own == "__init__":
                continue
            for name in [rest] if rest else [alias.name for alias in node.names]:
                yield inside.as_posix(), own, name.partition(".")[0]


def test_rooms_import_downwards_only() -> None:
    found = list(imports())
    assert {own for _, own, _ in found} | {room for _, _, room in found} <= {*ROOMS, "__version__"}
    places = {room: number for number, room in enumerate(ROOMS)}
    upwards = [
        f"{file} imports {room}"
        for file, own, room in found
        if own != room and places.get(room, 0) >= places[own]
    ]
    assert upwards == []


def test_the_files_to_read_first_are_there() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    listed = text[text.index("Read these five files first") :].partition("\n\n")[0]
    named = re.findall(r"`([\w/]+\.\w+)`", listed)
    assert len(named) == 5
    assert [name for name in named if not (REPOSITORY / name).is_file()] == []
