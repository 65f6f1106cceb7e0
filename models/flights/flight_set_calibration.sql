-- How unlikely the delay model found what happened in July, by airport: score quantiles from August on.
{{ scorehouse.set_calibration(
    predictions=ref('flight_predictions'),
    labels=ref('flight_labels'),
    key='flight_id',
    label='arrived_late',
    classes=[0, 1],
    levels=[0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99],
    group='origin',
    options={'day': 'flight_date', 'date_to': '2013-08-01'},
) }}
