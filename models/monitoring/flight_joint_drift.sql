-- Whether features of the flights still go together as in the training months, pair by pair.
{{ scorehouse.joint_drift(
    predictions=ref('flight_predictions'),
    reference=ref('ml_flight_delay__reference'),
    features=ref('flight_scoring_features'),
    key='flight_id',
    day='flight_date',
) }}
