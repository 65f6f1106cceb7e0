{{ scorehouse.scored('delay', key='trip_id', passthrough=['trip_day', 'line']) }}

select
    trip_id,
    trip_day,
    line,
    passengers,
    stops
from {{ ref('trips') }}
