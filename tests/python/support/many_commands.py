"""What dbt does in each command, and a process of hundreds need not: importing this changes dbt.

It is a sixth of the processor's time of tests that run dbt in their own process, and a third of that of the
commands that begin in a process that has imported dbt (`warm/`).
"""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from types import CodeType
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.tests import enable_test_caching
from dbt_common.utils.encoding import JSONEncoder
from jinja2 import Environment

_fire_event = EventManager.fire_event
_compile = Environment.compile
_compiled: dict[tuple[type[Environment], str], CodeType] = {}


def _fire_what_is_heard(
    manager: EventManager, e: BaseEvent, level: EventLevel | None = None, *args: Any, **kwargs: Any
) -> None:
    """A debug event becomes a message only where a logger takes one; dbt makes all of them first."""
    if (level or e.level_tag()) == EventLevel.DEBUG and not any(
        logger.level == EventLevel.DEBUG for logger in manager.loggers
    ):
        return
    _fire_event(manager, e, level, *args, **kwargs)


def _compile_once(
    environment: Environment, source: Any, name: str | None = None, filename: str | None = None, *args: Any
) -> CodeType:
    """The code of a macro is the same in each command; the names that it reads are bound later."""
    if not isinstance(source, str) or name or filename or args:
        return _compile(environment, source, name, filename, *args)  # type: ignore[no-any-return]
    key = type(environment), source
    if key not in _compiled:
        _compiled[key] = _compile(environment, source)
    return _compiled[key]


def _encode_at_once(encoder: JSONEncoder, document: Any, _one_shot: bool = False) -> Any:
    """The same text of a manifest or of results, by the encoder that is written in C."""
    return json.JSONEncoder.iterencode(encoder, document, _one_shot=True)


EventManager.fire_event = _fire_what_is_heard  # type: ignore[method-assign]
Environment.compile = _compile_once  # type: ignore[method-assign,assignment]
JSONEncoder.iterencode = _encode_at_once
enable_test_caching()  # of dbt's own tests: parsed Jinja, and which plugins are installed
# For the name of the module that sets a flag, dbt looks through the stack and all modules, once per flag.
BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters")
# A command makes and drops some hundred thousand objects: the collections during it find little to free.
gc.set_threshold(200_000, 20, 1_000)


def close_database(file: Path) -> None:
    """dbt-duckdb keeps its file open until it is collected; other processes of a test need it."""
    DuckDBConnectionManager.close_all_connections()
    gc.collect(1)  # what this command has made
    if _is_open(file):
        gc.collect()


def _is_open(file: Path) -> bool:
    """Whether this process holds the file open, or cannot tell."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        return True
    for descriptor in descriptors.iterdir():
        try:
            if os.readlink(descriptor) == str(file.resolve()):
                return True
        except OSError:  # closed since
            continue
    return False
