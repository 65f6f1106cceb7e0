-- How the scores of July and August compare with the outcomes: the basis of the estimates.
{{ scorehouse.calibration_table(
    predictions=ref('flight_predictions'),
    labels=ref('flight_labels'),
    key='flight_id',
    label='arrived_late',
    options={'day': 'flight_date'},
    date_to='2013-09-01',
) }}
