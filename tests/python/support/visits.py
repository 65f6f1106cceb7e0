"""A toy world of two features, and edits of its registry as a hand in the file makes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from project import DbtProject

FEATURES = (
    "select i as id, (i % 50)::double as age, i % 7 as visits, 'x' || i as note from range(200) as t(i)"
)


def edit_registry(old: str, new: str) -> Callable[[DbtProject, str], None]:
    def edit(project: DbtProject, model: str) -> None:
        file = project.folder / f"seeds/ml/{model}/ml_{model}.csv"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return edit


def registered_by(version: str) -> Callable[[DbtProject, str], None]:
    import sklearn

    return edit_registry(f",{sklearn.__version__},", f",{version},")


def training() -> pd.DataFrame:
    return pd.DataFrame({"age": np.arange(60.0), "visits": np.arange(60) % 7})
