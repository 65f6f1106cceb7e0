-- What the delay model is likely to be worth, before anyone knows which flights were late.
{{ scorehouse.estimated_performance(
    predictions=ref('flight_predictions'),
    calibration=ref('flight_calibration'),
    day='flight_date',
) }}
