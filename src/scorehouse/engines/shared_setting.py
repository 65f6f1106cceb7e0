"""Process-wide settings, for overlapping runs that each want their own value."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedSetting(Generic[T]):
    """A setting that overlapping runs share: the first to enter saves it, the last to leave restores it.

    In between, `choose` computes it from the saved value and the values that the active runs want.
    """

    def __init__(self, choose: Callable[[T, Collection[T]], T]) -> None:
        self._choose = choose
        self._lock = threading.Lock()
        self._wanted: dict[object, T] = {}
        self._before: T

    @contextmanager
    def held(self, value: T, read: Callable[[], T], write: Callable[[T], None]) -> Iterator[None]:
        """Request `value` until the end; `read` and `write` access the setting from this run."""
        mine = object()
        try:
            with self._lock:
                if not self._wanted:
                    self._before = read()
                self._wanted[mine] = value
                write(self._choose(self._before, self._wanted.values()))
            yield
        finally:
            with self._lock:
                if mine in self._wanted:
                    del self._wanted[mine]
                    left = self._wanted.values()
                    write(self._choose(self._before, left) if left else self._before)


# by name: models that dbt builds at the same time share one Spark session
_spark: defaultdict[str, SharedSetting[str]] = defaultdict(lambda: SharedSetting(_newest))


def _newest(_: str, wanted: Collection[str]) -> str:
    return list(wanted)[-1]


@contextmanager
def spark_setting(session: Any, name: str, value: str | None) -> Iterator[None]:
    """Set a setting of the Spark session while this run and overlapping runs last; None: do not change it."""
    if not value:
        yield
        return
    with _spark[name].held(
        value, lambda: str(session.conf.get(name)), lambda chosen: session.conf.set(name, chosen)
    ):
        yield
