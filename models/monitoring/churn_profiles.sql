-- Counts of every feature and output of the churn model in its training bins, by month of snapshot.
{{ scorehouse.profile(
    predictions=ref('churn_predictions'),
    reference=ref('ml_churn__reference'),
    features=ref('churn_scoring_features'),
    key=['customer_id', 'snapshot_date'],
    day='snapshot_date',
    signature=ref('ml_churn__signature'),
) }}
