-- How many outcomes the sets of the delay model held, by month of flight and airport.
{{ scorehouse.performance(
    predictions=ref('flight_sets'),
    labels=ref('flight_labels'),
    key='flight_id',
    label='arrived_late',
    day='flight_date',
    segments=['origin'],
    maturity={'days': 1, 'share': 0.95},
    options={'set': 'prediction_set'},
) }}
