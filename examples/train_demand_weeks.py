"""Train `demand_weeks`: the units that a product sells in each of the next four weeks.

It is not among the examples that `./run demo` builds; docs/how-to/outputs.md goes through it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from _common import arguments, read, register, show
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor
from train_demand import FEATURES, quality

WEEKS = ["week_1", "week_2", "week_3", "week_4"]
LAST = "2011-11-28"  # the last whole week of the data

# The features of a week know the weeks before it; week_1 is the week itself, week_4 the third after it.
QUERY = f"""
    with ahead as (
        select
            stock_code,
            week_start,
            units as week_1,
            lead(units, 1) over weeks as week_2,
            lead(units, 2) over weeks as week_3,
            lead(units, 3) over weeks as week_4
        from product_weeks
        where week_start <= date '{LAST}'
        window weeks as (partition by stock_code order by week_start)
    )
    select features.*, {", ".join(WEEKS)}
    from demand_features as features
    inner join ahead using (stock_code, week_start)
    where week_4 is not null
    order by features.week_start, features.stock_code
"""


def boosting() -> MultiOutputRegressor:
    """Gradient boosting of the mean for each week, with the settings of `demand`."""
    trees = HistGradientBoostingRegressor(
        max_iter=150, learning_rate=0.05, min_samples_leaf=200, early_stopping=False, random_state=7
    )
    return MultiOutputRegressor(trees)


def main() -> None:
    """Train on weeks whose four labels lie before May 2011, compare with naive forecasts, register."""
    options = arguments(__doc__.splitlines()[0])
    rows = read(options, QUERY)
    week = rows["week_start"]
    train, test = rows[week < "2011-04-11"], rows[week >= "2011-05-02"]
    estimator = boosting().fit(train[FEATURES], train[WEEKS])
    forecast = pd.DataFrame(np.maximum(estimator.predict(test[FEATURES]), 0), columns=WEEKS)
    metrics = {}
    for name in WEEKS:
        found = quality(test[name], forecast[name])
        show(name, found)
        show(f"{name}, naive: the mean of four weeks", quality(test[name], test["units_mean_4"]))
        metrics |= {f"{metric}_{name}": value for metric, value in found.items()}
    register(
        options,
        estimator,
        name="demand_weeks",
        X=train[FEATURES],
        y=train[WEEKS],
        validation=(test[FEATURES], test[WEEKS]),
        task="multioutput_regression",
        description="Units that a product sells in each of the next four weeks",
        trained_from="2010-01-25",
        trained_to="2011-05-01",
        metrics=metrics,
        time=train["week_start"],
        alias="champion",
    )


if __name__ == "__main__":
    main()
