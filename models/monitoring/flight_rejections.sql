-- The flights that are rejected more often than others: no row is dropped, so it can be said whose they are.
{{ scorehouse.worst_segments(
    predictions=ref('flight_predictions'),
    columns=['carrier', 'origin', 'dest'],
    measure='rejected_share',
    key='flight_id',
    features=ref('flight_scoring_features'),
    options={'threshold': 0.1},
) }}
