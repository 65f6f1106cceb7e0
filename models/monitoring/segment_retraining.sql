-- Whether the customer segments should be retrained, and why; an orchestrator can read this.
-- A view: it is up to date even where a failed test stops a build before it.
{{ config(materialized='view') }}

{{ scorehouse.retraining_signals(
    registry=ref('ml_segments'),
    drift=ref('segment_drift'),
    predictions=ref('segment_predictions'),
    limits={'age_days': 365},
    as_of='2011-12-10',
) }}
