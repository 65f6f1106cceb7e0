-- The estimated performance of the delay model, before it is known which flights were late.
{{ scorehouse.estimated_performance(
    predictions=ref('flight_predictions'),
    calibration=ref('flight_calibration'),
    day='flight_date',
) }}
