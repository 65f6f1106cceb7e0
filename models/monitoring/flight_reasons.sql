-- What each of the sixteen features contributed to the risk of the sampled flights.
{{ scorehouse.scored('flight_delay', key='flight_id', passthrough=['flight_date'], reasons=16) }}

select * from {{ ref('flight_sample') }}
