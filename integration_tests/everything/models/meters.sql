select
    i as "Meter Id",
    case i % 3 when 0 then 'house' when 1 then 'flat' else 'shop' end as kind,
    (i * 7 % 90)::double as floor_area,
    case when i % 25 != 0 then (i * 11 % 40)::integer end as age,
    (i * 7 % 90) * 12.5e0 + (i * 11 % 40) as consumption,
    case when (i * 7 % 90) > 60 then 'high' when (i * 7 % 90) > 30 then 'middle' else 'low' end as band
from range(1, 601) as numbers (i)
