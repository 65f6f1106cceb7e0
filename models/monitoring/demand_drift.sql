-- Each month of forecasts against the weeks of training.
{{ scorehouse.drift(
    profiles=ref('demand_profiles'),
    reference=ref('ml_demand__reference'),
    window='month',
    importance=ref('ml_demand__signature'),
) }}
