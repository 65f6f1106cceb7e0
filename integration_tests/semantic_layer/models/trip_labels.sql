select
    trip_id,
    late
from {{ ref('trips') }}
where trip_day < date '2026-03-01'
