select
    i as trip_id,
    date '2026-01-01' + cast(i % 90 as integer) as trip_day,
    case when i % 3 = 0 then 'harbour' else 'hill' end as line,
    (i * 7919 % 997) / 10e0 + case when i % 90 >= 59 then 60e0 else 0e0 end as passengers,
    cast(i * 31 % 23 as integer) as stops,
    cast((i * 7919 % 997) / 10e0 + 2e0 * (i * 31 % 23) + i * 104729 % 61 > 110 as integer) as late
from range(1, 6001) as numbers (i)
