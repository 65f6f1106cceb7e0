-- How far forecasts of May to July were off, by volume: half widths of 90 % intervals for the weeks after.
{{ scorehouse.interval_calibration(
    predictions=ref('demand_by_volume'),
    labels=ref('demand_labels'),
    key=['stock_code', 'week_start'],
    label='units',
    levels=[0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99],
    group='volume',
    day='week_start',
    date_to='2011-08-01',
) }}
