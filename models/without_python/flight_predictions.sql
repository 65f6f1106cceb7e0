{{ scorehouse.scored(
    'flight_delay', key='flight_id', passthrough=['flight_date', 'carrier', 'origin', 'dest']
) }}

select * from {{ ref('flight_scoring_features') }}
