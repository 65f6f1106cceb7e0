"""What contributions are computed from, with one field changed, and whether contributions change."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import numpy as np
import pandas as pd

from altered_programs import packed, unpacked, with_head
from certified_models import Stored
from edited_programs import accepted_columns, rows_with_holes
from scorehouse.program.store import reasons_in


def reasons_edits(program: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Single edits: of the rows that a node counted, of the feature of a column, of outputs and the unit."""
    draw, whole = random.Random(seed), unpacked(program)
    own = json.loads(whole["head"].tobytes())["reasons"]
    for _ in range(count):
        made, name = dict(own), draw.choice(["cover", "owners", "explained", "unit"])
        if name == "cover" and "cover" in whole:
            cover = whole["cover"].copy()
            place = draw.randrange(len(cover))
            cover[place] = draw.choice([cover[place] + 1.0, np.nextafter(cover[place], np.inf), 0.0])
            text = f"cover[{place}]: {whole['cover'][place]} -> {cover[place]}"
            yield text, packed({**whole, "cover": cover})
            continue
        if name == "unit":
            made["unit"] = draw.choice(["log-odds", "probability", "decision value", "logit of the class"])
        else:
            name = "owners" if name == "cover" else name
            made[name] = list(own[name])
            place = draw.randrange(len(own[name]))
            made[name][place] = max(0, made[name][place] + draw.choice([-1, 1]))
        yield f"{name}: {own[name]} -> {made[name]}", packed(with_head(whole, {"reasons": made}))


class ReasonsMeaning:
    """The contributions to training rows, and the unit that they are in."""

    def __init__(self, model: Stored, X: pd.DataFrame) -> None:
        self.version = model.version
        self.columns = [accepted_columns(model, part) for part in rows_with_holes(X)]
        self.expected = self.of(model.program)

    def of(self, program: bytes) -> list[object] | None:
        """Parts and base of each set of rows; None for a program that is refused when it is read."""
        try:
            backend = reasons_in(program, self.version)
        except Exception:
            return None
        made: list[object] = [backend.unit]
        for columns in self.columns:
            try:
                with np.errstate(all="ignore"):
                    one = backend.contributions(columns)
                made += [one.base.tobytes(), one.parts.tobytes()]
            except Exception as error:
                made.append(type(error).__name__)
        return made

    def is_changed(self, program: bytes) -> bool:
        return self.of(program) != self.expected
