-- Counts of every feature and output of the demand model in its training bins, by week.
{{ scorehouse.profile(
    predictions=ref('demand_predictions'),
    reference=ref('ml_demand__reference'),
    features=ref('demand_scoring_features'),
    key=['stock_code', 'week_start'],
    day='week_start',
    signature=ref('ml_demand__signature'),
) }}
