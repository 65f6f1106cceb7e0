-- How many units sold lay in their intervals, by month and volume.
{{ scorehouse.performance(
    predictions=ref('demand_intervals'),
    labels=ref('demand_labels'),
    key=['stock_code', 'week_start'],
    label='units',
    task='regression',
    day='week_start',
    segments=['volume'],
    maturity={'days': 7, 'share': 0.95, 'as_of': '2011-12-10'},
    options={'lower': 'prediction_low', 'upper': 'prediction_high'},
) }}
