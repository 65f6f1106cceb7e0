"""Process-wide settings, for overlapping runs that each want their own value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedSetting(Generic[T]):
    """A setting that overlapping runs share: the first to enter saves it, the last to leave restores it.

    In between, `choose` computes it from the saved value and the values that the active runs want. Each
    `key`, such as a database, has a setting of its own.
    """

    def __init__(self, choose: Callable[[T, Collection[T]], T]) -> None:
        self._choose = choose
        self._lock = threading.Lock()
        self._wanted: dict[str, dict[object, T]] = {}
        self._before: dict[str, T] = {}

    @contextmanager
    def held(
        self, value: T, read: Callable[[], T], write: Callable[[T], None], key: str = ""
    ) -> Iterator[None]:
        """Request `value` until the end; `read` and `write` access the setting from this run."""
        mine, wanted = object(), self._wanted.setdefault(key, {})
        try:
            with self._lock:
                if not wanted:
                    self._before[key] = read()
                wanted[mine] = value
                write(self._choose(self._before[key], wanted.values()))
            yield
        finally:
            with self._lock:
                if mine in wanted:
                    del wanted[mine]
                    before, left = self._before[key], wanted.values()
                    write(self._choose(before, left) if left else before)


# models that dbt builds at the same time share one Spark session; the newest of them decides
_spark: SharedSetting[str] = SharedSetting(lambda _, wanted: list(wanted)[-1])


@contextmanager
def spark_setting(session: Any, name: str, value: str | None) -> Iterator[None]:
    """Set a setting of the Spark session while this run and overlapping runs last; None: do not change it."""
    if not value:
        yield
        return
    with _spark.held(
        value, lambda: str(session.conf.get(name)), lambda chosen: session.conf.set(name, chosen), key=name
    ):
        yield
