-- How well the five offered products match the purchases, by month of the cut-off.
{{ scorehouse.performance(
    predictions=ref('ranking_predictions'),
    labels=ref('ranking_labels'),
    key=['customer_id', 'stock_code', 'cutoff_date'],
    label='bought',
    task='ranking',
    day='cutoff_date',
    options={'query': 'customer_id', 'k': 5},
) }}
