"""What is measured: sets of cases, the most important first, and the results that already exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measure import PEERS, RAW, TREES
from models import MODELS
from peers import EMPTY, LIMIT, LOADED

Result = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One run of one peer."""

    set: str
    rows: int
    round: int
    model: str
    peer: str


@dataclass(frozen=True)
class CaseSet:
    """All peers in turn on each size, once per round."""

    name: str
    sizes: dict[str, int]  # rows by ML model
    peers: tuple[str, ...]
    rounds: int

    def cases(self, only: list[str], scale: float, rounds: int | None) -> Iterator[Case]:
        """Its cases, ordered so that feature tables are made as seldom as possible."""
        sizes = {model: int(rows * scale) for model, rows in self.sizes.items() if model in only}
        for rows in sorted(set(sizes.values())):
            for number in range(rounds or self.rounds):
                for model in (model for model, size in sizes.items() if size == rows):
                    for peer in (peer for peer in self.peers if model in TREES.get(peer, (model,))):
                        yield Case(self.name, rows, number, model, peer)


M = 1_000_000
CORE = (RAW, "pandas", "scorehouse", LOADED, LIMIT)
BARS = {"logistic": 10 * M, "flights": 10 * M, **{m: 3 * M for m in ("boosting", "forest", "lightgbm")}}
SETS = [
    CaseSet("bars", {**BARS, "kmeans": 3 * M, "network": 3 * M}, CORE, 3),
    CaseSet("peers", dict.fromkeys(MODELS, M), PEERS, 1),
    CaseSet("growth 3 M", dict.fromkeys(MODELS, 3 * M), ("scorehouse", LIMIT), 1),
    CaseSet("growth 30 M", dict.fromkeys(MODELS, 30 * M), ("scorehouse", LIMIT), 1),
    CaseSet("small", {"logistic": 10_000, "boosting": 10_000}, (EMPTY, LOADED, "pandas", "scorehouse"), 5),
]


class Results:
    """Results of cases, one per line of a JSON file, so a stop loses nothing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[Result] = []
        if file.exists():
            self.found = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]

    def has(self, case: Case) -> bool:
        """Whether a case was measured, or refused (it would be refused again)."""
        wanted = asdict(case)
        for result in self.found:
            if all(result[name] == value for name, value in wanted.items()):
                return True
            if "refused" in result and all(
                result[name] == wanted[name] for name in ("set", "rows", "model", "peer")
            ):
                return True
        return False

    def add(self, case: Case, **facts: Any) -> None:
        """Keep a result."""
        result = {**asdict(case), **facts}
        self.found.append(result)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as stream:
            stream.write(json.dumps(result) + "\n")
