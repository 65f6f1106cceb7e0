"""Train the two versions of `flight_delay`: the risk, at pushback, of arriving more than 15 minutes late.

Version 1 is a logistic regression, version 2 is gradient boosting; the better one becomes the champion. Both
refuse a flight without `dep_delay` (it was cancelled) and an unknown carrier or departure airport. Missing
weather and plane data are imputed, and an unknown destination is accepted as unknown.
"""

from __future__ import annotations

from _common import arguments, binary_quality, read, register, show
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

KNOWN = ["carrier", "origin"]
SCHEDULE = ["day_of_week", "departure_hour", "clock_minutes", "distance"]
GAPPY = ["temp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_age", "seats"]
FEATURES = [*KNOWN, "dest", *SCHEDULE, "dep_delay", *GAPPY]

QUERY = """
    select features.*, labels.arrived_late
    from flight_features as features
    inner join flight_labels as labels using (flight_id)
    where labels.arrived_late is not null
    order by features.flight_id
"""


def logistic() -> Pipeline:
    """Version 1. `dep_delay` has no imputer, so the regression refuses a missing value."""
    columns = ColumnTransformer(
        [
            ("known", OneHotEncoder(handle_unknown="error"), KNOWN),
            ("dest", OneHotEncoder(handle_unknown="ignore"), ["dest"]),
            ("complete", StandardScaler(), [*SCHEDULE, "dep_delay"]),
            ("gappy", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), GAPPY),
        ]
    )
    return Pipeline([("columns", columns), ("estimator", LogisticRegression(max_iter=1000))])


def boosting() -> Pipeline:
    """Version 2. The trees would accept a missing `dep_delay`: a validating identity step refuses it."""
    identity = FunctionTransformer(validate=True, feature_names_out="one-to-one")
    columns = ColumnTransformer(
        [
            ("known", OrdinalEncoder(handle_unknown="error"), KNOWN),
            ("dest", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["dest"]),
            ("complete", identity, [*SCHEDULE, "dep_delay"]),
            ("gappy", SimpleImputer(strategy="median"), GAPPY),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=150, early_stopping=False, random_state=7)
    return Pipeline([("columns", columns), ("estimator", trees)])


def main() -> None:
    """Train on January to June, evaluate on July to December, register both versions."""
    options = arguments(__doc__.splitlines()[0])
    rows = read(options, QUERY)
    is_training = rows["month"] <= 6
    train, test = rows[is_training], rows[~is_training]
    versions = [
        (logistic(), "Logistic regression on schedule, delay at departure, weather and plane"),
        (boosting(), "Gradient boosting on schedule, delay at departure, weather and plane"),
    ]
    metrics = []
    for pipeline, description in versions:
        pipeline.fit(train[FEATURES], train["arrived_late"])
        quality = binary_quality(test["arrived_late"], pipeline.predict_proba(test[FEATURES])[:, 1])
        show(description, quality)
        metrics.append(quality)
    best = min(range(len(versions)), key=lambda position: metrics[position]["log_loss"])
    for position, (pipeline, description) in enumerate(versions):
        register(
            options,
            pipeline,
            name="flight_delay",
            X=train[FEATURES],
            y=train["arrived_late"],
            validation=(test[FEATURES], test["arrived_late"]),
            task="classification",
            description=description,
            trained_from="2013-01-01",
            trained_to="2013-06-30",
            metrics=metrics[position],
            threshold=0.5,
            time=train["flight_date"],
            alias="champion" if position == best else "challenger",
        )


if __name__ == "__main__":
    main()
