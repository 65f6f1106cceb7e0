"""The background of a retrained version's reasons: chosen as that of its parent was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scorehouse.forms.reasons.background import background_facts
from scorehouse.forms.reasons.read import read_background
from scorehouse.registry.version import Version
from scorehouse.retraining.job import Job
from scorehouse.scoring.request import load_policy


def background_of_parent(job: Job, training_rows: int) -> Any:
    """As `register` takes it: as many training rows as were drawn for the parent, or the rows it was given.

    None for a parent without a background. Raises ScorehouseError if its rows cannot be read.
    """
    parent = Version.from_row(job.parent)
    known = background_facts(parent)
    if not known:
        return None
    if known["drawn"]:
        return min(int(known["rows"]), training_rows)
    root = Path(job.project)
    rows = read_background(root, parent, load_policy(root), job.call)
    return None if rows is None else rows.to_pandas()
