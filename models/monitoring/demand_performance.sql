-- How far the forecasts were from the units sold, by month.
{{ scorehouse.performance(
    predictions=ref('demand_predictions'),
    labels=ref('demand_labels'),
    key=['stock_code', 'week_start'],
    label='units',
    task='regression',
    day='week_start',
    maturity={'days': 7, 'share': 0.95, 'as_of': '2011-12-10'},
) }}
