"""dbt's own log, which scoring runs write to."""

from __future__ import annotations

from typing import Any


class _Log:
    """Imports dbt with the first line: the commands that only read would wait for it half a second."""

    def __getattr__(self, level: str) -> Any:
        from dbt.adapters.events.logging import AdapterLogger

        return getattr(AdapterLogger("scorehouse"), level)


logger = _Log()
