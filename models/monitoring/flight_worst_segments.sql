-- The flights, by carrier, airports, hour and delay, for which the delay model is certainly worse.
{{ scorehouse.worst_segments(
    predictions=ref('flight_predictions'),
    columns=['carrier', 'origin', 'dest'],
    numbers=['departure_hour', 'dep_delay'],
    measure='log_loss',
    labels=ref('flight_labels'),
    key='flight_id',
    label='arrived_late',
    features=ref('flight_scoring_features'),
    options={'threshold': 0.25},
) }}
