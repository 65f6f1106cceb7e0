-- The evidence so far that the delay model is worse than it may be: an alert is hardly ever due to chance.
{{ scorehouse.sequential_monitor(
    source=ref('flight_performance'),
    limits={'accuracy': 0.85, 'brier': 0.11},
) }}
