-- Whether to make the customer segments anew, and why, as an orchestrator may read it.
{{ scorehouse.retraining_signals(
    registry=ref('ml_segments'),
    drift=ref('segment_drift'),
    predictions=ref('segment_predictions'),
    limits={'age_days': 365},
    as_of='2011-12-10',
) }}
