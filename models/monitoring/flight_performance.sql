-- The performance of the delay model, by month of flight and airport.
{{ scorehouse.performance(
    predictions=ref('flight_predictions'),
    labels=ref('flight_labels'),
    key='flight_id',
    label='arrived_late',
    day='flight_date',
    segments=['origin'],
    maturity={'days': 1, 'share': 0.95},
) }}
