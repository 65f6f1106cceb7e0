-- Each month of forecasts against the training weeks.
{{ scorehouse.drift(
    profiles=ref('demand_profiles'),
    reference=ref('ml_demand__reference'),
    window='month',
    importance=ref('ml_demand__signature'),
) }}
