"""What tests of engines ask with: a request, and options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scorehouse.registry.policy import LoadPolicy
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request

REQUEST = Request(
    "run", "call", "model.shop.scores", '"memory"."main"."scores"', "runs", Path(), LoadPolicy()
)


def options(**given: Any) -> ScoreOptions:
    return ScoreOptions.checked("score()", **{"key": "id", **given})
