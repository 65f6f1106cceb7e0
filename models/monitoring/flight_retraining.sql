-- Whether the delay model should be retrained, and why; an orchestrator can read this.
-- A view: it is up to date even where a failed test stops a build before it.
{{ config(materialized='view') }}

{{ scorehouse.retraining_signals(
    registry=ref('ml_flight_delay'),
    drift=ref('flight_drift'),
    performance=ref('flight_performance'),
    predictions=ref('flight_predictions'),
    limits={'age_days': 365},
    as_of='2014-01-02',
) }}
