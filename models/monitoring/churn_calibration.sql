-- How the scores of March to June compare with who left: the ground of the estimates.
{{ scorehouse.calibration_table(
    predictions=ref('churn_predictions'),
    labels=ref('churn_labels'),
    key=['customer_id', 'snapshot_date'],
    label='churned',
    options={'day': 'snapshot_date'},
    date_to='2011-07-01',
) }}
