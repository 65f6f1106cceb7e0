-- Which version is the better one on the flights of December, and how sure that is.
{{ scorehouse.compare_metric(
    ref('flight_challenge'), ref('flight_labels'), key='flight_id', label='arrived_late', settings={'replicates': 50}
) }}
