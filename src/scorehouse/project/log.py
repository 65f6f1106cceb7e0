"""dbt's own log, which scoring runs write to."""

from __future__ import annotations

from dbt.adapters.events.logging import AdapterLogger

logger = AdapterLogger("scorehouse")
