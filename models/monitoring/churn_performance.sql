-- The performance of the churn model, by snapshot. A customer's label is known 90 days after the snapshot,
-- which is the first of a month: 60 days after the month's end, no label can be missing. Before that, no
-- value is reported.
{{ scorehouse.performance(
    predictions=ref('churn_predictions'),
    labels=ref('churn_labels'),
    key=['customer_id', 'snapshot_date'],
    label='churned',
    day='snapshot_date',
    maturity={'days': 60, 'share': 0.95, 'as_of': '2011-12-10'},
) }}
