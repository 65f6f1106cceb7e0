"""Compare one linear forecast of weekly demand with one per class of volume, and one per product.

    python examples/demand_by_segment.py

As `train_demand.py`, it trains on the weeks before May 2011 and judges on the later ones;
docs/how-to/segments.md has what it prints.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from _common import DATABASE, read
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from train_demand import FEATURES, QUERY, quality

from scorehouse import SegmentedRegressor

LEAST = 40  # weeks of a product, of at most 66
VOLUMES = {"under 2": 2, "2 to 10": 10, "10 to 40": 40, "40 or more": np.inf}


def linear() -> Pipeline:
    """A weighted sum of what is known of a product; a product may lack a feature in all of its weeks."""
    filled = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
    return make_pipeline(filled, StandardScaler(), Ridge(alpha=100.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default=DATABASE, help="DuckDB file that `./run demo` built")
    rows = read(parser.parse_args(), QUERY)
    volume = pd.cut(rows["units_mean_8"], [-np.inf, *VOLUMES.values()], labels=list(VOLUMES), right=False)
    rows["volume"] = volume.astype(object)
    is_training = rows["week_start"] < "2011-05-02"
    train, test = rows[is_training], rows[~is_training]
    tried: dict[str, tuple[Any, list[str]]] = {
        "one for all": (linear(), FEATURES),
        "one per class of volume": (SegmentedRegressor(linear(), by="volume"), ["volume", *FEATURES]),
        "one per product": (
            SegmentedRegressor(linear(), by="stock_code", min_rows=LEAST),
            ["stock_code", *FEATURES],
        ),
    }
    for name, (estimator, columns) in tried.items():
        estimator.fit(train[columns], train["units"])
        found = quality(test["units"], np.maximum(estimator.predict(test[columns]), 0))
        print(f"{name:<24}" + "  ".join(f"{key} {value:,.3f}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
