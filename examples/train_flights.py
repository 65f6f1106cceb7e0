"""Train the two versions of `flight_delay`: the risk, at pushback, of arriving more than 15 minutes late.

Version 1 is a logistic regression, version 2 is gradient boosting; the better one becomes the champion.
"""

from __future__ import annotations

from _common import arguments, binary_quality, read, register, show
from flight_pipelines import FEATURES, boosting, logistic

QUERY = """
    select features.*, labels.arrived_late
    from flight_features as features
    inner join flight_labels as labels using (flight_id)
    where labels.arrived_late is not null
    order by features.flight_id
"""


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
