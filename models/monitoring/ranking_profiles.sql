-- Counts of every feature and output of the ranking model in its training bins, by cut-off date.
{{ scorehouse.profile(
    predictions=ref('ranking_predictions'),
    reference=ref('ml_next_product__reference'),
    features=ref('ranking_scoring_features'),
    key=['customer_id', 'stock_code'],
    day='cutoff_date',
    signature=ref('ml_next_product__signature'),
) }}
