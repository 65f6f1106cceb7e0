-- Which version is better on the flights of December, and how certain that is.
{{ scorehouse.compare_metric(
    ref('flight_challenge'), ref('flight_labels'), key='flight_id', label='arrived_late', settings={'replicates': 50}
) }}
