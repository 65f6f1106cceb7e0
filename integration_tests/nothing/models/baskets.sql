select
    i as basket_id,
    (i * 37 % 101)::double as spend,
    (i * 17 % 13)::integer as visits,
    ((i * 37 % 101) + 5 * (i * 17 % 13) > 70)::integer as came_back
from range(1, 401) as numbers (i)
