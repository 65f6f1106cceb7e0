"""dbt's own log, in which scoring runs report."""

from __future__ import annotations

from dbt.adapters.events.logging import AdapterLogger

logger = AdapterLogger("scorehouse")
