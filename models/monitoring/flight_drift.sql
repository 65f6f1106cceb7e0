-- Each month of flights against the training months; a month of one airport too.
{{ scorehouse.drift(
    profiles=ref('flight_profiles'),
    reference=ref('ml_flight_delay__reference'),
    window='month',
    importance=ref('ml_flight_delay__signature'),
) }}
