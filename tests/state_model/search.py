"""Exhaustive search of a small model: every order of its actions, with the shortest way to each violation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Steps = Callable[[State], Iterator[tuple[str, State]]]


@dataclass(frozen=True)
class Explored(Generic[State]):
    """How many states there are, and the shortest way to each kind of violation."""

    states: int
    violations: dict[str, tuple[str, ...]]


def explore(
    first: State, steps: Steps[State], wrong: Callable[[State], Iterable[str]], most: int = 2_000_000
) -> Explored[State]:
    """All states that can be reached, breadth first; RuntimeError beyond `most`.

    `steps` gives what can happen next, each with a name; `wrong` says what is violated in a state.
    """
    came: dict[State, tuple[State, str] | None] = {first: None}
    waiting, found = deque([first]), dict[str, tuple[str, ...]]()
    while waiting:
        state = waiting.popleft()
        for text in wrong(state):
            found.setdefault(text, _way_to(state, came))
        for name, after in steps(state):
            if after not in came:
                came[after] = (state, name)
                waiting.append(after)
        if len(came) > most:
            raise RuntimeError(f"more than {most:,} states: the model is too large to be searched")
    return Explored(len(came), found)


def _way_to(state: State, came: dict[State, tuple[State, str] | None]) -> tuple[str, ...]:
    names: list[str] = []
    while (step := came[state]) is not None:
        state, name = step
        names.append(name)
    return tuple(reversed(names))
