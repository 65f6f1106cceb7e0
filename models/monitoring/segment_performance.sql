-- Sizes of the customer segments and distances to their centres, by month of scoring.
{{ scorehouse.performance(
    predictions=ref('segment_predictions'),
    labels=none,
    key='customer_id',
    label=none,
    task='clustering',
) }}
