"""A small training frame with numbers, texts, booleans and holes, and a label for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 600
DRAW = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "amount": DRAW.normal(size=ROWS),
        "visits": DRAW.integers(0, 40, ROWS),
        "city": DRAW.choice(["Basel", "Köln", "Łódź"], ROWS),
        "is_new": DRAW.random(ROWS) < 0.5,
        "age": np.where(DRAW.random(ROWS) < 0.1, np.nan, DRAW.normal(40, 9, ROWS)),
    }
)
LABEL = FRAME.amount + (FRAME.city == "Köln") + DRAW.normal(size=ROWS) > 0.5
