{{ config(materialized='incremental', **scorehouse.replace_windows()) }}

-- Counts of every feature and output of the delay model in its training bins, by day of flight.
{{ scorehouse.profile(
    predictions=ref('flight_predictions'),
    reference=ref('ml_flight_delay__reference'),
    features=ref('flight_scoring_features'),
    key='flight_id',
    day='flight_date',
    segments=['origin'],
    signature=ref('ml_flight_delay__signature'),
) }}
