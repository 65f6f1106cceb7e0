-- How the challenger's scores differ from the champion's scores, by airport.
{{ scorehouse.compare_versions(
    ref('flight_challenge'), key='flight_id', threshold=0.5, segments=['origin']
) }}
