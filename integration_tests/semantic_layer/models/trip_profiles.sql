{{ scorehouse.profile(
    predictions=ref('trip_predictions'),
    reference=ref('ml_delay__reference'),
    features=ref('trips'),
    key='trip_id',
    day='trip_day',
    signature=ref('ml_delay__signature'),
) }}
