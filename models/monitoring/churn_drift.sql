-- Each month of snapshots against the training snapshots.
{{ scorehouse.drift(
    profiles=ref('churn_profiles'),
    reference=ref('ml_churn__reference'),
    window='month',
    importance=ref('ml_churn__signature'),
) }}
