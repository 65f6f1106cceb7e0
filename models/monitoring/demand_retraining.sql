-- Whether the demand model should be retrained, and why; an orchestrator can read this.
-- A view: it is up to date even where a failed test stops a build before it.
{{ config(materialized='view') }}

{{ scorehouse.retraining_signals(
    registry=ref('ml_demand'),
    drift=ref('demand_drift'),
    performance=ref('demand_performance'),
    predictions=ref('demand_predictions'),
    limits={'metric': 'wape', 'age_days': 365},
    as_of='2011-12-10',
) }}
