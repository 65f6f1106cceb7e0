-- Whether the churn model should be retrained, and why; an orchestrator can read this.
-- A view: it is up to date even where a failed test stops a build before it.
{{ config(materialized='view') }}

{{ scorehouse.retraining_signals(
    registry=ref('ml_churn'),
    drift=ref('churn_drift'),
    performance=ref('churn_performance'),
    predictions=ref('churn_predictions'),
    limits={'age_days': 365},
    as_of='2011-12-10',
) }}
