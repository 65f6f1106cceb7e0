-- What the delay model can learn from: flights that were scored, their outcome, and the features as scored.
{{ scorehouse.training_set(
    ref('flight_predictions'), ref('flight_labels'), key='flight_id', label='arrived_late',
    at='flight_date', matures_after='2 days', until='2014-01-01',
    features=ref('flight_scoring_features'), event_time='flight_date', columns=[
        'carrier', 'origin', 'dest', 'day_of_week', 'departure_hour', 'clock_minutes', 'distance', 'dep_delay',
        'temp', 'humid', 'wind_speed', 'precip', 'pressure', 'visib', 'plane_age', 'seats'
    ]
) }}
