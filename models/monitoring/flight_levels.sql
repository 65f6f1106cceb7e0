-- The level that each week's sets should ask for, by how many outcomes the weeks before held.
{{ scorehouse.adaptive_level(
    predictions=ref('flight_predictions'),
    labels=ref('flight_labels'),
    calibration=ref('flight_set_calibration'),
    key='flight_id',
    label='arrived_late',
    level=0.95,
    period='week',
    options={
        'classes': [0, 1], 'day': 'flight_date', 'date_from': '2013-08-01', 'group': 'origin',
        'maturity': {'days': 1, 'share': 0.95},
    },
) }}
