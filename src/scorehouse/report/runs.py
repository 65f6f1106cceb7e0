"""What one row of the run log says."""

from __future__ import annotations

import json
import re
from collections import Counter

from scorehouse.errors import TO_DO
from scorehouse.project.run_log_place import NOT_FINISHED, SKIPPED, STARTED
from scorehouse.report.warehouse import Row

MARK = TO_DO.strip()
CALL = re.compile(r"^(?:[\w.]+\(.*?\)(?: in [^:\s]+)?|[^:]*): ")  # what was called


def beside(run: Row, other: Row) -> bool:
    """Whether they are runs of two tables by one command."""
    same = run["invocation_id"] == other["invocation_id"]
    return same and run.get("prediction_table") != other.get("prediction_table")


def stopped_by(run: Row) -> str:
    """What failed before a run that dbt skipped, such as `test not_null of orders.price`; else empty."""
    return str(run.get("error") or "").partition(": ")[0] if run["status"] == SKIPPED else ""


def error_of(run: Row) -> tuple[str, str]:
    """What went wrong, and what to do about it; the second is empty for an error that is not ours.

    Where a run was skipped, several tests may have failed before it. The first line of a macro's error is
    dbt's: which model, and where it stands.
    """
    lines = [line.strip() for line in str(run.get("error") or "").splitlines()] or [""]
    if len(lines) > 1 and lines[0].startswith("Compilation Error in "):
        del lines[0]
    actions = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    problem = CALL.sub("", lines[0], count=1) if actions and run["status"] != SKIPPED else lines[0]
    return problem.replace(".; ", "; ").rstrip("."), "; ".join(actions).strip().rstrip(".")


def run_status(run: Row) -> str:
    """The status of a run as the page shows it."""
    return NOT_FINISHED if run["status"] == STARTED else str(run["status"])


def reject_reasons(run: Row) -> Counter[str]:
    """The rows that a run rejected, by reason."""
    return Counter(json.loads(run.get("reject_reasons") or "{}"))


def table_name(run: Row) -> str:
    """Name of the prediction table of a run, without database and schema."""
    return str(run.get("prediction_table") or run.get("node") or "").rpartition(".")[2].strip('"`')
