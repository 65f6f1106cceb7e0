-- The level that each week's intervals should ask for, by how many labels the weeks before held.
{{ scorehouse.adaptive_level(
    predictions=ref('demand_by_volume'),
    labels=ref('demand_labels'),
    calibration=ref('demand_interval_calibration'),
    key=['stock_code', 'week_start'],
    label='units',
    period='week',
    options={
        'day': 'week_start', 'date_from': '2011-08-01', 'group': 'volume',
        'maturity': {'days': 7, 'share': 0.95, 'as_of': '2011-12-10'},
    },
) }}
