-- What the churn model is likely to be worth on snapshots whose labels are still to come.
{{ scorehouse.estimated_performance(
    predictions=ref('churn_predictions'),
    calibration=ref('churn_calibration'),
    day='snapshot_date',
) }}
