{{ scorehouse.drift(ref('trip_profiles'), ref('ml_delay__reference'), window='month') }}
