-- How the scores of March to June compare with the customers who left: the basis of the estimates.
{{ scorehouse.calibration_table(
    predictions=ref('churn_predictions'),
    labels=ref('churn_labels'),
    key=['customer_id', 'snapshot_date'],
    label='churned',
    options={'day': 'snapshot_date'},
    date_to='2011-07-01',
) }}
