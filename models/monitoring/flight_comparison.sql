-- How the scores of the challenger differ from those of the champion, by airport.
{{ scorehouse.compare_versions(
    ref('flight_challenge'), key='flight_id', threshold=0.5, segments=['origin']
) }}
