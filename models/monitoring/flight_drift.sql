-- Each month of flights against the training months, for all airports and for each airport.
{{ scorehouse.drift(
    profiles=ref('flight_profiles'),
    reference=ref('ml_flight_delay__reference'),
    window='month',
    importance=ref('ml_flight_delay__signature'),
) }}
