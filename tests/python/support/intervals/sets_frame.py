"""Scores and labels of four classes: version 1 has clean rows, version 2 all that can go wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd

CLASSES = ["low", "mid dle", "it's high", "rare"]
COLUMNS = ["score_low", "score_mid_dle", "score_it_s_high", "score_rare"]
LEVELS = (0.6, 0.9)
ROWS = 1_500
MONTHS = ("2026-01-10", "2026-02-10", "2026-03-10")


def scored(rows: int, version: int, seed: int) -> pd.DataFrame:
    """A third of the rows per month; March's labels are drawn without a look at the scores."""
    draw = np.random.default_rng(seed)
    chances = draw.dirichlet([0.8, 0.7, 0.6, 0.1], rows)
    place = np.arange(rows)
    month = place % 3
    at_random = np.where((month == 2)[:, None], np.full(4, 0.25), chances)
    labels = (at_random.cumsum(axis=1) > draw.random((rows, 1))).argmax(axis=1)
    frame = pd.DataFrame(chances, columns=COLUMNS)
    return frame.assign(
        id=place + version * 100_000,
        day=pd.to_datetime(np.array(MONTHS)[month]),
        region=np.where(place % 2 == 0, "north", "south"),
        prediction=np.array(CLASSES)[chances.argmax(axis=1)],
        y=np.array(CLASSES)[labels],
        row_status="scored",
        model_name="m",
        model_version=version,
        scored_at=pd.Timestamp("2026-01-01"),
    ).astype({"region": object, "y": object})


def drawn() -> pd.DataFrame:
    """Both versions, and a third with one label."""
    messy = scored(ROWS, 2, seed=11)
    january = messy.index[messy.day == MONTHS[0]]
    messy.loc[january[messy.y[january] == "rare"], "y"] = "low"  # `rare` is never a label of the calibration
    messy.loc[january[:3], "region"] = "small"
    messy.loc[january[3], "region"] = None
    messy.loc[january[4:34], "region"] = "unknown"
    messy.loc[january[4:24], "y"] = "never heard of"
    messy.loc[january[40], "y"] = None
    messy.loc[january[41], [*COLUMNS, "prediction"]] = None
    messy.loc[january[41], "row_status"] = "rejected"
    messy.loc[january[42], COLUMNS] = [0.25, 0.25, 0.25, 0.25]
    third = scored(3, 3, seed=12)
    return pd.concat([scored(ROWS, 1, seed=10), messy, third], ignore_index=True)


FRAME = drawn()


def calibration_rows(version: int) -> pd.DataFrame:
    """The rows of January that a calibration uses."""
    january = FRAME[(FRAME.day == MONTHS[0]) & (FRAME.model_version == version)]
    return january[january.y.notna() & january[COLUMNS].notna().all(axis=1)]
