-- Whether to train the ranking anew, and why, as an orchestrator may read it.
{{ scorehouse.retraining_signals(
    registry=ref('ml_next_product'),
    drift=ref('ranking_drift'),
    predictions=ref('ranking_predictions'),
    limits={'age_days': 365},
    as_of='2011-12-10',
) }}
