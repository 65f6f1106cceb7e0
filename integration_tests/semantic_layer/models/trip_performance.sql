{{ scorehouse.performance(
    predictions=ref('trip_predictions'),
    labels=ref('trip_labels'),
    key='trip_id',
    label='late',
    day='trip_day',
    segments=['line'],
    maturity={'days': 1, 'share': 0.9, 'as_of': '2026-04-01'},
    options={'thresholds': {'roc_auc': 0.97}},
) }}
