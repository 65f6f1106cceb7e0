-- Which features drive the risk, month by month, and which moved its mean.
{{ scorehouse.attribution(
    predictions=ref('flight_reasons'),
    day='flight_date',
) }}
