-- The estimated performance of the churn model, including snapshots whose labels have not arrived yet.
{{ scorehouse.estimated_performance(
    predictions=ref('churn_predictions'),
    calibration=ref('churn_calibration'),
    day='snapshot_date',
) }}
