-- Whether to train the demand model anew, and why, as an orchestrator may read it.
{{ scorehouse.retraining_signals(
    registry=ref('ml_demand'),
    drift=ref('demand_drift'),
    performance=ref('demand_performance'),
    predictions=ref('demand_predictions'),
    limits={'metric': 'wape', 'age_days': 365},
    as_of='2011-12-10',
) }}
